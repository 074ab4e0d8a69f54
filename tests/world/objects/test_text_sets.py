"""Meshes with texts: what a mixed set and a long tail consist of."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.objects.generation import CATEGORIES, COMMON_CATEGORIES, Variation, generate
from concord3d.world.objects.palette import BASIC
from concord3d.world.objects.text_sets import ensembled_shape, long_tail, long_tail_shape


@settings(max_examples=60)
@given(st.integers(1, 3000), st.integers(1, 47), st.integers(0, 99))
def test_a_long_tail_follows_zipf(total: int, num_categories: int, seed: int) -> None:
    categories = COMMON_CATEGORIES[:num_categories]
    classes = long_tail(categories, total, seed)
    counts = np.array([entry.count for entry in classes])
    assert counts.sum() == total and counts.min() >= 1
    assert len({entry.name for entry in classes}) == len(classes) <= num_categories * len(BASIC)
    exact = 1 / np.arange(1, num_categories * len(BASIC) + 1)
    exact *= total / exact.sum()
    # Largest remainders: every count is the exact share rounded up or down, so the order holds within one.
    assert (np.abs(counts - exact[: len(counts)]) < 1).all() or len(counts) < len(exact)
    assert (np.diff(counts) <= 1).all()
    assert classes == long_tail(categories, total, seed)


def test_many_classes_have_one_shape_and_few_have_most() -> None:
    classes = long_tail(COMMON_CATEGORIES, 400, 1)
    counts = [entry.count for entry in classes]
    assert counts[0] > 40 and counts.count(1) > 60 and sum(counts[:30]) > 200
    assert {entry.name for entry in classes} != {entry.name for entry in long_tail(COMMON_CATEGORIES, 400, 2)}


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_painted_object_has_the_colour_of_its_class(category: str) -> None:
    obj, row = long_tail_shape(category, "red", 7, 3, np.random.default_rng(0))
    assert row["category"] == f"red {category.replace('_', ' ')}"
    assert obj.mesh.face_colors is not None
    areas, colors = obj.mesh.face_areas(), obj.mesh.face_colors.astype(int)
    is_red = (colors[:, 0] > 1.6 * colors[:, 1]) & (colors[:, 0] > 1.6 * colors[:, 2])
    assert areas[is_red].sum() / areas.sum() > 0.4
    assert "red" in str(row["captions"]) and category.replace("_", " ") in str(row["captions"])


def test_basic_colours_can_be_told_apart() -> None:
    names = list(BASIC)
    for first in names:
        for second in names[: names.index(first)]:
            assert np.abs(np.subtract(BASIC[first], BASIC[second])).max() > 60, (first, second)


def test_the_default_variation_changes_nothing() -> None:
    plain, same = generate("chair", 4, 2), generate("chair", 4, 2, Variation())
    assert plain.mesh.vertices.tobytes() == same.mesh.vertices.tobytes() and plain.captions == same.captions
    turned = generate("chair", 4, 2, Variation(any_heading=True))
    assert turned.style["heading_deg"] != plain.style["heading_deg"]
    np.testing.assert_allclose(
        np.linalg.norm(turned.mesh.vertices[:, [0, 2]], axis=1),
        np.linalg.norm(plain.mesh.vertices[:, [0, 2]], axis=1),
        atol=1e-5,
    )


def test_a_wider_spread_deforms_more() -> None:
    def spread(factor: float) -> float:
        shapes = [generate("box", index, 1, Variation(spread=factor)).style for index in range(40)]
        return float(np.std([np.log(float(style["stretch_x"])) for style in shapes]))

    assert spread(2.0) > 1.6 * spread(1.0) > 0
    assert spread(0.0) == 0


def test_texts_of_the_mixed_set_are_as_mixed_as_announced() -> None:
    rows = [ensembled_shape("stool", index, 5, np.random.default_rng(index))[1] for index in range(250)]
    sources = Counter(row["source"] for row in rows)
    assert 70 < sources["catalogue"] < 130 and sum(sources.values()) == 250
    silent = [row for row in rows if not (row["name"] or row["captions"] or row["retrieved"])]
    assert 8 < len(silent) < 36
    web = [row for row in rows if row["source"] == "web" and row not in silent]
    assert 0.2 < np.mean([not row["name"] for row in web]) < 0.4
    assert 0.03 < np.mean([not row["captions"] for row in web]) < 0.2
    named = [str(row["name"]) for row in web if row["name"]]
    assert sum(name == "stool" or name.split(" ")[0] in BASIC for name in named) > 30
    catalogue = [row for row in rows if row["source"] == "catalogue" and row not in silent]
    assert all(row["name"] == "stool" and len(row["captions"]) == 1 for row in catalogue)
    assert all(len(row["retrieved"]) == 2 for row in (*web, *catalogue))
    assert all(row["category"] == "stool" for row in rows)


def test_sets_and_splits_share_no_shape(tmp_path: Path) -> None:
    build_dataset(WorldRecipe("ensembled", {"train": 8, "test": 6}, ("chair", "lamp"), 32, 1), tmp_path / "e")
    build_dataset(WorldRecipe("objaverse_lvis", {"test": 8}, ("chair", "lamp"), 32, 1), tmp_path / "l")
    build_dataset(WorldRecipe("shapenet", {"train": 8}, ("chair", "lamp"), 32, 1), tmp_path / "s")
    mixed = [json.loads(line) for line in (tmp_path / "e/ensembled/index.jsonl").read_text().splitlines()]
    tail = [json.loads(line) for line in (tmp_path / "l/objaverse_lvis/index.jsonl").read_text().splitlines()]
    uids = [row["uid"] for row in (*mixed, *tail)]
    uids += [path.stem for path in (tmp_path / "s").rglob("*.glb")]
    assert len(uids) == len(set(uids)) == 30
    assert Counter(row["split"] for row in mixed) == {"train": 8, "test": 6}
    assert [row["split"] for row in mixed] != sorted(row["split"] for row in mixed), "rows are shuffled"
    listed = (tmp_path / "l/objaverse_lvis/class_names.txt").read_text().splitlines()
    assert listed == sorted({row["category"] for row in tail})
    assert (tmp_path / "e/ensembled/class_names.txt").read_text().splitlines() == ["chair", "lamp"]
    assert len({path.read_bytes() for path in tmp_path.rglob("*.glb")}) == 30

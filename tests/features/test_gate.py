"""What a tower must achieve on objects that it never saw."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.features.picture_sets import PLAIN, pictured

from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError
from concord3d.features.gate import (
    CAPTION_CLASS,
    CATEGORY,
    COLOUR,
    COLOURS,
    MASKED,
    MEAN_OF_VIEWS,
    RETRIEVAL,
    UNSEEN,
    ZERO_SHOT,
    measure_gate,
    named_colour,
    require_measurable,
    top1_credit,
)
from concord3d.features.pairs import Pairs, PicturedObjects


def test_equal_embeddings_score_chance_and_right_ones_everything() -> None:
    target = np.arange(7)
    assert top1_credit(np.ones((7, 3)), np.ones((7, 3)) * 2, target).tolist() == [1 / 7] * 7
    assert top1_credit(np.eye(7), np.eye(7) * 3, target).tolist() == [1] * 7
    assert top1_credit(np.eye(7), np.eye(7)[::-1], target).sum() == 1
    assert top1_credit(np.zeros((2, 3)), np.ones((4, 3)), np.array([0, 3])).tolist() == [0.25, 0.25]


class GreyTower:
    """Sees the grey of a picture; reads the number at the end of a text, or the word chair."""

    dim, image_size, identity = 2, 8, {"architecture": "grey"}

    def __init__(self, blind: bool = False) -> None:
        self.blind = blind

    def _at(self, angle: NDArray[np.floating]) -> NDArray[np.float32]:
        angle = np.zeros_like(angle) if self.blind else angle
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._at((images[:, 0, 0, 0] % 100) // 10 / 10)

    def encode_texts(self, texts: Any) -> NDArray[np.float32]:
        return self._at(np.array([float(text.split()[-1]) / 10 if text[-1].isdigit() else 0.0 for text in texts]))


def gate_pairs() -> Pairs:
    return Pairs([pictured("a", [ShapeTexts(f"no {number}") for number in range(6)])], PLAIN)


def test_the_gate_measures_each_view_set_on_held_out_objects() -> None:
    held_out = np.array([1, 3, 4])
    gate = measure_gate(GreyTower(), gate_pairs(), held_out, {RETRIEVAL: 90.0, ZERO_SHOT: None})
    found = {(measure["metric"], measure["view_set"]): measure for measure in gate["measures"]}
    metrics = (RETRIEVAL, ZERO_SHOT, MEAN_OF_VIEWS)
    assert set(found) == {(metric, view) for metric in metrics for view in ("all", "clean", "photo")}
    retrieval = found[RETRIEVAL, "all"]
    assert retrieval["value"] == 100 and retrieval["chance"] == pytest.approx(100 / 3, abs=1e-4)
    assert (retrieval["n_items"], retrieval["n_objects"], found[RETRIEVAL, "photo"]["n_items"]) == (15, 3, 6)
    assert retrieval["passed"] is True and found[RETRIEVAL, "photo"]["passed"] is None and gate["passed"] is True
    assert found[ZERO_SHOT, "all"]["value"] == 50 and found[ZERO_SHOT, "all"]["threshold"] is None


def test_a_blind_tower_scores_chance_and_does_not_pass() -> None:
    gate = measure_gate(GreyTower(blind=True), gate_pairs(), np.arange(6), {RETRIEVAL: 50.0, ZERO_SHOT: 40.0})
    first = {measure["metric"]: measure for measure in gate["measures"] if measure["view_set"] == "all"}
    for metric in (RETRIEVAL, ZERO_SHOT):
        assert first[metric]["value"] == pytest.approx(first[metric]["chance"], abs=1e-3)
    assert gate["passed"] is False and first[RETRIEVAL]["passed"] is False and first[ZERO_SHOT]["passed"] is True


def test_zero_shot_without_classes_is_missing_not_zero_and_no_threshold_may_ask_for_it() -> None:
    part = pictured("a", [ShapeTexts(f"no {number}") for number in range(6)])
    pairs = Pairs([PicturedObjects("a", part.views, part.texts, np.full(6, -1), ("chair", "table"))], PLAIN)
    gate = measure_gate(GreyTower(), pairs, np.arange(6), {RETRIEVAL: None, ZERO_SHOT: None})
    assert {measure["metric"] for measure in gate["measures"]} == {RETRIEVAL} and gate["passed"] is None
    with pytest.raises(ConfigError, match="cannot be measured"):
        require_measurable(pairs, np.arange(6), {ZERO_SHOT: 10.0})


class TableTower:
    """Sees what the grey of a picture stands for in a table, and reads colours and shapes."""

    dim, image_size, identity = 14, 8, {"architecture": "table"}
    shapes = ("box", "cone", "star")

    def __init__(self, seen: dict[int, str]) -> None:
        self.seen = seen
        self.read: list[str] = []

    def _vector(self, text: str, shape: float = 1.0) -> NDArray[np.float32]:
        words = re.findall(r"\w+", text.lower())
        vector = [shape * (word in words) for word in self.shapes] + [float(word in words) for word in COLOURS]
        return np.array(vector, np.float32)

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([self._vector(self.seen[grey]) for grey in images[:, 0, 0, 0].tolist()])

    def encode_texts(self, texts: Any) -> NDArray[np.float32]:
        self.read += texts
        return np.stack([self._vector(text) for text in texts])


def coloured_pairs(class_names: tuple[str, ...] = TableTower.shapes) -> Pairs:
    """Four objects of classes 0, 1, 2, 0 with five pictures each: 10 times the object plus the view, photos + 100."""
    captions = ("a red box; black legs", "a tall cone", "the star is blue: very large", "a Green box")
    part = pictured("a", [ShapeTexts("x", (caption,)) for caption in captions])
    return Pairs([PicturedObjects("a", part.views, part.texts, np.array([0, 1, 2, 0]), class_names)], PLAIN)


def seen_as(**objects: list[str]) -> TableTower:
    """A tower that takes the pictures of object ``oN`` for these things: three clean ones, then two photos."""
    greys = {}
    for name, things in objects.items():
        for view, thing in enumerate(things):
            greys[10 * int(name[1:]) + (view if view < 3 else 100 + view - 3)] = thing
    return TableTower(greys)


def by_view_set(gate: dict[str, Any], metric: str) -> dict[str, float]:
    return {m["view_set"]: m["value"] for m in gate["measures"] if m["metric"] == metric}


def test_the_first_colour_of_the_first_clause_counts() -> None:
    cases = {
        "a tall red chair; black legs": "red",
        "a tall oak chair; black legs": None,
        "a Dark Blue box": "blue",
        "a reddish box": None,
        "": None,
        "this lamp is grey, white": "grey",
    }
    assert {text: None if (c := named_colour(text)) is None else COLOURS[c] for text in cases} == cases


def test_the_mean_of_views_outvotes_single_wrong_views_in_each_view_set() -> None:
    tower = seen_as(o0=["box", "box", "star", "star", "star"], o1=["cone"] * 5)
    gate = measure_gate(tower, coloured_pairs(), np.array([0, 1]), {MEAN_OF_VIEWS: 60.0})
    assert by_view_set(gate, ZERO_SHOT) == {"all": 70, "clean": pytest.approx(83.3333), "photo": 50}
    assert by_view_set(gate, MEAN_OF_VIEWS) == {"all": 50, "clean": 100, "photo": 50}
    assert gate["passed"] is False
    first = next(m for m in gate["measures"] if m["metric"] == MEAN_OF_VIEWS)
    assert (first["n_items"], first["n_objects"], first["chance"]) == (2, 2, 33.3333)


def test_a_tower_that_hides_patches_is_asked_for_the_class_beside_the_tower() -> None:
    tower, masked = (seen_as(o0=["box"] * n + ["star"] * (5 - n), o1=["cone"] * 5) for n in (5, 2))
    gate = measure_gate(tower, coloured_pairs(), np.array([0, 1]), {}, masked_tower=masked)
    assert by_view_set(gate, ZERO_SHOT)["all"] == 100
    assert by_view_set(gate, MASKED) == {"all": 70, "clean": pytest.approx(83.3333), "photo": 50}
    assert not by_view_set(measure_gate(tower, coloured_pairs(), np.array([0, 1]), {}), MASKED)


def test_captions_ask_for_their_class() -> None:
    tower = seen_as(o0=["box"] * 5, o1=["box"] * 5)
    gate = measure_gate(tower, coloured_pairs(), np.array([0, 1]), {CAPTION_CLASS: 100.0})
    assert by_view_set(gate, CAPTION_CLASS) == {"texts": 100} and gate["passed"] is True
    swapped = coloured_pairs(("cone", "box", "star"))
    assert by_view_set(measure_gate(tower, swapped, np.array([0, 1]), {}), CAPTION_CLASS) == {"texts": 0}


def test_category_and_colour_are_judged_apart_where_captions_name_colours() -> None:
    things = ["red box", "red box", "red star", "blue box", "star"]
    tower = seen_as(o0=things, o1=["cone"] * 5, o3=["green box"] * 5)
    gate = measure_gate(tower, coloured_pairs(), np.array([0, 1, 3]), {CATEGORY: 80.0, COLOUR: None})
    # Of the last picture the colour is drawn by lot.
    assert by_view_set(gate, CATEGORY) == {"all": 80, "clean": pytest.approx(83.3333), "photo": 75}
    assert by_view_set(gate, COLOUR)["all"] == pytest.approx(100 * (8 + 1 / len(COLOURS)) / 10, abs=1e-3)
    chances = {m["metric"]: m["chance"] for m in gate["measures"] if m["metric"] in (CATEGORY, COLOUR)}
    assert chances == {CATEGORY: 33.3333, COLOUR: 9.0909} and gate["passed"] is True


def test_colours_are_left_out_where_classes_have_them() -> None:
    pairs = coloured_pairs(("red box", "cone", "star"))
    gate = measure_gate(seen_as(o0=["red box"] * 5, o1=["cone"] * 5), pairs, np.array([0, 1]), {})
    assert not {CATEGORY, COLOUR} & {m["metric"] for m in gate["measures"]}
    with pytest.raises(ConfigError, match="cannot be measured"):
        require_measurable(pairs, np.array([0, 1]), {CATEGORY: 1.0})


def test_unseen_classes_are_measured_apart_on_all_their_objects() -> None:
    tower = seen_as(o0=["box"] * 5, o1=["cone"] * 5, o2=["cone"] * 5, o3=["box"] * 5)
    held_out, unseen = np.array([0, 2, 3]), np.array([1, 2])
    gate = measure_gate(tower, coloured_pairs(), held_out, {UNSEEN: 50.0}, unseen)
    found = next(m for m in gate["measures"] if (m["metric"], m["view_set"]) == (UNSEEN, "all"))
    assert (found["value"], found["chance"], found["n_objects"], found["passed"]) == (50, 50, 2, True)
    zero_shot = next(m for m in gate["measures"] if m["metric"] == ZERO_SHOT)
    assert (zero_shot["value"], zero_shot["n_objects"], zero_shot["chance"]) == (100, 2, 33.3333)
    with pytest.raises(ConfigError, match="cannot be measured"):
        require_measurable(coloured_pairs(), held_out, {UNSEEN: 50.0})

"""Redwood as the world writes it: files of the layout, equal in every process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.world.made import tree

from concord3d.data.catalog import load_catalog
from concord3d.errors import ConfigError
from concord3d.world.build import build_dataset
from concord3d.world.datasets import find_family
from concord3d.world.datasets.interface import WorldRecipe

RECIPE = WorldRecipe("redwood", {"train": 4, "test": 3}, ("trash container", "bicycle"), 64, 3)


def test_files_of_the_layout(tmp_path: Path) -> None:
    build_dataset(RECIPE, tmp_path)
    folder = tmp_path / "redwood"
    scans = json.loads((folder / "categories.json").read_text())
    lists = {split: (folder / f"{split}_set80.txt").read_text().split() for split in ("train", "test")}
    assert {split: len(names) for split, names in lists.items()} == {"train": 4, "test": 3}
    listed = lists["train"] + lists["test"]
    assert len(scans) == 9 and sorted(scans["trash container"] + scans["bicycle"]) == sorted(listed)
    assert {name for name, own in scans.items() if own} == {"trash container", "bicycle"}
    for scan in listed:
        cloud = np.load(folder / "meshpreprocessed3" / f"{scan}.npy")
        assert cloud.shape == (64, 3) and cloud.dtype == np.float32
        frames = sorted((folder / "videoframes" / scan).iterdir())
        assert [path.name for path in frames] == [f"frame{number:06d}.jpg" for number in range(1, 11)]
        for path in frames:
            with Image.open(path) as frame:
                assert (frame.format, frame.mode, frame.size) == ("JPEG", "RGB", (128, 128))


def test_the_bytes_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    build_dataset(RECIPE, tmp_path / "one")
    build_dataset(RECIPE, tmp_path / "two", workers=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@pytest.mark.parametrize("dataset", ["redwood", "co3d"])
def test_classes_are_those_of_the_catalogue(repository: Path, dataset: str) -> None:
    layout = find_family(dataset).layouts[dataset]
    names = load_catalog(repository / "datasets" / "datasets.yaml")[dataset].class_names
    assert set(layout.categories) | set(layout.lacking) == set(names)
    assert not set(layout.categories) & set(layout.lacking)
    assert list(layout.categories) == [name for name in names if name in layout.categories]


def test_a_class_that_the_world_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no category 'broccoli'"):
        build_dataset(WorldRecipe("co3d", {"test": 2}, ("broccoli",), 64, 3), tmp_path)

"""CO3D as the world writes it: folders of sequences, in whose clouds x is up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from concord3d.world.build import build_dataset
from concord3d.world.datasets import find_family
from concord3d.world.datasets.interface import WorldRecipe


def test_files_of_the_layout(tmp_path: Path) -> None:
    build_dataset(WorldRecipe("co3d", {"train": 3, "test": 2}, ("stopsign", "wineglass"), 200, 3), tmp_path)
    folder = tmp_path / "co3d"
    lists = {split: (folder / f"{split}_set_80.txt").read_text().split() for split in ("train", "test")}
    assert {split: len(names) for split, names in lists.items()} == {"train": 3, "test": 2}
    for name in lists["train"] + lists["test"]:
        sequence = folder / "data_preprocessed" / name
        cloud = np.load(sequence / "pointcloud1.npy")
        assert cloud.shape == (200, 3) and len(list((sequence / "images").glob("*.jpg"))) == 10
        if name.startswith("stopsign"):
            assert np.ptp(cloud, axis=0).argmax() == 0, "a post is highest along x"


def test_most_classes_have_shapes() -> None:
    layout = find_family("co3d").layouts["co3d"]
    assert {"backpack", "cup", "handbag", "suitcase", "wineglass", "stopsign"} <= set(layout.categories)
    assert "broccoli" in layout.lacking and len(layout.categories) >= 20

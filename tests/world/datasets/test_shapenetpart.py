"""ShapeNetPart as the world writes it: files and part numbers."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.world.made import clouds, read

from concord3d.errors import BadCloud
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.datasets.shapenetpart import write_shapenetpart_h5
from concord3d.world.formats.labelled_h5 import LabelledClouds


def test_shapenetpart_files_and_keys(tmp_path):
    splits = {name: clouds(5, 12, number, point_labels=True) for number, name in enumerate(("train", "val", "test"))}
    splits = {
        name: LabelledClouds(c.points, c.labels, c.names, c.point_labels % 50) for name, c in splits.items()
    }  # fmt: skip
    write_shapenetpart_h5(tmp_path, splits, shapes_per_file=3)
    folder = tmp_path / "shapenet_part_seg_hdf5_data"
    for split, given_split in splits.items():
        files = (folder / f"{split}_hdf5_file_list.txt").read_text().split()
        assert files == [f"ply_data_{split}0.h5", f"ply_data_{split}1.h5"]
        parts = []
        for file in files:
            with h5py.File(folder / file) as store:
                assert store["label"].shape == (len(store["data"]), 1) and store["pid"].dtype == np.uint8
                parts.append(store["pid"][:])
        np.testing.assert_array_equal(np.concatenate(parts), given_split.point_labels)
    listing = [line.split("\t") for line in (folder / "all_object_categories.txt").read_text().splitlines()]
    assert len(listing) == 16 and listing[0] == ["Airplane", "02691156"] and listing[15] == ["Table", "04379243"]
    with pytest.raises(BadCloud, match="part number"):
        write_shapenetpart_h5(tmp_path, {"train": clouds(2, 4)})


def test_shapenetpart_points_lie_on_their_parts(tmp_path):
    build_dataset(WorldRecipe("shapenetpart", {"train": 18}, None, 128, 3), tmp_path)
    store = read(tmp_path / "shapenet_part_seg_hdf5_data" / "ply_data_train0.h5")
    ranges = {
        0: (0, 4),
        1: (4, 6),
        3: (8, 12),
        4: (12, 16),
        6: (19, 22),
        8: (24, 28),
        9: (28, 30),
        11: (36, 38),
        15: (47, 50),
    }
    assert set(store["label"][:, 0]) == set(ranges)
    for label, parts in zip(store["label"][:, 0], store["pid"], strict=True):
        low, high = ranges[int(label)]
        assert parts.min() >= low and parts.max() < high
    for label in (4, 15):  # chairs: seat above legs; tables: top above legs
        upper, leg = (13, 14) if label == 4 else (47, 48)
        gaps = [
            cloud[parts == upper, 1].mean() - cloud[parts == leg, 1].mean()
            for cloud, parts in zip(store["data"], store["pid"], strict=True)
            if (parts == upper).any() and (parts == leg).any() and upper in ((13,) if label == 4 else (47,))
        ]
        assert gaps and np.mean(gaps) > 0.2

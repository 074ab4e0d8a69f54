"""Clouds to write are checked, and their bytes depend on the arrays alone."""

from __future__ import annotations

import numpy as np
import pytest
from tests.world.made import clouds, colored_mesh, tree

from concord3d.errors import BadCloud
from concord3d.world.datasets.meshes_with_texts import write_text_index, write_text_mesh
from concord3d.world.datasets.modelnet import (
    write_modelnet_h5,
)
from concord3d.world.datasets.scanobjectnn import write_scanobjectnn
from concord3d.world.datasets.shapenet import write_shapenet_model
from concord3d.world.formats.labelled_h5 import LabelledClouds


def test_same_arrays_same_bytes(tmp_path):
    for folder in ("one", "two"):
        root = tmp_path / folder
        write_modelnet_h5(root, {"train": clouds(5, 9)}, ["a"])
        write_scanobjectnn(root, "scanobjectnn_obj_bg", {"test": clouds(5, 9, point_labels=True)})
        points = clouds(1, 9).points[0]
        write_shapenet_model(root, "cup", "cup_1", points, np.full((9, 3), 7, np.uint8), colored_mesh())
        file = write_text_mesh(root / "set", "cup_1", colored_mesh())
        write_text_index(root / "set", [{"uid": "cup_1", "file": file, "name": "“cup”"}], ["cup"])
    assert len(tree(tmp_path / "one")) == 9
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_labelled_clouds_refuse_what_does_not_fit():
    with pytest.raises(BadCloud):
        LabelledClouds(np.zeros((0, 4, 3), np.float32), np.zeros(0, np.int64), ())
    with pytest.raises(BadCloud):
        LabelledClouds(np.zeros((2, 4, 3), np.float32), np.zeros(1, np.int64), ("a", "b"))
    with pytest.raises(BadCloud):
        LabelledClouds(np.zeros((1, 4, 3), np.float32), np.zeros(1, np.int64), ("a",), np.zeros((1, 3), np.int64))

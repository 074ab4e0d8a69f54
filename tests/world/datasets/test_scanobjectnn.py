"""ScanObjectNN as the world writes it: files, masks and variants of one scan."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from tests.world.made import SCANNED, clouds, read, tree

from concord3d.errors import BadCloud
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.datasets.scanobjectnn import SCANOBJECTNN_CLASSES, write_scanobjectnn


@pytest.mark.parametrize(
    ("dataset", "training", "test"),
    [
        ("scanobjectnn_obj_bg", "main_split/training_objectdataset.h5", "main_split/test_objectdataset.h5"),
        ("scanobjectnn_obj_only", "main_split_nobg/training_objectdataset.h5", "main_split_nobg/test_objectdataset.h5"),
        (
            "scanobjectnn_pb_t50_rs",
            "main_split/training_objectdataset_augmentedrot_scale75.h5",
            "main_split/test_objectdataset_augmentedrot_scale75.h5",
        ),
    ],
)
def test_scanobjectnn_files_and_keys(tmp_path, dataset, training, test):
    given_train, given_test = clouds(70, 16, point_labels=True), clouds(3, 16, 1, point_labels=True)
    write_scanobjectnn(tmp_path, dataset, {"train": given_train, "test": given_test})
    assert set(tree(tmp_path)) == {f"h5_files/{training}", f"h5_files/{test}"}
    with h5py.File(tmp_path / "h5_files" / training) as store:
        np.testing.assert_array_equal(store["data"][:], given_train.points)
        np.testing.assert_array_equal(store["label"][:], given_train.labels)
        np.testing.assert_array_equal(store["mask"][:], given_train.point_labels)
        assert store["label"].shape == (70,) and store["mask"].shape == (70, 16)
    with pytest.raises(BadCloud, match="mask"):
        write_scanobjectnn(tmp_path, dataset, {"train": clouds(2, 4)})


def test_scanned_variants_share_their_objects(tmp_path):
    clouds = {}
    for variant, folder in (("obj_bg", "main_split"), ("obj_only", "main_split_nobg")):
        build_dataset(replace(SCANNED, dataset=f"scanobjectnn_{variant}"), tmp_path / variant)
        clouds[variant] = read(tmp_path / variant / "h5_files" / folder / "training_objectdataset.h5")
    assert clouds["obj_bg"]["label"].tolist() == clouds["obj_only"]["label"].tolist()
    assert set(clouds["obj_bg"]["label"]) == {SCANOBJECTNN_CLASSES.index("chair"), SCANOBJECTNN_CLASSES.index("table")}
    assert (clouds["obj_only"]["mask"] != -1).all() and (clouds["obj_bg"]["mask"] == -1).any()
    heights = {name: np.ptp(part["data"][..., 1], axis=1) for name, part in clouds.items()}
    np.testing.assert_allclose(heights["obj_bg"], heights["obj_only"], atol=0.25)
    assert not np.allclose(np.linalg.norm(clouds["obj_bg"]["data"], axis=2).max(axis=1), 1), "metres, not unit spheres"


def test_perturbed_scans_are_five_of_each_object(tmp_path):
    recipe = WorldRecipe("scanobjectnn_pb_t50_rs", {"train": 14}, ("sofa", "sink"), 64, 1)
    build_dataset(recipe, tmp_path)
    store = read(tmp_path / "h5_files" / "main_split" / "training_objectdataset_augmentedrot_scale75.h5")
    assert store["data"].shape == (14, 64, 3) and np.bincount(store["label"])[[12, 13]].tolist() == [7, 7]
    assert len({cloud.tobytes() for cloud in store["data"]}) == 14

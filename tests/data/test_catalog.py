"""The catalogue: the shipped file, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from concord3d.data.catalog import DatasetSpec, find_dataset, load_catalog
from concord3d.data.readers import reader_names
from concord3d.data.scans.nyu40 import NAMES
from concord3d.errors import ConfigError

ENTRY = {
    "title": "A set",
    "reader": "modelnet_h5",
    "folders": ["a"],
    "files": [{"path": "a.zip", "urls": ["https://example.org/a.zip"], "archive": "zip"}],
    "licence": {"name": "free", "url": "https://example.org", "gate": "open"},
    "splits": {"train": {"patterns": ["train*.h5"]}},
    "releases": [{"name": "one", "counts": {"train": 3}}],
    "class_names": ["x", "y"],
    "doc": "nothing",
}


def write(folder: Path, entry: dict) -> Path:
    path = folder / "datasets.yaml"
    path.write_text(yaml.safe_dump({"a": entry}))
    return path


def changed(**changes: object) -> dict:
    return {**ENTRY, **changes}


def test_the_shipped_catalogue_holds_the_sets_of_the_specification(repository: Path) -> None:
    catalog = load_catalog(repository / "datasets" / "datasets.yaml")
    assert list(catalog) == [
        "modelnet40", "modelnet40_world", "modelnet40_off", "modelnet10", "modelnet10_off", "scanobjectnn_obj_bg",
        "scanobjectnn_obj_only", "scanobjectnn_pb_t50_rs", "shapenet", "shapenetpart", "s3dis", "named_meshes",
        "ensembled", "objaverse_lvis",
        "openshape_shapenet", "openshape_ensembled", "openshape_no_lvis", "openshape_lvis", "openshape_modelnet40",
        "openshape_scanobjectnn", "redwood", "co3d", "shapenet55", "nuscenes",
        "nuscenes_c", "nuscenes_boxes", "nuscenes_frames", "semantic_kitti_frames", "semantic_kitti", "scribble_kitti",
        "rellis3d", "semantic_poss", "semantic_stf", "synlidar", "daps3d", "synth4d", "waymo", "kitti",
        "scannet", "scan3r",
    ]  # fmt: skip
    counts = {name: spec.releases[0].counts for name, spec in catalog.items()}
    assert counts["modelnet10"] == counts["modelnet10_off"] == {"train": 3991, "test": 908}
    assert counts["scanobjectnn_obj_bg"] == counts["scanobjectnn_obj_only"] == {"train": 2309, "test": 581}
    assert counts["scanobjectnn_pb_t50_rs"] == {"train": 11416, "test": 2882}
    assert sum(counts["shapenetpart"].values()) == 16881
    assert [r.counts["train"] for r in catalog["modelnet40"].releases] == [9840, 9843]
    assert [len(catalog[n].class_names) for n in ("modelnet40", "scanobjectnn_obj_bg", "shapenetpart", "s3dis")] == [
        40, 15, 16, 13,
    ]  # fmt: skip
    assert [len(catalog[name].class_names) for name in ("redwood", "co3d")] == [9, 42]
    assert counts["nuscenes"] == {"train": 28130, "val": 6019} and len(catalog["nuscenes"].class_names) == 16
    # CrossOver spec 1.1: 312 of ScanNet's scans and 157 of 3RScan's are evaluated.
    assert counts["scannet"] == {"train": 1201, "val": 312} and counts["scan3r"] == {"val": 157}
    assert catalog["scannet"].class_names == catalog["scan3r"].class_names == NAMES
    kept = {name: spec.scans.model_dump() for name, spec in catalog.items() if spec.scans is not None}
    assert kept["scannet"] == {
        "frame_stride": 5, "views": 10, "key_frames": 20, "cad_points": 5000, "floorplan_pixels": 224,
    } and kept["scan3r"] == {**kept["scannet"], "frame_stride": 1} and len(kept) == 2  # fmt: skip
    assert (
        counts["nuscenes_c"] == {"val": 25 * 6019}
        and catalog["nuscenes_c"].class_names == catalog["nuscenes"].class_names
    )
    # CMCR spec 1.2, 1.3.
    assert counts["semantic_kitti"] == counts["scribble_kitti"] == {"train": 19130, "val": 4071}
    assert counts["semantic_stf"] == {"train": 1326, "val": 250}
    assert counts["kitti"] == {"train": 3712, "val": 3769}
    assert counts["waymo"] == {"train": 23691, "val": 5976}
    labelled = {name: len(spec.class_names) for name, spec in catalog.items() if spec.scan_labels is not None}
    assert labelled == {
        "semantic_kitti": 19, "scribble_kitti": 19, "rellis3d": 19, "semantic_poss": 13, "semantic_stf": 19,
        "synlidar": 32, "daps3d": 4, "synth4d": 7, "waymo": 22,
    }  # fmt: skip
    assert counts["nuscenes_frames"] == {"train": 21, "test": 15}
    assert counts["semantic_kitti_frames"] == {"train": 14, "test": 12}
    assert [len(catalog[name].class_names) for name in ("nuscenes_frames", "semantic_kitti_frames")] == [10, 19]
    assert catalog["redwood"].held_out == catalog["co3d"].held_out == 0.2
    for spec in catalog.values():
        assert spec.reader in reader_names()
        assert spec.licence.gate != "open" or all(file.urls or file.alone for file in spec.files), (
            "an open set can be downloaded"
        )


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"x": [1], "z": [2]}, "must name the classes"),
        ({"x": [1]}, "must name the classes"),
        ({"x": [1], "y": [1]}, "each of one class"),
        ({"x": [1], "y": [65536]}, "up to 65535"),
        ({"x": [0], "y": [2]}, "each of one class"),
    ],
)
def test_labels_of_scans_fit_the_classes(tmp_path: Path, classes: dict, message: str) -> None:
    right = {"classes": {"x": [1], "y": [2, 3]}, "no_class": [0]}
    assert load_catalog(write(tmp_path, changed(scan_labels=right)))["a"].scan_labels is not None
    with pytest.raises(ConfigError, match=message):
        load_catalog(write(tmp_path, changed(scan_labels={**right, "classes": classes})))


def test_the_smallest_entry_is_accepted(tmp_path: Path) -> None:
    spec = load_catalog(write(tmp_path, ENTRY))["a"]
    assert spec.id == "a" and spec.files[0].sha256 is None and spec.up_axis == "y" and spec.held_out is None


def test_a_file_that_stands_alone_is_never_downloaded_and_not_the_only_one(tmp_path: Path) -> None:
    alone = {"path": "b.zip", "archive": "zip", "alone": True}
    [first, other] = load_catalog(write(tmp_path, changed(files=[*ENTRY["files"], alone])))["a"].files
    assert (first.alone, other.alone) == (False, True) and "alone" not in first.model_dump()
    for files, message in (
        ([*ENTRY["files"], {**alone, "urls": ["https://a"]}], "no 'urls'"),
        ([*ENTRY["files"], {**alone, "optional": True}], "not 'optional'"),
        ([alone], "one that does not stand alone"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_catalog(write(tmp_path, changed(files=files)))


def test_shards_are_written_out(repository: Path, tmp_path: Path) -> None:
    files = load_catalog(repository / "datasets" / "datasets.yaml")["openshape_ensembled"].files
    names = [file.path for file in files]
    assert names[:4] == ["meta_data.zip", "ShapeNet.tar.gz", "ABO.tar.gz", "3D-FUTURE.tar.gz"]
    assert names[4:] == [f"Objaverse/000-{shard:03d}.tar.gz" for shard in range(160)]
    assert all(file.urls[0].endswith(f"/resolve/main/{file.path}") for file in files)
    one = load_catalog(write(tmp_path, changed(files=[{**ENTRY["files"][0], "shards": 1}])))["a"].files
    assert [file.path for file in one] == ["a.zip"]


def test_lists_of_the_release_are_the_published_ones(repository: Path) -> None:
    catalog = load_catalog(repository / "datasets" / "datasets.yaml")
    lists = {
        name: split.list_json
        for name, spec in catalog.items()
        for split in spec.splits.values()
        if spec.reader == "openshape_npy"
    }
    assert lists == {
        "openshape_shapenet": "meta_data/split/ablation/train_shapenet_only.json",
        "openshape_ensembled": "meta_data/split/train_all.json",
        "openshape_no_lvis": "meta_data/split/train_no_lvis.json",
        "openshape_lvis": "meta_data/split/lvis.json",
    }
    assert (
        catalog["openshape_lvis"].releases[0].counts == catalog["objaverse_lvis"].releases[0].counts == {"test": 46832}
    )
    assert sum(catalog["named_meshes"].releases[0].counts.values()) == 1228


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (changed(licens={}), "did you mean 'licence'"),
        (changed(files=[{**ENTRY["files"][0], "sha_256": "0"}]), "did you mean 'sha256'"),
        (changed(splits={"train": {"pattern": ["*"]}}), "did you mean 'patterns'"),
        (changed(reader="modelnet_h4"), "did you mean 'modelnet_h5'"),
        (changed(files=[{**ENTRY["files"][0], "path": "../a.zip"}]), "relative path"),
        (changed(files=[{**ENTRY["files"][0], "sha256": "12ab"}]), "sha256"),
        (changed(licence={"name": "x", "url": "y", "gate": "form"}), "instructions"),
        (changed(releases=[{"name": "one", "counts": {"trian": 3}}]), "splits that do not exist"),
        (changed(class_names=["x", "x"]), "twice"),
        (changed(id="b"), "repeats its id"),
        (changed(held_out=0.2), "needs 'train' and 'test'"),
        (changed(held_out=1.5), "held_out"),
        (changed(files=[{**ENTRY["files"][0], "shards": 0}]), "at least 1"),
        (changed(files=[{**ENTRY["files"][0], "shards": 3}]), "a place for their number"),
        (changed(files=[{**ENTRY["files"][0], "path": "{shard}{name}.zip", "shards": 3}]), "no place but"),
        (changed(files=["a.zip"]), "files"),
        (changed(licence={"name": "x", "url": "y", "gate": "collection"}), "instructions"),
        ({key: value for key, value in ENTRY.items() if key != "doc"}, "missing key 'doc'"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, entry: dict, message: str) -> None:
    path = write(tmp_path, entry)
    with pytest.raises(ConfigError, match=message) as caught:
        load_catalog(path)
    assert str(path) in str(caught.value)


def test_an_unknown_data_set_is_answered_with_the_nearest(repository: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'modelnet40'"):
        find_dataset(load_catalog(repository / "datasets" / "datasets.yaml"), "modelnet_40")


def test_parts_are_counted_for_every_class(repository: Path) -> None:
    spec = load_catalog(repository / "datasets" / "datasets.yaml")["shapenetpart"]
    with pytest.raises(ValidationError, match="'class_parts' counts the parts of 2 of 16 classes"):
        DatasetSpec.model_validate({**spec.model_dump(), "class_parts": (4, 2)})

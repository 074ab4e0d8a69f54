"""The catalogue: the shipped file, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from concord3d.data.catalog import find_dataset, load_catalog
from concord3d.data.readers.dispatch import CLOUD_READERS
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
        "modelnet40", "modelnet40_off", "modelnet10", "scanobjectnn_obj_bg", "scanobjectnn_obj_only",
        "scanobjectnn_pb_t50_rs", "shapenet", "shapenetpart", "s3dis",
    ]  # fmt: skip
    counts = {name: spec.releases[0].counts for name, spec in catalog.items()}
    assert counts["modelnet10"] == {"train": 3991, "test": 908}
    assert counts["scanobjectnn_obj_bg"] == counts["scanobjectnn_obj_only"] == {"train": 2309, "test": 581}
    assert counts["scanobjectnn_pb_t50_rs"] == {"train": 11416, "test": 2882}
    assert sum(counts["shapenetpart"].values()) == 16881
    assert [r.counts["train"] for r in catalog["modelnet40"].releases] == [9840, 9843]
    assert [len(catalog[n].class_names) for n in ("modelnet40", "scanobjectnn_obj_bg", "shapenetpart", "s3dis")] == [
        40, 15, 16, 13,
    ]  # fmt: skip
    for spec in catalog.values():
        assert spec.reader in CLOUD_READERS
        assert spec.licence.gate != "open" or all(file.urls for file in spec.files), "an open set can be downloaded"


def test_the_smallest_entry_is_accepted(tmp_path: Path) -> None:
    spec = load_catalog(write(tmp_path, ENTRY))["a"]
    assert spec.id == "a" and spec.files[0].sha256 is None and spec.up_axis == "y"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (changed(licens={}), "did you mean 'licence'"),
        (changed(files=[{**ENTRY["files"][0], "sha_256": "0"}]), "did you mean 'sha256'"),
        (changed(splits={"train": {"pattern": ["*"]}}), "did you mean 'patterns'"),
        (changed(reader="modelnet"), "reader"),
        (changed(files=[{**ENTRY["files"][0], "path": "../a.zip"}]), "relative path"),
        (changed(files=[{**ENTRY["files"][0], "sha256": "12ab"}]), "sha256"),
        (changed(licence={"name": "x", "url": "y", "gate": "form"}), "instructions"),
        (changed(releases=[{"name": "one", "counts": {"trian": 3}}]), "splits that do not exist"),
        (changed(class_names=["x", "x"]), "twice"),
        (changed(id="b"), "repeats its id"),
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

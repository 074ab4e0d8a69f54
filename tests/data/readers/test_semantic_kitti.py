"""SemanticKITTI and its relatives: what is read of each layout, and what every damage is called."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.readers import find_reader
from concord3d.data.reading import read_split, recognise
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import (
    BadCloud,
    ConcordError,
    ConfigError,
    DatasetCorrupt,
    DatasetMissing,
    UnreadableFile,
    WrongRelease,
)
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

OPTIONS = {"beams": 16, "azimuth_steps": 60}
NAMES = {
    "semantic_kitti": ("08/000000", "08/000001"),
    "scribble_kitti": ("08/000000", "08/000001"),
    "rellis3d": ("00002/000000", "00002/000001"),
    "semantic_poss": ("02/000000", "02/000001"),
    "semantic_stf": ("val/000000", "val/000001"),
    "synlidar": ("12/000000", "12/000001"),
    "daps3d": ("42-48_10_78_90/000000", "44-18_11_15_32/000000"),
}


@pytest.fixture(scope="module")
def catalog(repository: Path) -> dict[str, DatasetSpec]:
    return load_catalog(repository / "datasets" / "datasets.yaml")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One scan of every data set to train and two to test with, each set in a folder of its name."""
    folder = tmp_path_factory.mktemp("scans")
    for name in NAMES:
        build_dataset(WorldRecipe(name, {"train": 1, "val": 2}, None, 1, 4, OPTIONS), folder / name)
    return folder


def read(spec: DatasetSpec, root: Path, split: str = "val") -> SweepSplit:
    store = read_split(spec, root / spec.id, split, "synthetic")
    assert isinstance(store, SweepSplit)
    return store


def scans(root: Path, dataset: str, suffix: str) -> list[Path]:
    """Return the files of the split val."""
    folders = {name.split("/")[0] for name in NAMES[dataset]}
    return sorted(path for path in (root / dataset).rglob(f"*.{suffix}") if path.parent.parent.name in folders)


@pytest.mark.parametrize("dataset", NAMES)
def test_scans_are_what_the_files_hold(catalog: dict[str, DatasetSpec], world: Path, dataset: str) -> None:
    spec = catalog[dataset]
    told = spec.scan_labels
    assert told is not None
    store = read(spec, world)
    assert store.names == NAMES[dataset] and store.class_names == spec.class_names
    assert store.intensity_range == spec.intensity_range and 0.2 < store.network_points(0)[:, 3].max() <= 1
    for row, (points, labels) in enumerate(zip(*(scans(world, dataset, end) for end in ("bin", "label")), strict=True)):
        sweep = store.sweep(row)
        np.testing.assert_array_equal(sweep.points, np.fromfile(points, "<f4").reshape(-1, told.values)[:, :4])
        raw = np.fromfile(labels, "<u4")
        np.testing.assert_array_equal(sweep.extra["instance"], raw >> 16)
        assert sweep.labels is not None
        for number in np.unique(raw & 0xFFFF).tolist():
            [found] = set(sweep.labels[(raw & 0xFFFF) == number].tolist())
            owner = [name for name, numbers in told.classes.items() if number in numbers]
            assert [spec.class_names[found]] == owner if found >= 0 else number in told.no_class
    assert len(set(np.unique(store.labels).tolist()) - {-1}) >= min(4, len(spec.class_names) - 1)


def test_scribbles_are_learnt_from_and_whole_scans_tested(catalog: dict[str, DatasetSpec], world: Path) -> None:
    few, whole = (read(catalog[name], world, "train") for name in ("scribble_kitti", "semantic_kitti"))
    np.testing.assert_array_equal(few.points, whole.points)
    assert few.labels is not None and whole.labels is not None
    drawn = few.labels >= 0
    assert 0.02 < drawn.mean() < 0.3 and (few.labels[drawn] == whole.labels[drawn]).all()
    np.testing.assert_array_equal(
        read(catalog["scribble_kitti"], world).labels, read(catalog["semantic_kitti"], world).labels
    )


def test_weather_leaves_points_without_a_class(catalog: dict[str, DatasetSpec], world: Path) -> None:
    store = read(catalog["semantic_stf"], world)
    raw = np.concatenate([np.fromfile(path, "<u4") & 0xFFFF for path in scans(world, "semantic_stf", "label")])
    assert (raw == 20).any() and (np.asarray(store.labels)[raw == 20] == -1).all()


def test_counts_are_those_of_the_files(catalog: dict[str, DatasetSpec], world: Path) -> None:
    reader = find_reader("semantic_kitti")
    for dataset in NAMES:
        counted = [reader.census(catalog[dataset], world / dataset, split).num_items for split in ("train", "val")]
        assert counted == [1, 2]
    with pytest.raises(WrongRelease, match=r"train 19130(.|\n)*train 1"):
        recognise(catalog["semantic_kitti"], world / "semantic_kitti")
    with pytest.raises(ConfigError, match="does not say what labels mean"):
        reader.read(catalog["semantic_kitti"].model_copy(update={"scan_labels": None}), world, "val", "synthetic")


def changed(suffix: str, change: Callable[[bytes], bytes], dataset: str = "semantic_kitti") -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        path = scans(root, dataset, suffix)[0]
        path.write_bytes(change(path.read_bytes()))

    return damage


def gone(suffix: str) -> Callable[[Path], None]:
    return lambda root: scans(root, "semantic_kitti", suffix)[0].unlink()


def unknown_label(content: bytes) -> bytes:
    return b"\x02\x00\x00\x00" + content[4:]


def no_sequence(root: Path) -> None:
    shutil.rmtree(root / "semantic_kitti/semantic_kitti/dataset/sequences/08")


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (changed("bin", lambda content: content[:-3]), UnreadableFile, r"truncated(.|\n)*\.bin(.|\n)*multiple of 16"),
        (changed("bin", lambda content: content[:-16]), DatasetCorrupt, "not as many as points"),
        (changed("bin", lambda _: b""), BadCloud, "no points"),
        (changed("label", lambda content: content[:-4]), DatasetCorrupt, r"not as many as points(.|\n)*\.label"),
        (changed("label", lambda content: content[:-1]), DatasetCorrupt, "not as many as points"),
        (changed("label", unknown_label), WrongRelease, r"none of this data set(.|\n)*: 2\b"),
        (gone("label"), DatasetMissing, r"has no labels(.|\n)*000000\.label"),
        (no_sequence, DatasetMissing, "No files"),
    ],
)  # fmt: skip
def test_every_damage_has_a_name(
    catalog: dict[str, DatasetSpec], copy: Path, damage: Callable[[Path], None], kind: type[ConcordError], message: str
) -> None:
    damage(copy)
    with pytest.raises(kind, match=message):
        read(catalog["semantic_kitti"], copy)


def test_a_list_decides_and_must_be_whole(catalog: dict[str, DatasetSpec], copy: Path) -> None:
    spec, listed = catalog["rellis3d"], copy / "rellis3d/rellis3d/pt_val.lst"
    lines = listed.read_text().splitlines()
    listed.write_text("\n".join(reversed(lines)))
    assert read(spec, copy).names == tuple(reversed(NAMES["rellis3d"]))
    scans(copy, "rellis3d", "bin")[0].unlink()
    with pytest.raises(DatasetMissing, match=r"(?s)all 2 files.*000000\.bin"):
        read(spec, copy)
    listed.write_text("")
    with pytest.raises(DatasetMissing, match="empty list"):
        read(spec, copy)
    listed.unlink()
    with pytest.raises(DatasetMissing, match=r"pt_val\.lst"):
        read(spec, copy)

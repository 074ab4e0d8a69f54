"""Stores of sweeps: sweeps of any sizes come back, faults are named, and one sweep is read without the others."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d import arrays
from concord3d.data.stores import open_store
from concord3d.data.stores.interface import Limits
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, ConfigError, UnreadableFile, WrongRelease


def sweeps(sizes: tuple[int, ...] = (3, 1, 5), channels: int = 4, labelled: bool = True, seed: int = 0) -> SweepSplit:
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    total = int(offsets[-1])
    return SweepSplit(
        "streets",
        "train",
        "synthetic",
        offsets,
        rng.normal(size=(total, channels)).astype(np.float32),
        ("road", "car"),
        tuple(f"scene_{index}/{index:03d}" for index in range(len(sizes))),
        rng.integers(-1, 2, total) if labelled else None,
        {"instance": rng.integers(0, 9, total), "pixel": rng.normal(size=(total, 2))},
        {
            "pictures": rng.integers(0, 256, (len(sizes), 2, 3, 4, 3), np.uint8),
            "camera_from_lidar": rng.normal(size=(len(sizes), 2, 4, 4)),
        },
    )


def assert_same(first: SweepSplit, second: SweepSplit) -> None:
    assert (first.dataset, first.split, first.data_kind) == (second.dataset, second.split, second.data_kind)
    assert first.names == second.names and first.class_names == second.class_names
    assert (first.labels is None) == (second.labels is None) and list(first.extra) == list(second.extra)
    assert list(first.per_sweep) == list(second.per_sweep)
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name])
        assert array.dtype == second.arrays()[name].dtype


@settings(max_examples=30)
@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    channels=st.integers(3, 6),
    labelled=st.booleans(),
    mapped=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_sizes_come_back(sizes: list[int], channels: int, labelled: bool, mapped: bool, seed: int) -> None:
    given_sweeps = sweeps(tuple(sizes), channels, labelled, seed).validated()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "MAPPED_BYTES", 1 if mapped else 1 << 30)
        given_sweeps.save(Path(folder) / "a.npz")
        read = open_store(Path(folder) / "a.npz")
        assert isinstance(read, SweepSplit) and len(read) == len(sizes)
        assert_same(read, given_sweeps)
        for index, size in enumerate(sizes):
            sweep, rows = read.sweep(index), slice(sum(sizes[:index]), sum(sizes[: index + 1]))
            assert sweep.points.shape == (size, channels) and sweep.name == given_sweeps.names[index]
            np.testing.assert_array_equal(sweep.points, given_sweeps.points[rows])
            np.testing.assert_array_equal(sweep.extra["pixel"], given_sweeps.extra["pixel"][rows])
            np.testing.assert_array_equal(sweep.per_sweep["pictures"], given_sweeps.per_sweep["pictures"][index])
            assert sweep.per_sweep["pictures"].shape == (2, 3, 4, 3)
            assert (sweep.labels is None) == (not labelled)
        read.save(Path(folder) / "b.npz")
        assert (Path(folder) / "a.npz").read_bytes() == (Path(folder) / "b.npz").read_bytes()


@settings(max_examples=20)
@given(index=st.lists(st.integers(0, 2), max_size=6))
def test_a_subset_holds_the_sweeps_asked_for(index: list[int]) -> None:
    whole = sweeps()
    part = whole.subset(np.array(index, dtype=np.int64))
    assert len(part) == len(index) and part.names == tuple(whole.names[i] for i in index)
    for place, source in enumerate(index):
        np.testing.assert_array_equal(part.sweep(place).points, whole.sweep(source).points)
        np.testing.assert_array_equal(part.sweep(place).labels, whole.sweep(source).labels)
        np.testing.assert_array_equal(part.sweep(place).extra["instance"], whole.sweep(source).extra["instance"])
        np.testing.assert_array_equal(
            part.sweep(place).per_sweep["pictures"], whole.sweep(source).per_sweep["pictures"]
        )


def test_there_is_no_sweep_beyond_the_last() -> None:
    for index in (3, -1):
        with pytest.raises(IndexError, match="of 3"):
            sweeps().sweep(index)


@settings(max_examples=15)
@given(cut=st.floats(0, 0.99))
def test_a_truncated_file_is_named(cut: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        sweeps().save(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(cut * len(whole))])
        for read in (open_store, SweepSplit.load):
            with pytest.raises(UnreadableFile, match=r"a\.npz"):
                read(path)


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([0, 3, 4], "for 9 points"),
        ([1, 3, 4, 9], "for 9 points"),
        ([0, 4, 3, 9], "has -1 points"),
        ([0, 4, 4, 9], "has 0 points"),
        ([0.0, 3, 4, 9], "int64"),
        ([[0], [9]], "int64"),
        ([], "int64"),
    ],
)
def test_wrong_offsets_are_named(tmp_path: Path, offsets: list, message: str) -> None:
    wrong = replace(sweeps(), offsets=np.array(offsets))
    with pytest.raises(BadCloud, match=message):
        wrong.validated()
    wrong.save(tmp_path / "a.npz")
    with pytest.raises(UnreadableFile, match=message):
        SweepSplit.load(tmp_path / "a.npz")


def test_what_does_not_fit_is_named() -> None:
    whole = sweeps()
    assert whole.validated() is whole
    points = whole.points.copy()
    points[4, 3] = np.inf
    calibration = whole.per_sweep["camera_from_lidar"].copy()
    calibration[1, 0, 2, 3] = np.nan
    for wrong, message in (
        (replace(whole, points=points), "1 of 9 points, first: in sweep scene_2/002"),
        (replace(whole, points=whole.points[:, :2]), "wrong shape"),
        (replace(whole, names=whole.names[:2]), "differ in number"),
        (replace(whole, labels=whole.labels[:5]), "differ in number"),
        (replace(whole, extra={"ring": np.zeros(8)}), "differ in number"),
        (replace(whole, extra={"a ring": np.zeros(9)}), "no identifier"),
        (replace(whole, per_sweep={"pictures": whole.per_sweep["pictures"][:2]}), "differ in number"),
        (replace(whole, per_sweep={"two words": np.zeros(3)}), "no identifier"),
        (replace(whole, per_sweep={"pose": calibration}), r"'pose' that are not finite(.|\n)*scene_1/001"),
        (whole.subset(np.zeros(0, np.int64)), "no sweep"),
    ):
        with pytest.raises(BadCloud, match=message):
            wrong.validated()


def test_labels_and_distances_are_compared_with_the_catalogue() -> None:
    whole = sweeps()
    whole.check(Limits(lowest_label=-1, max_radius=100.0), "here")
    with pytest.raises(WrongRelease, match="out of range"):
        whole.check(Limits(lowest_label=0), "here")
    with pytest.raises(WrongRelease, match="out of range"):
        replace(whole, class_names=("road",)).check(Limits(lowest_label=-1), "here")
    far = whole.points.copy()
    far[8, 1] = 101
    with pytest.raises(WrongRelease, match="too far"):
        replace(whole, points=far).check(Limits(lowest_label=-1, max_radius=100.0), "here")
    with pytest.raises(ConfigError, match="keep all their points"):
        whole.first_points(2)


# Opens a store of 96 MB with 40 MB more than the imports took.
READER = """
import resource, sys
from pathlib import Path
from concord3d import arrays
from concord3d.data.stores import open_store
import concord3d.data.stores.sweeps

arrays.MAPPED_BYTES = int(sys.argv[2])
data = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
limit = data * 1024 + (40 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
store = open_store(Path(sys.argv[1]))
print(sum(float(store.sweep(index).points[:, 0].sum()) for index in range(0, len(store), 50)))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the process table of Linux")
def test_a_store_larger_than_memory_is_read_by_index(tmp_path: Path) -> None:
    total = 6_000_000
    store = SweepSplit(
        "streets",
        "train",
        "real",
        np.arange(0, total + 1, 10_000),
        np.ones((total, 4), np.float32),
        (),
        tuple(map(str, range(600))),
    )
    store.save(tmp_path / "a.npz")
    commands = [[sys.executable, "-c", READER, str(tmp_path / "a.npz"), str(bytes_)] for bytes_ in (1 << 20, 1 << 40)]
    mapped, whole = (subprocess.run(command, capture_output=True, text=True, timeout=300) for command in commands)
    assert mapped.returncode == 0, mapped.stderr
    assert float(mapped.stdout) == 12 * 10_000
    # The limit is one: the same store does not fit where it is read as a whole.
    assert whole.returncode != 0 and "Unable to allocate" in whole.stderr


def test_networks_read_intensities_from_0_to_1(tmp_path: Path) -> None:
    store = replace(sweeps(), intensity_range=255.0)
    store.save(tmp_path / "train.npz")
    again = SweepSplit.load(tmp_path / "train.npz")
    assert again.intensity_range == 255.0
    for row in range(len(store)):
        points = again.network_points(row)
        assert points.dtype == np.float32
        np.testing.assert_array_equal(points[:, :3], store.sweep(row).points[:, :3])
        np.testing.assert_array_equal(points[:, 3], store.sweep(row).points[:, 3] / np.float32(255))
    sweeps().save(tmp_path / "train.npz")
    for other in (SweepSplit.load(tmp_path / "train.npz"), replace(sweeps(channels=3), intensity_range=1.0)):
        with pytest.raises(BadCloud, match=r"(?s)no intensity.*streets/train.*intensity_range"):
            other.network_points(0)

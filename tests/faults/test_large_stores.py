"""Data sets larger than memory: stores, features and the reader of a large release."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from concord3d.data import storage
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import DiskFull

MEGABYTE = 1 << 20
# Reads a store of 240 MB with 120 MB more than the imports took.
READER = """
import resource, sys
from pathlib import Path
import numpy as np
from concord3d import arrays
from concord3d.data.stores.objects import CloudSplit
from concord3d.arrays import ShardedRows
from concord3d.features.targets import FrozenTargets, TextRows
from concord3d.batches.objects import ObjectData
from concord3d.training.seeding import derived_generator
from concord3d.training.task import TrainingTask

path, mapped_from = Path(sys.argv[1]), int(sys.argv[2])
arrays.MAPPED_BYTES = mapped_from
data = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
limit = data * 1024 + (120 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
clouds = CloudSplit.load(path)
features = ShardedRows([np.load(path.with_name("features.npy"), mmap_mode="r")])
none = np.zeros(0, np.int64)
texts = ShardedRows([np.zeros((1, 4), np.float16)])
targets = FrozenTargets(features, texts, [TextRows(none, none, none)] * len(clouds))
run = {"seed": 1, "method": "mm_mixing", "objective": {}, "training": {"epochs": 1, "batch_size": 8, "threads": 1}}
data = ObjectData(clouds.points, colors=clouds.colors, targets=targets)
task = TrainingTask(run, data, Path("w"), Path("o")).validated()
task.identity()
batch = task.units.read(np.arange(0, 15_000, 1000), derived_generator(1, "views"))
print(float(batch.points.sum()), batch.colors.shape[0])
"""


def read_store(path: Path, mapped_from: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", READER, str(path), str(mapped_from)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the process table of Linux")
def test_a_store_larger_than_memory_is_trained_on(tmp_path: Path) -> None:
    num_shapes, num_points = 15_000, 1000
    points = np.ones((num_shapes, num_points, 3), np.float32)
    colors = np.zeros(points.shape, np.uint8)
    names = tuple(map(str, range(num_shapes)))
    clouds = CloudSplit("set", "train", "real", points, np.full(num_shapes, -1), (), names, colors=colors)
    clouds.save(tmp_path / "train.npz")
    np.save(tmp_path / "features.npy", np.zeros((num_shapes, 12, 4), np.float16))
    read = read_store(tmp_path / "train.npz", 10 * MEGABYTE)
    assert read.returncode == 0, read.stderr
    assert read.stdout.split() == [str(float(15 * num_points * 3)), "15"]
    # The limit is one: the same store does not fit where it is read as a whole.
    refused = read_store(tmp_path / "train.npz", 1 << 40)
    assert refused.returncode != 0 and "Unable to allocate" in refused.stderr


def test_large_scratch_arrays_lie_in_a_file_that_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "MAPPED_BYTES", MEGABYTE)
    monkeypatch.setattr(storage.tempfile, "tempdir", str(tmp_path))
    small, large = (storage.scratch_array((n, 1024), np.float32) for n in (2, 512))
    assert not isinstance(small, np.memmap) and isinstance(large, np.memmap)
    large[7] = 3
    assert large.sum() == 3 * 1024 and not list(tmp_path.iterdir())


def test_a_scratch_array_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MAPPED_BYTES", MEGABYTE)
    monkeypatch.setattr(storage.tempfile, "tempdir", str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, hard))
    try:
        with pytest.raises(DiskFull):
            storage.scratch_array((2, MEGABYTE), np.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())

"""Arrays in files: mapped, damaged, spread over several files."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d import arrays
from concord3d.arrays import ShardedRows, read_arrays, write_arrays
from concord3d.errors import TooManyFiles, UnreadableFile


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.data())
def test_sharded_rows_read_as_the_joint_array_would(sizes: list[int], data: st.DataObject) -> None:
    joint = np.arange(sum(sizes) * 6).reshape(-1, 3, 2)
    rows = ShardedRows(np.split(joint, np.cumsum(sizes)[:-1]))
    assert len(rows) == len(joint) and rows.shape == joint.shape
    places = st.lists(st.integers(0, len(joint) - 1), max_size=8) if len(joint) else st.just([])
    index = np.array(data.draw(places), dtype=np.int64)
    views = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(index), max_size=len(index))), dtype=np.int64)
    assert np.array_equal(rows.read(index), joint[index])
    assert np.array_equal(rows.read(index, views), joint[index, views])


def test_large_arrays_are_mapped_and_others_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "MAPPED_BYTES", 4000)
    rng = np.random.default_rng(0)
    made = {
        "large": rng.random((10, 20, 3)),
        "columns": np.asfortranarray(rng.integers(0, 255, (70, 80), dtype=np.uint8)),
        "small": rng.random(5).astype(np.float32),
        "names": np.array(["a", "später"]),
        "nothing": np.zeros((0, 3)),
    }
    write_arrays(tmp_path / "some.npz", made)
    found = read_arrays(tmp_path / "some.npz")
    assert list(found) == list(made)
    for name, array in made.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        assert isinstance(found[name], np.memmap) == (name in ("large", "columns"))
    with pytest.raises(ValueError, match="read-only"):
        found["large"][0] = 0
    write_arrays(tmp_path / "packed.npz", made, compressed=True)
    assert not any(isinstance(array, np.memmap) for array in read_arrays(tmp_path / "packed.npz").values())


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("damage", ["absent", "truncated", "other", "header"])
def test_damaged_arrays_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool, damage: str) -> None:
    monkeypatch.setattr(arrays, "MAPPED_BYTES", 1000 if mapped else 1 << 30)
    path = tmp_path / "some.npz"
    write_arrays(path, {"large": np.arange(500.0)})
    content = path.read_bytes()
    if damage == "absent":
        path.unlink()
    else:
        new = {"truncated": content[:2000], "other": b"no archive", "header": b"xx" + content[2:]}[damage]
        path.write_bytes(new)
    with pytest.raises(UnreadableFile, match=r"Cannot read outcomes[\s\S]*some\.npz"):
        read_arrays(path, "outcomes")


def test_a_changed_byte_of_an_array_that_is_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    write_arrays(path, {"values": np.arange(500.0)})
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnreadableFile):
        read_arrays(path)


def test_more_files_than_the_soft_limit_can_be_mapped(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, hard))
        arrays.allow_open_files(200)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 600
        arrays.allow_open_files(700)
        parts = []
        for number in range(700):
            np.save(tmp_path / f"{number}.npy", np.full((1, 2), number))
            parts.append(np.load(tmp_path / f"{number}.npy", mmap_mode="r"))
        assert ShardedRows(parts).read(np.array([699]))[0].tolist() == [699, 699]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_low_a_limit_of_open_files_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays.resource, "getrlimit", lambda _: (600, 1024))
    with pytest.raises(TooManyFiles, match="1024"):
        arrays.allow_open_files(1800)

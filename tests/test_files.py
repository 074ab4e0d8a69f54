import errno
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d import files
from concord3d.errors import DiskFull, NotWritable, UnreadableFile, nearest
from concord3d.files import (
    TEMPORARY_PREFIX,
    atomic_path,
    canonical_json,
    content_hash,
    read_json,
    remembered_sha256,
    sha256_file,
    write_json,
)


def _leftovers(folder: Path) -> list[Path]:
    return list(folder.glob(f"{TEMPORARY_PREFIX}*"))


def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_json(path, {"old": 1})
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert read_json(path) == {"old": 1}
    assert not _leftovers(tmp_path)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_keeps_the_old_file(tmp_path: Path, code: int) -> None:
    path = tmp_path / "result.json"
    write_json(path, {"old": 1})
    with pytest.raises(DiskFull, match=r"result\.json"), atomic_path(path):
        raise OSError(code, os.strerror(code))
    assert read_json(path) == {"old": 1}
    assert not _leftovers(tmp_path)


def test_the_temporary_file_stands_in_the_same_folder_with_the_same_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "new" / "figure.svg") as temporary:
        assert temporary.parent == tmp_path / "new"
        assert temporary.suffix == ".svg"
        temporary.write_text("x")
    assert (tmp_path / "new" / "figure.svg").read_text() == "x"
    assert (tmp_path / "new" / "figure.svg").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["x" * 251 + ".csv", "é" * 125 + ".npz"])
def test_a_name_that_the_file_system_holds_can_be_written(tmp_path: Path, name: str) -> None:
    with atomic_path(tmp_path / name) as temporary:
        assert temporary.suffix == Path(name).suffix
        temporary.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(NotWritable, match="too long"), atomic_path(tmp_path / f"x{name}xxxx") as temporary:
        temporary.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=st.dictionaries(st.text(), json_values, max_size=4))
def test_hashes_ignore_the_order_of_keys(value: dict) -> None:
    assert content_hash(value) == content_hash(dict(reversed(value.items())))
    assert content_hash(value) != content_hash({**value, "\0new": 1})


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"loss": float(np.nan)})


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b""])
def test_damaged_json_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"x\.json"):
        read_json(path)


def test_nearest_names_only_near_things() -> None:
    assert nearest("sead", ["seed", "scale"]) == "; did you mean 'seed'?"
    assert nearest("qqqq", ["seed", "scale"]) == ""


def test_a_digest_is_computed_once_until_the_file_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counted(path: Path) -> str:
        read.append(path)
        return sha256_file(path)

    monkeypatch.setattr(files, "sha256_file", counted)
    monkeypatch.setattr(files, "_digests", {})
    path = tmp_path / "maps.npz"
    path.write_bytes(b"one")
    assert remembered_sha256(path) == remembered_sha256(path) == sha256_file(path)
    # Just written: another write might leave the same time.
    assert len(read) == 2
    later = time.time_ns() + 10**10
    monkeypatch.setattr(files.time, "time_ns", lambda: later)
    assert remembered_sha256(path) == remembered_sha256(path) == sha256_file(path)
    assert len(read) == 3
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert remembered_sha256(path) == sha256_file(path)
    assert len(read) == 4

"""Complete-or-absent files and content identity.

A file at its final path is complete: everything is written under a temporary name in the same folder,
flushed, synced and renamed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import struct
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from concord3d.errors import DiskFull, UnreadableFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEMPORARY_PREFIX = ".partial-"
# Arrays of this size and more are mapped instead of read.
MAPPED_BYTES = 1 << 30
_LOCAL_HEADER = struct.Struct("<4s22xHH")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it replaces ``path``, on failure it is removed.

    The temporary name keeps the suffix of ``path``, because writers choose a format by it.

    Raises:
        DiskFull: The disk has no room; an earlier file at ``path`` is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, suffix=f"-{path.name}", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        # mkstemp makes private files; results are to be read by others.
        temporary.chmod(0o644)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                "The disk is full",
                where=path,
                next_step="free some space and run the same command again; earlier files are untouched",
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, complete or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def canonical_json(value: Any) -> str:
    """Serialise to JSON with sorted keys and no insignificant space: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, complete or not at all."""
    write_text(path, json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], compressed: bool = False) -> None:
    """Write arrays as ``.npz``, complete or not at all; the bytes depend on the arrays and their order alone."""
    import numpy as np  # what starts the workflow reads this module, and needs no arrays

    save: Any = np.savez_compressed if compressed else np.savez
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        save(stream, **arrays)


def read_arrays(path: Path, what: str = "arrays") -> dict[str, NDArray[Any]]:
    """Read arrays written by :func:`write_arrays`; large ones are mapped into memory, so only what is used is loaded.

    The checksum of an array that is mapped is not checked, that of one that is read is.

    Args:
        path: The ``.npz`` file.
        what: What it holds, for the message.

    Raises:
        UnreadableFile: The file is absent, truncated, or of another format.
    """
    import numpy as np

    try:
        found = {}
        with np.load(path, allow_pickle=False) as stored, path.open("rb") as stream:
            for member in stored.zip.infolist():
                name = member.filename.removesuffix(".npy")
                large = member.file_size >= MAPPED_BYTES and member.compress_type == zipfile.ZIP_STORED
                found[name] = _mapped(path, stream, member) if large else stored[name]
        return found
    except Exception as error:  # zipfile, zlib and numpy each raise their own for a damaged archive
        raise UnreadableFile(
            f"Cannot read {what}", where=path, found=error, next_step="delete the file and run again"
        ) from error


def _mapped(path: Path, stream: BinaryIO, member: zipfile.ZipInfo) -> NDArray[Any]:
    """Map one array of an archive that is stored as it is."""
    import numpy as np

    # The header before the data may be longer than the one in the archive's directory.
    stream.seek(member.header_offset)
    header = stream.read(_LOCAL_HEADER.size)
    signature, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    if signature != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"no array at byte {member.header_offset}")
    stream.seek(name_length + extra_length, os.SEEK_CUR)
    version = np.lib.format.read_magic(stream)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, fortran_order, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError("an array of objects")
    order: Literal["C", "F"] = "F" if fortran_order else "C"
    return np.memmap(path, dtype, "r", stream.tell(), shape, order)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UnreadableFile: The file is absent or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UnreadableFile("Cannot read a JSON file", where=path, found=error) from error


def content_hash(value: Any) -> str:
    """Return the SHA-256 hex digest of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 hex digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

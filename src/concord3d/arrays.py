"""Arrays in files: complete or absent, and read from disk piece by piece where they are larger than memory."""

from __future__ import annotations

import os
import resource
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import TooManyFiles, UnreadableFile
from concord3d.files import atomic_path

# Arrays of this size and more are mapped instead of read.
MAPPED_BYTES = 1 << 30
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_OTHER_FILES = 256


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], compressed: bool = False) -> None:
    """Write arrays as ``.npz``, complete or not at all; the bytes depend on the arrays and their order alone."""
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
    with _damage_named(path, what), np.load(path, allow_pickle=False) as stored, path.open("rb") as stream:
        found = {}
        for member in stored.zip.infolist():
            name = member.filename.removesuffix(".npy")
            large = member.file_size >= MAPPED_BYTES and member.compress_type == zipfile.ZIP_STORED
            found[name] = _mapped(path, stream, member) if large else stored[name]
        return found


def read_array(path: Path, name: str, what: str = "an array") -> NDArray[Any]:
    """Read one small array of a file written by :func:`write_arrays`, and nothing else of the file.

    Args:
        path: The ``.npz`` file.
        name: Name of the array.
        what: What it is, for the message.

    Raises:
        UnreadableFile: The file is absent, truncated, of another format, or has no such array.
    """
    with _damage_named(path, what), np.load(path, allow_pickle=False) as stored:
        array: NDArray[Any] = stored[name]
        return array


@contextmanager
def _damage_named(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each raise their own for a damaged archive
        raise UnreadableFile(
            f"Cannot read {what}", where=path, found=error, next_step="delete the file and run again"
        ) from error


def _mapped(path: Path, stream: BinaryIO, member: zipfile.ZipInfo) -> NDArray[Any]:
    """Map one array of an archive that is stored as it is."""
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


class ShardedRows:
    """Several memory-mapped arrays as one, of which only what is asked for is read.

    Args:
        parts: (n, ...) each, alike but for n; at least one.
    """

    def __init__(self, parts: Sequence[NDArray[Any]]) -> None:
        self.parts = tuple(parts)
        self._first = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return int(self._first[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """As of the joint array."""
        return (len(self), *self.parts[0].shape[1:])

    def read(self, rows: NDArray[np.int64], *rest: NDArray[np.int64]) -> NDArray[Any]:
        """Return what the joint array has at these places.

        Args:
            rows: (B,) indices of rows.
            rest: (B,) indices of further axes.

        Returns:
            (B, ...).
        """
        first = self.parts[0]
        out = np.empty((len(rows), *first.shape[1 + len(rest) :]), first.dtype)
        part_of = np.searchsorted(self._first, rows, side="right") - 1
        for part in np.unique(part_of):
            here = np.flatnonzero(part_of == part)
            out[here] = self.parts[part][(rows[here] - self._first[part], *(index[here] for index in rest))]
        return out


def allow_open_files(count: int) -> None:
    """Make room for so many more open files: an array that is mapped keeps its file open.

    Raises:
        TooManyFiles: The system does not allow so many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_FILES + len(list(Path("/proc/self/fd").iterdir()))
    if soft == resource.RLIM_INFINITY or wanted <= soft:
        return
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise TooManyFiles(
            "A process may not open as many files as are to be mapped",
            expected=f"a limit of at least {wanted}",
            found=hard,
            next_step="raise the hard limit of open files (ulimit -Hn, /etc/security/limits.conf)",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

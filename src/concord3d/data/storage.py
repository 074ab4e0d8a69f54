"""Disk space and locks for the download and unpacking of large files."""

from __future__ import annotations

import errno
import fcntl
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import MAPPED_BYTES
from concord3d.errors import DiskFull
from concord3d.refusals import AGAIN, refusals_named

_log = logging.getLogger(__name__)


def require_space(folder: Path, needed: int) -> None:
    """Refuse to start what cannot fit.

    Raises:
        DiskFull: The disk of ``folder`` has less than ``needed`` bytes free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            "The disk has too little room",
            where=folder,
            expected=f"{needed} bytes free",
            found=f"{free} bytes free",
            next_step=f"free some space and {AGAIN}",
        )


def scratch_array(shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Return zeros to be filled: in memory, or where they are large in a file of the temporary folder.

    The file has no name and is gone with the array; ``TMPDIR`` chooses the folder.

    Raises:
        DiskFull: The temporary folder has too little room.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < MAPPED_BYTES:
        return np.zeros(shape, dtype)
    with refusals_named(tempfile.gettempdir()), tempfile.TemporaryFile() as stream:
        # Taken now: a mapped file that finds the disk full later would kill the process.
        os.posix_fallocate(stream.fileno(), 0, size)
        return np.memmap(stream, dtype, "r+", shape=shape)


class ScratchRows:
    """Rows that come one after the other, collected in a file of the temporary folder that is gone with them.

    Args:
        dtype: Of the rows.
        tail: Shape of one row.
    """

    def __init__(self, dtype: type[np.generic], tail: tuple[int, ...] = ()) -> None:
        self.dtype, self.tail = np.dtype(dtype), tail
        self._count = 0
        self._stream = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the rows

    def __len__(self) -> int:
        return self._count

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows behind the others.

        Args:
            rows: (n, *tail).

        Raises:
            ValueError: The rows have another shape.
            DiskFull: The temporary folder has too little room.
        """
        if rows.shape[1:] != self.tail:
            raise ValueError(f"rows of the shape {rows.shape[1:]} where {self.tail} belong")
        with refusals_named(tempfile.gettempdir()):
            self._stream.write(np.ascontiguousarray(rows, self.dtype).tobytes())
        self._count += len(rows)

    def array(self) -> NDArray[Any]:
        """Return (n, *tail) all rows: in memory, or mapped where they are large."""
        shape = (self._count, *self.tail)
        size = math.prod(shape) * self.dtype.itemsize
        with refusals_named(tempfile.gettempdir()):
            self._stream.flush()
        if size >= MAPPED_BYTES:
            return np.memmap(self._stream, self.dtype, "r", shape=shape)
        self._stream.seek(0)
        return np.fromfile(self._stream, self.dtype).reshape(shape)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock named after ``path``; other processes wait, and a killed one releases it."""
    lock = path.with_name(f".lock-{path.name}")
    with refusals_named(lock):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = lock.open("w")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("waiting for another process that works on %s", path.name)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise
            _log.warning("this file system knows no locks: start no second run in this folder")
        yield

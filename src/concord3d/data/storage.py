"""Disk space and locks for the download and unpacking of large files."""

from __future__ import annotations

import errno
import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from concord3d.errors import DiskFull

NEXT_STEP = "free some space and run the same command again; earlier files are untouched"


@contextmanager
def disk_full_named(where: Path) -> Iterator[None]:
    """Turn "no space left" into :class:`DiskFull`.

    Raises:
        DiskFull: The code inside met a full disk or an exhausted quota.
    """
    try:
        yield
    except OSError as error:
        # EFBIG: the file system or a limit of the user has no room for a file of this size.
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull("The disk is full", where=where, next_step=NEXT_STEP) from error
        raise


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
            next_step=NEXT_STEP,
        )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock named after ``path``; other processes wait, and a killed one releases it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".lock-{path.name}").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

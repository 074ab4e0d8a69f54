"""What a machine refuses, as named errors: room, permission, files and memory."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from concord3d.errors import ConcordError, DiskFull, NotWritable, OutOfMemory, TooManyFiles

AGAIN = "run the same command again"
# Names of unfinished files begin so: a refusal is told of the file that they would have become.
TEMPORARY_PREFIX = ".partial-"
# EFBIG: the file system, or a limit of the user, has no room for a file of this size.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_MEMORY = "out of memory", "allocate memory", "can't start new thread", "failed to map segment", "bad_alloc"
_TOLD_NUMBER = re.compile(r"\b(?:os error|errno =) (\d+)")
_PROBE_BYTES = 1 << 16


def named_refusal(error: BaseException, where: object = None) -> ConcordError | None:
    """Return the named error for an error that says that the machine refuses something, or None.

    Args:
        error: What was raised, by whatever library; the errors that it was raised from count too.
        where: The file or folder concerned, where the error names none that a reader knows.
    """
    seen: BaseException | None = error if isinstance(error, Exception) else None
    while seen is not None:
        found = _named(seen, where)
        if found is not None:
            return found
        # ``raise ... from None`` says that what came before is dealt with.
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return None


def _named(error: BaseException, where: object) -> ConcordError | None:
    if isinstance(error, MemoryError):
        return _out_of_memory(error)
    if isinstance(error, OSError) and error.errno is not None:
        return _of_the_system(error, _file_of(error) or where)
    # Safetensors and HDF5 have the number in their words alone.
    told = _TOLD_NUMBER.search(str(error))
    if told:
        return _of_the_system(OSError(int(told[1]), str(error)), where)
    # PyTorch, the loader of libraries and threads say it in words.
    if isinstance(error, RuntimeError | ImportError) and any(words in str(error).lower() for words in _NO_MEMORY):
        return _out_of_memory(error)
    return None


def _file_of(error: OSError) -> str | None:
    """The file that an error names, unless it is an unfinished one or lies in an unfinished folder."""
    if not isinstance(error.filename, str | os.PathLike):
        return None
    path = Path(error.filename)
    return None if any(part.startswith(TEMPORARY_PREFIX) for part in path.parts) else str(path)


def _of_the_system(error: OSError, where: object) -> ConcordError | None:
    if error.errno in _NO_ROOM:
        limit = "; the file is larger than the system or 'ulimit -f' allows" if error.errno == errno.EFBIG else ""
        found = f"{os.strerror(error.errno)}{limit}"
        return DiskFull("The disk is full", where=where, found=found, next_step=f"free some space and {AGAIN}")
    if error.errno in _NOT_ALLOWED:
        return NotWritable(
            "A file or folder may not be used",
            where=where,
            expected="a folder that belongs to you, on a file system that can be written to",
            found=os.strerror(error.errno),
            next_step=f"give yourself the permission, or move the project, and {AGAIN}",
        )
    if error.errno == errno.ENAMETOOLONG:
        return NotWritable(
            "A name is too long for this file system",
            where=where,
            next_step=f"shorten the path of the project and {AGAIN}",
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        step = f"raise the limit of open files (ulimit -n) and {AGAIN}"
        return TooManyFiles("No more files can be opened", where=where, found=os.strerror(error.errno), next_step=step)
    if error.errno == errno.ENOMEM:
        return _out_of_memory(error)
    return None


def _out_of_memory(error: BaseException) -> OutOfMemory:
    return OutOfMemory(
        "There is not enough memory",
        found=f"{type(error).__name__}: {error}",
        next_step=f"end other programs, raise the limit (ulimit -v) or take a larger machine, and {AGAIN}",
    )


@contextmanager
def refusals_named(where: object = None) -> Iterator[None]:
    """Name what the machine refuses to the code inside.

    Args:
        where: The file or folder concerned, where the error names none that a reader knows.

    Raises:
        DiskFull: No room on the disk, within the quota, or below the allowed size of a file.
        NotWritable: No permission, a file system that is only read, or too long a name.
        TooManyFiles: The limit of open files is reached.
        OutOfMemory: The limit of memory is reached.
    """
    try:
        yield
    except ConcordError:
        raise
    except Exception as error:
        named = named_refusal(error, where)
        if named is None:
            raise
        raise named from error


def refusal_of_disk(path: Path) -> OSError | None:
    """Ask the disk itself whether it takes more of a file that a library failed to write, for many hide the reason.

    Args:
        path: The unfinished file, which grows by what is tried. One that its writer has removed tells nothing.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            left = _PROBE_BYTES
            while left:
                left -= os.write(descriptor, bytes(left))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        return error
    return None

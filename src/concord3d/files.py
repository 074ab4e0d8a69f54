"""Complete-or-absent files and content identity.

A file at its final path is complete: everything is written under a temporary name in the same folder,
flushed, synced and renamed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import platform
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from concord3d.errors import ConcordError, UnreadableFile
from concord3d.refusals import TEMPORARY_PREFIX, named_refusal, refusal_of_disk, refusals_named

_OWNER = re.compile(re.escape(TEMPORARY_PREFIX) + r"(?P<machine>[0-9a-f]{8})\.(?P<process>\d+)-")
_FOREIGN_AGE_S = 24 * 3600
# Two writes may bear the same time: clocks of file systems tick up to two seconds apart.
_SAME_TIME_NS = 2_000_000_000
# By device, number, size and times of a file.
_digests: dict[tuple[int, ...], str] = {}
# Bytes of a name that its temporary name ends in; names have 255 on most file systems.
_LONGEST_END = 160


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it replaces ``path``, on failure it is removed.

    The temporary name keeps the suffix of ``path``, because writers choose a format by it. The file gets the
    permissions that the user's umask grants to a new one, whatever the writer makes of them.

    Raises:
        DiskFull, NotWritable, TooManyFiles, OutOfMemory: The machine refuses it, whatever the writer said; a file that
            was at ``path`` before is left.
    """
    with refusals_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary, mode = _new_file(path)
        try:
            try:
                yield temporary
            except ConcordError:
                raise
            except Exception as error:
                refusal = refusal_of_disk(temporary) if named_refusal(error) is None else None
                if refusal is None:
                    raise
                raise refusal from error
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            # Some writers make a private file of their own, and copies keep the permissions of their source.
            temporary.chmod(mode)
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def _new_file(path: Path) -> tuple[Path, int]:
    """Make an empty file beside ``path``; return it with the permissions that the system gave it."""
    # Of a long name the end is kept, with the suffix: the file system has room for the name itself, not for more.
    end = path.name.encode()[-_LONGEST_END:].decode(errors="ignore")
    temporary = path.with_name(f"{_own_prefix()}{secrets.token_hex(6)}-{end}")
    # Not by mkstemp, whose files are private: what the umask grants is known to the system alone.
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return temporary, stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder in ``parent`` that is removed at the end.

    Raises:
        DiskFull, NotWritable, TooManyFiles, OutOfMemory: The machine refuses it, or what is done inside.
    """
    with refusals_named(parent):
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_own_prefix(), dir=parent))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def write_second_name(source: Path, path: Path) -> None:
    """Give a file a second name, or a copy where the file system has no hard links; complete or not at all."""
    with refusals_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with suppress(OSError):
            os.link(source, path)
            return
        with atomic_path(path) as temporary:
            # With its times, by which the workflow tool decides.
            shutil.copy2(source, temporary)


def copy_folder(source: Path, target: Path) -> None:
    """Copy the files below a folder into another one, which may exist, with their bytes alone.

    Permissions are those of new files: what was copied from a folder that is only read can be written and deleted.
    """
    for path in sorted(source.rglob("*")):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def remove_orphans(folder: Path) -> list[Path]:
    """Remove the temporary files and folders that killed processes have left below a folder, and return them.

    Those of a living process of this machine are left, and those of other machines for a day.
    """
    found = [Path(root) / name for root, folders, files in os.walk(folder) for name in (*folders, *files)]
    return [path for path in found if path.name.startswith(TEMPORARY_PREFIX) and _remove_if_orphan(path)]


def _own_prefix() -> str:
    """The beginning of temporary names that says whose they are."""
    return f"{TEMPORARY_PREFIX}{_machine()}.{os.getpid()}-"


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _remove_if_orphan(path: Path) -> bool:
    owner = _OWNER.match(path.name)
    if owner is None or not _is_gone(owner["machine"], int(owner["process"]), path):
        return False
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return True


def _is_gone(machine: str, process: int, path: Path) -> bool:
    if machine == _machine():
        return not Path(f"/proc/{process}").exists()
    try:
        return time.time() - path.stat().st_mtime > _FOREIGN_AGE_S
    except OSError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content``, complete or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, complete or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def csv_line(cells: Iterable[object]) -> str:
    """Return cells as a line of CSV, ended by a line feed on every machine; any text comes back as it is."""
    stream = io.StringIO()
    # Under this end of a line a carriage return inside a cell is quoted, which under a line feed alone ends the row.
    csv.writer(stream, lineterminator="\r\n").writerow(cells)
    return stream.getvalue().removesuffix("\r\n") + "\n"


def canonical_json(value: Any) -> str:
    """Serialise to JSON with sorted keys and no insignificant space: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, complete or not at all."""
    write_text(path, json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UnreadableFile: The file is absent or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UnreadableFile("Cannot read a JSON file", where=path, found=error) from error


def content_hash(value: Any) -> str:
    """Return the SHA-256 hex digest of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Return the dotted keys whose values differ between two nested mappings of JSON values, with (old, new) values."""
    differing: dict[str, tuple[Any, Any]] = {}
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            differing.update(differing_keys(before, after, f"{prefix}{key}."))
        elif canonical_json(before) != canonical_json(after):
            differing[f"{prefix}{key}"] = (before, after)
    return differing


def sha256_file(path: Path) -> str:
    """Return the SHA-256 hex digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """Return :func:`sha256_file`, which this process computes once for as long as the file is not written to.

    For jobs of many nodes that read the same files. A file that was written to a moment ago is always read: another
    write may leave it with the same time.
    """
    now = path.stat()
    seen = now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns
    if time.time_ns() - max(now.st_mtime_ns, now.st_ctime_ns) < _SAME_TIME_NS:
        return sha256_file(path)
    if seen not in _digests:
        _digests[seen] = sha256_file(path)
    return _digests[seen]

"""Unpacking of archives from outside: names, links, kinds and sizes are checked before anything is written."""

from __future__ import annotations

import logging
import lzma
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from concord3d.errors import UnreadableFile, UnsafeArchive
from concord3d.files import temporary_folder
from concord3d.refusals import TEMPORARY_PREFIX

CHUNK = 1 << 20
# What macOS calls the picture of a folder. No archive needs it, and its name is refused by other systems.
_FOLDER_PICTURE = "Icon\r"
# Bytes of a name that file systems hold, and of a path that leaves room for the folder before it.
_LONGEST_NAME, _LONGEST_PATH = 255, 3072
_SHOWN = 60
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(?:[.:]|$)", re.IGNORECASE)
# What the standard library raises on damaged archives (RuntimeError: encrypted).
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExtractLimits:
    """What an archive may grow to.

    Attributes:
        max_bytes: Unpacked size.
        max_files: Number of members.
        max_ratio: Unpacked size over packed size, looked at above ``ratio_floor``.
        ratio_floor: Unpacked size below which the ratio is ignored, bytes.
    """

    max_bytes: int = 400 * 10**9
    max_files: int = 2_000_000
    max_ratio: float = 100.0
    ratio_floor: int = 64 * 2**20


@dataclass(frozen=True)
class _Member:
    """One member: its path, announced size, and how to open it (None for a folder)."""

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]] | None


def extract(
    archive: Path, kind: str, into: Path, members: tuple[str, ...] = (), limits: ExtractLimits | None = None
) -> list[Path]:
    """Unpack an archive so that ``into`` gets all of it or nothing.

    Everything is unpacked into a temporary folder below ``into``; then each top-level entry is renamed into place and
    replaces an entry of that name. With ``members``, folders that exist already are filled instead of replaced.

    Args:
        archive: The file.
        kind: ``zip`` or ``tar`` (any compression).
        into: Folder that receives the contents.
        members: Glob patterns of the members wanted; empty means all.
        limits: Limits of size, number and ratio.

    Returns:
        The top-level entries below ``into``.

    Raises:
        UnsafeArchive: A path leads outside, a link or device, doubled or colliding names, names that are not UTF-8, too
            long or kept for something else on some systems, or a size, number or ratio over the limits. Nothing is
            unpacked.
        UnreadableFile: Truncated, damaged, encrypted or of another format.
        DiskFull: No room; the temporary folder is removed.
    """
    limits = limits or ExtractLimits()
    with temporary_folder(into) as temporary:
        try:
            listed = {"zip": _zip_members, "tar": _tar_members}[kind](archive, limits)
            _write(listed, temporary, members, archive, limits)
        except DAMAGE as error:
            raise _damaged(archive, error) from error
        except OSError as error:
            # gzip, bz2 and lzma report damage as OSError without a number; the disk's own errors have one.
            if error.errno is None:
                raise _damaged(archive, error) from error
            raise
        entries = sorted(temporary.iterdir())
        if not entries:
            raise UnreadableFile(
                "An archive holds none of the wanted members", where=archive, expected=members or "any file"
            )
        return [_move(entry, into / entry.name, merge=bool(members)) for entry in entries]


def _damaged(archive: Path, error: BaseException) -> UnreadableFile:
    return UnreadableFile(
        "Cannot unpack an archive (truncated, damaged, encrypted or of another format)",
        where=archive,
        found=f"{type(error).__name__}: {error}",
        next_step="delete the archive and obtain it again",
    )


def _move(source: Path, target: Path, merge: bool) -> Path:
    if merge and target.is_dir() and source.is_dir():
        for entry in sorted(source.iterdir()):
            _move(entry, target / entry.name, merge)
        return target
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    source.replace(target)
    return target


def _write(
    listed: Iterator[_Member], folder: Path, wanted: tuple[str, ...], archive: Path, limits: ExtractLimits
) -> None:
    seen: dict[str, PurePosixPath] = {}
    files: set[str] = set()
    total, packed = 0, archive.stat().st_size
    for count, member in enumerate(listed, start=1):
        _refuse_collision(member, seen, files, archive)
        if count > limits.max_files:
            raise UnsafeArchive(
                "An archive has too many members", where=archive, expected=f"at most {limits.max_files}"
            )
        total += member.size
        _refuse_size(total, packed, archive, limits)
        if member.open is None or member.path.parts[0] == "__MACOSX":
            continue
        if wanted and not any(fnmatchcase(str(member.path), pattern) for pattern in wanted):
            continue
        target = folder.joinpath(*member.path.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, target.open("xb") as sink:
            written = 0
            while chunk := source.read(CHUNK):
                written += len(chunk)
                if written > member.size:
                    raise UnsafeArchive(
                        "A member is larger than announced", where=archive, expected=member.size, found=member.path
                    )
                sink.write(chunk)
        if written != member.size:
            raise UnreadableFile(
                "A member of an archive is truncated",
                where=f"{archive}: {member.path}",
                expected=f"{member.size} bytes",
                found=f"{written} bytes",
                next_step="delete the archive and obtain it again",
            )


def _refuse_size(total: int, packed: int, archive: Path, limits: ExtractLimits) -> None:
    if total > limits.max_bytes:
        raise UnsafeArchive(
            "An archive unpacks to too much", where=archive, expected=f"at most {limits.max_bytes} bytes"
        )
    if total > limits.ratio_floor and total > limits.max_ratio * packed:
        raise UnsafeArchive(
            "An archive is packed suspiciously tightly (a bomb?)",
            where=archive,
            expected=f"at most {limits.max_ratio:g} times its {packed} bytes",
            found=f"{total} bytes or more",
        )


def _refuse_collision(member: _Member, seen: dict[str, PurePosixPath], files: set[str], archive: Path) -> None:
    """Refuse doubled names, names that differ only in case or Unicode form, and files used as folders."""
    key = _folded(member.path)
    is_folder = member.open is None
    if key in seen and not (is_folder and seen[key] == member.path and key not in files):
        kind = "a doubled name" if seen[key] == member.path else "names that collide on some systems"
        raise UnsafeArchive(
            f"An archive holds {kind}",
            where=archive,
            found=f"{str(seen[key])!r} and {str(member.path)!r}",
        )
    for parent in member.path.parents:
        above = _folded(parent)
        if above in files or (above in seen and seen[above] != parent):
            raise UnsafeArchive(
                "An archive uses one name twice", where=archive, found=f"{str(seen[above])!r} and {str(member.path)!r}"
            )
        if parent.parts:
            seen[above] = parent
    seen[key] = member.path
    if not is_folder:
        files.add(key)


def _folded(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold()


def _safe_path(name: str, archive: Path) -> PurePosixPath:
    """Return the member's path; refuse every name that does not stay below the folder on all systems."""
    path = PurePosixPath(name)
    reason = _refusal(name, path)
    if reason:
        shown = repr(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!r}... ({len(name)} letters)"
        raise UnsafeArchive(
            f"An archive holds {reason}",
            where=archive,
            found=shown,
            next_step="obtain another release of it, or pack it anew under other names",
        )
    return path


def _is_folder_picture(name: str, archive: Path) -> bool:
    found = name.rpartition("/")[2] == _FOLDER_PICTURE
    if found:
        _log.warning("%s: %r, the picture of a folder, is left out", archive, name)
    return found


def _refusal(name: str, path: PurePosixPath) -> str:
    """Return what is wrong with the name of a member; empty where nothing is."""
    try:
        longest = max((len(part.encode()) for part in path.parts), default=0)
    except UnicodeEncodeError:
        return "a name that is not UTF-8"
    if name.startswith("/") or re.match(r"^[A-Za-z]:", name):
        return "an absolute path"
    if ".." in path.parts:
        return "a path that leads outside"
    if "\\" in name or any(unicodedata.category(letter) == "Cc" for letter in name):
        return "a name with a backslash or control character"
    if not path.parts:
        return "an empty name"
    if longest > _LONGEST_NAME or len(name.encode()) > _LONGEST_PATH:
        return f"a name longer than {_LONGEST_NAME} bytes, or a path longer than {_LONGEST_PATH}"
    if any(part.endswith((" ", ".")) for part in path.parts):
        return "a name that ends in a blank or a full stop, which some systems drop"
    if any(_DEVICE.match(part) for part in path.parts):
        return "a name that some systems keep for a device"
    if any(part.startswith((TEMPORARY_PREFIX, ".lock-")) for part in path.parts):
        return "a name that belongs to unfinished files"
    return ""


def _zip_members(archive: Path, limits: ExtractLimits) -> Iterator[_Member]:
    try:
        store = zipfile.ZipFile(archive)
    except UnicodeDecodeError as error:
        raise UnsafeArchive("An archive holds a name that is not UTF-8", where=archive, found=error) from error
    with store:
        _refuse_size(sum(info.file_size for info in store.infolist()), archive.stat().st_size, archive, limits)
        for info in store.infolist():
            if _is_folder_picture(info.orig_filename, archive):
                continue
            # Without the UTF-8 flag the bytes of a name are in an unknown encoding.
            if not info.flag_bits & 0x800 and not info.orig_filename.isascii():
                raise UnsafeArchive(
                    "An archive holds a name that is not UTF-8", where=archive, found=repr(info.orig_filename)
                )
            path = _safe_path(info.orig_filename, archive)
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise UnsafeArchive("An archive holds a link or device", where=archive, found=str(path))
            if info.is_dir():
                yield _Member(path, 0, None)
            else:
                yield _Member(path, info.file_size, partial(store.open, info))


def _tar_members(archive: Path, limits: ExtractLimits) -> Iterator[_Member]:
    # Sizes are summed as members come, so that a compressed archive is read once.
    with tarfile.open(archive, mode="r:*", encoding="utf-8", errors="surrogateescape") as store:
        for info in store:
            if info.name.rstrip("/") not in (".", "") and not _is_folder_picture(info.name, archive):
                yield _tar_member(store, info, archive)
        # The checksum of a compressed archive stands behind its last byte, which tarfile does not read.
        if store.fileobj is not None:
            trailing = 0
            while chunk := store.fileobj.read(CHUNK):
                trailing += len(chunk)
                _refuse_size(trailing, archive.stat().st_size, archive, limits)


def _tar_member(store: tarfile.TarFile, info: tarfile.TarInfo, archive: Path) -> _Member:
    path = _safe_path(info.name, archive)
    if info.isdir():
        return _Member(path, 0, None)
    if not info.isreg():
        raise UnsafeArchive(
            "An archive holds a link or device", where=archive, found=f"{path} -> {info.linkname}".removesuffix(" -> ")
        )

    def open_member() -> IO[bytes]:
        stream = store.extractfile(info)
        assert stream is not None, "a regular member has a stream"
        return stream

    return _Member(path, info.size, open_member)

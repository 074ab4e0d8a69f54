"""Download of one file: mirrors in order, resume, retries, and a checksum before anybody uses the bytes.

The only module of Concord3D that uses the network.
"""

from __future__ import annotations

import http.client
import json
import logging
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord3d.data.catalog import FileSpec
from concord3d.data.storage import locked, require_space
from concord3d.errors import ConcordError, ConfigError, DatasetCorrupt, DiskFull, DownloadError
from concord3d.files import read_json, sha256_file, write_json
from concord3d.refusals import refusals_named

logger = logging.getLogger(__name__)

CHUNK = 1 << 18
CHECKSUMS = "checksums.json"
RETRY_STATUSES = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
# Enough of a body to tell a web page by.
_HEAD = 64
# Of a file whose size nobody says, the free space is looked at after each step, and so much of it is left.
_UNSIZED_STEP = 1 << 26
_RESERVE = 1 << 30
HTML_STARTS = (b"<!doctype", b"<html", b"<head", b"<?xml")


@dataclass(frozen=True)
class FetchSettings:
    """How patient a download is.

    Attributes:
        retries: Further attempts per address after the first.
        backoff_s: Pause before the first retry, doubled each time, seconds.
        max_backoff_s: Longest pause, seconds.
        timeout_s: Silence of the server that counts as a failure, seconds.
        least_rate: Bytes per second that a server delivers at least, on the mean of a window.
        window_s: Length of a window, seconds.
        progress: Show a progress bar on the terminal.
        sleep: Called with the pauses.
    """

    retries: int = 4
    backoff_s: float = 1.0
    max_backoff_s: float = 60.0
    timeout_s: float = 60.0
    least_rate: float = 1000.0
    window_s: float = 60.0
    progress: bool = False
    sleep: Callable[[float], None] = time.sleep


class _Transient(Exception):
    """A failure that another attempt may mend."""


class _UnusableRange(_Transient):
    """An answer that does not fit the bytes that are kept; without them there is nothing to fit."""


class _Refused(Exception):
    """A failure that the same address would repeat."""


def fetch(
    file: FileSpec,
    folder: Path,
    mirrors: Sequence[str] = (),
    settings: FetchSettings | None = None,
    urls: Sequence[str] | None = None,
) -> Path:
    """Bring one file to this machine, or use it where a directory mirror holds it.

    Args:
        file: What to fetch.
        folder: Folder of archives: the file, its partial download and ``checksums.json`` are here.
        mirrors: Consulted before the file's own addresses: directories, ``file://`` or ``http(s)://`` addresses of
            folders that hold the file.
        settings: Patience; None for the defaults.
        urls: Addresses instead of the file's own.

    Returns:
        Path of the verified file (on a directory mirror: there).

    Raises:
        DownloadError: Nobody delivered it; lists what each address did.
        DatasetCorrupt: Addresses answered, but all with wrong bytes; the last ones are kept in quarantine.
        DiskFull: No room.
    """
    settings = settings or FetchSettings()
    target = folder / file.path
    with locked(target):
        sha256 = expected_sha256(file, folder)
        failures: list[str] = []
        corrupt = 0
        if target.is_file():
            complaint = mismatch(target, file.bytes, sha256)
            if complaint is None:
                return target
            failures.append(f"{target.name} on this disk: {complaint}; set aside as {quarantine(target).name}")
            corrupt += 1
        for address in [*(_on_mirror(mirror, file.path) for mirror in mirrors), *(file.urls if urls is None else urls)]:
            try:
                found = _from_address(address, target, file, sha256, settings)
            except (_Refused, _Transient) as error:
                failures.append(f"{_public(address)}: {error}")
                logger.info("download: %s", failures[-1])
                continue
            complaint = mismatch(found, file.bytes, sha256)
            if complaint is None:
                return found
            corrupt += 1
            # A mirror's file is not ours to rename.
            kept = f"; set aside as {quarantine(found).name}" if found == target else ""
            failures.append(f"{_public(address)}: {complaint}{kept}")
            logger.info("download: %s", failures[-1])
        raise _nobody_delivered(file, target, failures, corrupt)


def _nobody_delivered(file: FileSpec, target: Path, failures: list[str], corrupt: int) -> ConcordError:
    kind = DatasetCorrupt if corrupt and corrupt == len(failures) else DownloadError
    return kind(
        "Every source of a file had wrong bytes" if kind is DatasetCorrupt else "No source delivered a file",
        where=target,
        expected=f"{file.bytes or 'any number of'} bytes, sha256 {file.sha256 or 'as first recorded'}",
        found="\n    ".join(failures) or "no addresses",
        next_step="run the same command again (it resumes), or put the file there by hand",
    )


def expected_sha256(file: FileSpec, folder: Path) -> str | None:
    """Return the checksum of the catalogue, else the one recorded at first use, else None."""
    if file.sha256:
        return file.sha256
    path = folder / CHECKSUMS
    recorded = read_json(path) if path.is_file() else {}
    entry = recorded.get(file.path) if isinstance(recorded, dict) else None
    return str(entry["sha256"]) if isinstance(entry, dict) and "sha256" in entry else None


def record_checksum(file: FileSpec, folder: Path, path: Path) -> None:
    """Pin the checksum of a file that unpacked and was recognised, unless one is known already."""
    with locked(folder / CHECKSUMS):
        if expected_sha256(file, folder) is None:
            known = read_json(folder / CHECKSUMS) if (folder / CHECKSUMS).is_file() else {}
            known[file.path] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
            write_json(folder / CHECKSUMS, known)


def mismatch(path: Path, size: int | None, sha256: str | None) -> str | None:
    """Say how a file differs from what is expected of it, or None."""
    actual = path.stat().st_size
    if size is not None and actual != size:
        return f"{actual} bytes where {size} are expected"
    if sha256 is not None and (digest := sha256_file(path)) != sha256:
        return f"sha256 {digest} where {sha256} is expected ({actual} bytes)"
    return None


def quarantine(path: Path) -> Path:
    """Rename a wrong file to ``<name>.quarantine-<first 8 digits of its sha256>``."""
    aside = path.with_name(f"{path.name}.quarantine-{sha256_file(path)[:8]}")
    path.replace(aside)
    return aside


def local_mirror(mirror: str) -> Path | None:
    """Return the folder of a mirror that is a directory or a ``file://`` address, else None."""
    parts = urllib.parse.urlsplit(mirror)
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path))
    return None if parts.scheme in ("http", "https") else Path(mirror)


def check_mirrors(mirrors: Sequence[str]) -> None:
    """Raise ConfigError where a mirror is a folder that does not exist, which would pass for one that is empty."""
    for mirror in mirrors:
        folder = local_mirror(mirror)
        if folder is not None and not folder.is_dir():
            raise ConfigError(
                "A mirror does not exist",
                where="CONCORD3D_MIRROR",
                expected="a folder, or an address that begins with file://, http:// or https://",
                found=mirror,
                next_step="correct the path, or unset CONCORD3D_MIRROR",
            )


def _on_mirror(mirror: str, path: str) -> str:
    folder = local_mirror(mirror)
    if folder is None:
        return f"{mirror.rstrip('/')}/{urllib.parse.quote(path)}"
    return str(folder / path)


def _public(address: str) -> str:
    """The address without user name and password."""
    parts = urllib.parse.urlsplit(address)
    return address if "@" not in parts.netloc else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _from_address(address: str, target: Path, file: FileSpec, sha256: str | None, settings: FetchSettings) -> Path:
    local = local_mirror(address)
    if local is not None:
        if not local.is_file():
            raise _Refused("not there")
        return local
    pause = settings.backoff_s
    for attempt in range(settings.retries + 1):
        try:
            return _download(address, target, file, sha256, settings)
        except _Transient as error:
            if attempt == settings.retries:
                raise _Refused(f"{error} (after {attempt + 1} attempts)") from error
            logger.info("download: %s: %s; trying again in %g s", _public(address), error, pause)
            settings.sleep(pause)
            pause = min(2 * pause, settings.max_backoff_s)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _download(url: str, target: Path, file: FileSpec, sha256: str | None, settings: FetchSettings) -> Path:
    partial = target.with_name(f".partial-{target.name}")
    notes = _notes(partial)
    start, validator = _resume_point(partial, notes, url)
    if validator is None and sha256 is None:
        # Nothing would tell whether the rest belongs to the same content.
        start = 0
    request = urllib.request.Request(url, headers={"User-Agent": "concord3d", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        if validator:
            request.add_header("If-Range", validator)
    with _named_failures(partial), urllib.request.urlopen(request, timeout=settings.timeout_s) as response:
        start, total = _announced(response, start)
        if file.bytes is not None and total is not None and total != file.bytes:
            raise _Refused(f"announces {total} bytes where {file.bytes} are expected")
        size = file.bytes if total is None else total
        if size is not None:
            require_space(target.parent, size - start)
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
        write_json(notes, {"url": url, "validator": validator, "total": total})
        received = _receive(response, partial, start, size, settings, target.name)
    if total is not None and received < total:
        raise _Transient(f"stopped after {received} of {total} bytes")
    partial.replace(target)
    notes.unlink(missing_ok=True)
    return target


def _resume_point(partial: Path, notes: Path, url: str) -> tuple[int, str | None]:
    """Bytes that may be kept of an earlier attempt at the same address, and the server's mark of the content."""
    try:
        known = json.loads(notes.read_text(encoding="utf-8"))
        if known["url"] != url:
            return 0, None
        validator = known["validator"]
        # A weak mark does not promise equal bytes, so it cannot be used to continue.
        strong = validator if validator and not validator.startswith("W/") else None
        return partial.stat().st_size, strong
    except (OSError, ValueError, KeyError, TypeError):
        return 0, None


def _announced(response: Any, asked: int) -> tuple[int, int | None]:
    """Where an answer begins, at most at what was asked, and the size of the whole file where the server says it."""
    length = response.headers.get("Content-Length")
    try:
        length = None if length is None else int(length)
    except ValueError as error:
        raise _Refused(f"announces a length that is no number: {length!r}") from error
    if response.status != 206:
        # Servers without ranges begin again.
        return 0, length
    span = response.headers.get("Content-Range", "")
    found = _RANGE.fullmatch(span.strip())
    if found is None or int(found[1]) > asked:
        raise _UnusableRange(f"answers with another range: {span!r}")
    start = int(found[1])
    if found[2] != "*":
        return start, int(found[2])
    return start, None if length is None else start + length


def _receive(response: Any, partial: Path, start: int, size: int | None, settings: FetchSettings, name: str) -> int:
    """Write the body behind the bytes that are kept and return the size of what is there then."""
    is_html = response.headers.get_content_type() in ("text/html", "application/xhtml+xml")
    received = start
    try:
        with (
            refusals_named(partial),
            partial.open("r+b" if start else "wb") as sink,
            _bar(settings, name, size) as tick,
        ):
            sink.seek(start)
            sink.truncate()
            checked = received
            for piece in _pieces(response, settings):
                if received == 0 and (is_html or piece.lstrip()[:9].lower().startswith(HTML_STARTS)):
                    raise _Refused("answers with a web page instead of the file (quota or login page)")
                received += len(piece)
                if size is not None and received > size:
                    raise _Refused(f"goes on after the {size} bytes that are expected")
                if size is None and received - checked >= _UNSIZED_STEP:
                    # A body of unknown length may have no end.
                    require_space(partial.parent, _RESERVE)
                    checked = received
                sink.write(piece)
                tick(received)
    except (DiskFull, _Refused):
        _discard(partial)
        raise
    return received


def _pieces(response: Any, settings: FetchSettings) -> Iterator[bytes]:
    """Yield the body as it comes, of which the first piece is long enough to tell a web page by.

    Raises:
        _Transient: The server delivers less than the least rate.
    """
    head, is_head = b"", True
    begun, in_window = time.monotonic(), 0
    # A read of a whole chunk would wait for it, and lose what came before the connection broke.
    while piece := response.read1(CHUNK):
        in_window += len(piece)
        if is_head:
            head += piece
            if len(head) >= _HEAD:
                is_head = False
                yield head
        else:
            yield piece
        passed = time.monotonic() - begun
        if passed >= settings.window_s:
            if in_window < settings.least_rate * passed:
                raise _Transient(f"delivers {in_window / passed:.0f} bytes per second")
            begun, in_window = time.monotonic(), 0
    if is_head and head:
        yield head


def _notes(partial: Path) -> Path:
    """The file that says where a partial download comes from."""
    return partial.with_name(f"{partial.name}.json")


def _discard(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _notes(partial).unlink(missing_ok=True)


@contextmanager
def _named_failures(partial: Path) -> Iterator[None]:
    """Sort what the network raises into failures worth another attempt and others."""
    try:
        yield
    except _UnusableRange:
        _discard(partial)
        raise
    except urllib.error.HTTPError as error:
        if error.code == 416:
            # The server has not that many bytes: what was kept is of another file.
            _discard(partial)
            raise _Transient("the server has fewer bytes than were kept") from error
        kind = _Transient if error.code in RETRY_STATUSES else _Refused
        raise kind(f"HTTP status {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _Transient(f"cannot connect ({error.reason})") from error
    except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
        raise _Transient(f"connection broke ({type(error).__name__}: {error})") from error


@contextmanager
def _bar(settings: FetchSettings, name: str, total: int | None) -> Iterator[Callable[[int], None]]:
    if not settings.progress:
        yield lambda received: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(name, total=total)
        yield lambda received: bar.update(task, completed=received)

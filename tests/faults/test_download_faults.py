"""The downloader against a local server that truncates, resets, lies and recovers."""

from __future__ import annotations

import hashlib
import resource
import shutil
import signal
import socket
import struct
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from concord3d.data import download
from concord3d.data.catalog import FileSpec
from concord3d.data.download import FetchSettings, expected_sha256, fetch, record_checksum
from concord3d.errors import DatasetCorrupt, DiskFull, DownloadError

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
Reply = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """Answers the requests of one test with ``replies`` in order; the last reply answers all that follow."""

    daemon_threads = True
    replies: list[Reply]
    requests: list[tuple[str, str | None]]

    def url(self, name: str = "set.zip") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range")))
        reply = self.server.replies.pop(0) if len(self.server.replies) > 1 else self.server.replies[0]
        reply(self)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()


def send(content: bytes = CONTENT, *, ranges: bool = True, etag: str = '"v1"', announce: int | None = None) -> Reply:
    def reply(handler: Handler) -> None:
        wanted = handler.headers.get("Range")
        same = handler.headers.get("If-Range") in (None, etag)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and ranges and same else 0
        if start >= len(content):
            handler.start(416, {"Content-Length": "0"})
            return
        length = len(content) - start if announce is None else announce
        headers = {"Content-Length": str(length), "ETag": etag, "Content-Type": "application/zip"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.start(206 if start else 200, headers)
        handler.wfile.write(content[start:])

    return reply


def truncate(at: int, *, reset: bool = False, etag: str = '"v1"', offset: int = 0) -> Reply:
    """Send the bytes up to ``at`` although all are announced, then close or reset the connection."""

    def reply(handler: Handler) -> None:
        headers = {"Content-Length": str(len(CONTENT) - offset), "ETag": etag}
        if offset:
            headers["Content-Range"] = f"bytes {offset}-{len(CONTENT) - 1}/{len(CONTENT)}"
        handler.start(206 if offset else 200, headers)
        handler.wfile.write(CONTENT[offset:at])
        handler.wfile.flush()
        if reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True

    return reply


def ranged(span: str, content: bytes) -> Reply:
    """Answer with a part of the file, whatever was asked for."""

    def reply(handler: Handler) -> None:
        handler.start(206, {"Content-Range": span, "Content-Length": str(len(content)), "ETag": '"v1"'})
        handler.wfile.write(content)

    return reply


def endless(handler: Handler) -> None:
    """A body of which nobody says how long it is, and which never ends."""
    handler.start(200, {"ETag": '"v1"'})
    try:
        while True:
            handler.wfile.write(CONTENT)
    except OSError:
        handler.close_connection = True


def drop_by_drop(handler: Handler) -> None:
    """One byte after the other, each long before the silence would count as a failure."""
    handler.start(200, {"Content-Length": str(len(CONTENT)), "ETag": '"v1"'})
    try:
        for byte in CONTENT:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.01)
    except OSError:
        handler.close_connection = True


def status(code: int) -> Reply:
    return lambda handler: handler.start(code, {"Content-Length": "0"})


def html(content_type: str = "text/html; charset=utf-8") -> Reply:
    def reply(handler: Handler) -> None:
        page = b"<!DOCTYPE html><html><body>Quota exceeded</body></html>"
        handler.start(200, {"Content-Length": str(len(page)), "Content-Type": content_type})
        handler.wfile.write(page)

    return reply


def redirect(url: str) -> Reply:
    return lambda handler: handler.start(302, {"Location": url, "Content-Length": "0"})


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def begin(*replies: Reply) -> Server:
        server = Server(("127.0.0.1", 0), Handler)
        server.replies, server.requests = list(replies), []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def patient(pauses: list[float]) -> FetchSettings:
    return FetchSettings(retries=3, backoff_s=1.0, max_backoff_s=3.0, timeout_s=5.0, sleep=pauses.append)


def spec(*urls: str, sha256: str | None = SHA256, size: int | None = len(CONTENT)) -> FileSpec:
    return FileSpec(path="set.zip", urls=urls, sha256=sha256, bytes=size, archive="zip")


def dead_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/set.zip"


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".lock-"))


def test_a_plain_download_is_verified_and_leaves_nothing_else(serve, patient, tmp_path: Path) -> None:
    server = serve(send())
    assert fetch(spec(server.url()), tmp_path, settings=patient).read_bytes() == CONTENT
    assert leftovers(tmp_path) == ["set.zip"]
    fetch(spec(server.url()), tmp_path, settings=patient)
    assert len(server.requests) == 1, "a verified file is not downloaded twice"


@pytest.mark.parametrize("reset", [False, True])
def test_a_broken_transfer_resumes_by_range(serve, patient, pauses, tmp_path: Path, reset: bool) -> None:
    server = serve(truncate(300_000, reset=reset), send())
    assert fetch(spec(server.url()), tmp_path, settings=patient).read_bytes() == CONTENT
    assert server.requests[0] == ("/set.zip", None)
    start = server.requests[1][1]
    if not reset:  # after a reset the kernel may throw away what was not read yet
        assert start == "bytes=300000-"
    assert pauses == [1.0]


def test_a_server_without_ranges_is_read_from_the_start(serve, patient, tmp_path: Path) -> None:
    server = serve(truncate(300_000), send(ranges=False))
    assert fetch(spec(server.url()), tmp_path, settings=patient).read_bytes() == CONTENT


def test_content_that_changed_in_between_is_read_from_the_start(serve, patient, tmp_path: Path) -> None:
    server = serve(truncate(300_000, etag='"old"'), send(etag='"new"'))
    assert fetch(spec(server.url(), sha256=None, size=None), tmp_path, settings=patient).read_bytes() == CONTENT


def test_nothing_is_continued_when_nothing_vouches_for_it(serve, patient, tmp_path: Path) -> None:
    server = serve(truncate(300_000, etag="W/weak"), send(etag="W/weak"))
    fetch(spec(server.url(), sha256=None, size=None), tmp_path, settings=patient)
    assert [wanted for _, wanted in server.requests] == [None, None]


def test_a_killed_download_is_continued_by_the_next_run(serve, patient, tmp_path: Path) -> None:
    server = serve(truncate(200_000), truncate(400_000, offset=200_000), send())
    impatient = FetchSettings(retries=0, timeout_s=5.0)
    for _ in range(2):
        with pytest.raises(DownloadError, match="stopped after"):
            fetch(spec(server.url()), tmp_path, settings=impatient)
    assert fetch(spec(server.url()), tmp_path, settings=impatient).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, "bytes=200000-", "bytes=400000-"]


@pytest.mark.parametrize("first", [0, 1000])
def test_a_range_that_begins_before_what_was_asked_is_taken(serve, patient, tmp_path: Path, first: int) -> None:
    whole = f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"
    server = serve(truncate(300_000), ranged(whole, CONTENT[first:]))
    assert fetch(spec(server.url()), tmp_path, settings=patient).read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize("span", ["bytes 400000-511999/512000", "", "pages 1-2/3", "bytes */512000"])
def test_a_range_that_does_not_fit_is_not_asked_for_for_ever(serve, patient, tmp_path: Path, span: str) -> None:
    server = serve(truncate(300_000), ranged(span, CONTENT[400_000:]), send())
    assert fetch(spec(server.url()), tmp_path, settings=patient).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, "bytes=300000-", None]


def test_a_server_that_gives_parts_is_asked_for_the_rest(serve, patient, tmp_path: Path) -> None:
    part = ranged(f"bytes 0-199999/{len(CONTENT)}", CONTENT[:200_000])
    server = serve(part, send())
    assert fetch(spec(server.url(), size=None), tmp_path, settings=patient).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, "bytes=200000-"]


def test_a_body_without_end_stops_at_the_known_size(serve, patient, tmp_path: Path) -> None:
    server = serve(endless)
    with pytest.raises(DownloadError, match=f"goes on after the {len(CONTENT)} bytes"):
        fetch(spec(server.url()), tmp_path, settings=patient)
    assert leftovers(tmp_path) == [] and len(server.requests) == 1


def test_a_body_without_end_and_size_leaves_room_on_the_disk(serve, patient, tmp_path: Path, monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**10, 10**10, 10**9))
    monkeypatch.setattr(download, "_UNSIZED_STEP", len(CONTENT))
    server = serve(endless)
    with pytest.raises(DiskFull, match="free"):
        fetch(spec(server.url(), size=None), tmp_path, settings=patient)
    assert leftovers(tmp_path) == [] and len(server.requests) == 1


def test_a_body_that_says_no_size_is_taken_where_it_ends(serve, patient, tmp_path: Path) -> None:
    def unsized(handler: Handler) -> None:
        handler.start(200, {"ETag": '"v1"'})
        handler.wfile.write(CONTENT)

    assert fetch(spec(serve(unsized).url()), tmp_path, settings=patient).read_bytes() == CONTENT


def test_a_server_that_drips_is_left_and_what_it_gave_is_kept(serve, tmp_path: Path) -> None:
    slow, good = serve(drop_by_drop), serve(send())
    settings = FetchSettings(retries=0, timeout_s=5.0, least_rate=10_000.0, window_s=1.0)
    with pytest.raises(DownloadError, match="bytes per second"):
        fetch(spec(slow.url()), tmp_path, settings=settings)
    kept = (tmp_path / ".partial-set.zip").read_bytes()
    assert kept and CONTENT.startswith(kept)
    assert fetch(spec(slow.url(), good.url()), tmp_path, settings=settings).read_bytes() == CONTENT


@pytest.mark.parametrize("at", [100, 5000, 200_000])
def test_a_short_part_is_kept_too(serve, patient, tmp_path: Path, at: int) -> None:
    server = serve(truncate(at), send())
    assert fetch(spec(server.url()), tmp_path, settings=patient).read_bytes() == CONTENT
    assert server.requests[1][1] == f"bytes={at}-"


def test_a_short_part_outlives_a_connection_that_hangs(serve, tmp_path: Path) -> None:
    def hang(handler: Handler) -> None:
        truncate(5000)(handler)
        handler.close_connection = False
        time.sleep(3)

    server = serve(hang, send())
    hasty = FetchSettings(retries=0, timeout_s=0.5)
    with pytest.raises(DownloadError, match="connection broke"):
        fetch(spec(server.url()), tmp_path, settings=hasty)
    assert fetch(spec(server.url()), tmp_path, settings=hasty).read_bytes() == CONTENT
    assert server.requests[1][1] == "bytes=5000-"


def test_an_unavailable_server_is_asked_again_with_growing_pauses(serve, patient, pauses, tmp_path: Path) -> None:
    server = serve(status(503), status(503), status(429), send())
    fetch(spec(server.url()), tmp_path, settings=patient)
    assert pauses == [1.0, 2.0, 3.0]


def test_a_web_page_with_status_200_is_refused_and_the_next_mirror_used(serve, patient, pauses, tmp_path: Path) -> None:
    good = serve(send())
    for page in (serve(html()), serve(html("application/octet-stream"))):
        target = tmp_path / str(page.server_address[1])
        assert fetch(spec(page.url(), good.url()), target, settings=patient).read_bytes() == CONTENT
        assert len(page.requests) == 1
        with pytest.raises(DownloadError, match="web page instead of the file"):
            fetch(spec(page.url(), size=None), target / "alone", settings=patient)
        assert leftovers(target / "alone") == [], "no part of the page stays"
    assert pauses == []


def test_a_redirect_to_a_login_page_is_refused(serve, patient, tmp_path: Path) -> None:
    login = serve(html())
    server = serve(redirect(login.url("login")))
    with pytest.raises(DownloadError, match="login page"):
        fetch(spec(server.url(), size=None), tmp_path, settings=patient)


def test_wrong_bytes_are_set_aside_and_both_checksums_shown(serve, patient, tmp_path: Path) -> None:
    wrong = CONTENT[:-1] + b"?"
    digest = hashlib.sha256(wrong).hexdigest()
    server = serve(send(wrong))
    with pytest.raises(DatasetCorrupt) as caught:
        fetch(spec(server.url()), tmp_path, settings=patient)
    assert digest in str(caught.value) and SHA256 in str(caught.value)
    assert leftovers(tmp_path) == [f"set.zip.quarantine-{digest[:8]}"]
    assert (tmp_path / f"set.zip.quarantine-{digest[:8]}").read_bytes() == wrong
    good = serve(send())
    assert fetch(spec(server.url(), good.url()), tmp_path, settings=patient).read_bytes() == CONTENT


def test_a_wrong_announced_size_is_refused_before_the_transfer(serve, patient, pauses, tmp_path: Path) -> None:
    server = serve(send(CONTENT + b"more"))
    with pytest.raises(DownloadError, match=f"announces {len(CONTENT) + 4} bytes where {len(CONTENT)} are expected"):
        fetch(spec(server.url()), tmp_path, settings=patient)
    assert pauses == []


@pytest.mark.parametrize(("announced", "message"), [(len(CONTENT) + 999, "stopped after"), (1000, "No source|wrong")])
def test_a_false_content_length_never_passes(serve, patient, tmp_path: Path, announced: int, message: str) -> None:
    server = serve(send(announce=announced, ranges=False))
    with pytest.raises((DownloadError, DatasetCorrupt), match=message):
        fetch(spec(server.url(), size=None), tmp_path, settings=patient)
    assert not (tmp_path / "set.zip").exists()


def test_a_dead_first_mirror_is_survived_and_all_dead_are_listed(serve, patient, tmp_path: Path) -> None:
    good, gone = serve(send()), serve(status(404))
    assert fetch(spec(dead_url(), gone.url(), good.url()), tmp_path, settings=patient).read_bytes() == CONTENT
    assert len(gone.requests) == 1, "404 is not asked again"
    dead = dead_url()
    with pytest.raises(DownloadError) as caught:
        fetch(spec(dead, gone.url()), tmp_path / "other", settings=patient)
    assert dead in str(caught.value) and "404" in str(caught.value)


def test_user_mirrors_come_first_and_may_be_folders_or_addresses(serve, patient, tmp_path: Path) -> None:
    server = serve(send())
    folder = tmp_path / "mirror of sets"
    folder.mkdir()
    (folder / "set.zip").write_bytes(CONTENT)
    for mirror in (str(folder), folder.as_uri()):
        assert fetch(spec(server.url()), tmp_path / "a", [mirror], patient) == folder / "set.zip"
    assert server.requests == []
    fetch(spec(dead_url()), tmp_path / "b", [server.url("")], patient)
    assert server.requests == [("/set.zip", None)]


def test_a_wrong_file_on_a_mirror_folder_is_left_alone(serve, patient, tmp_path: Path) -> None:
    server, folder = serve(send()), tmp_path / "mirror"
    folder.mkdir()
    (folder / "set.zip").write_bytes(b"other")
    assert fetch(spec(server.url()), tmp_path / "a", [str(folder)], patient) == tmp_path / "a" / "set.zip"
    assert (folder / "set.zip").read_bytes() == b"other"


def test_a_damaged_file_on_this_disk_is_set_aside_and_downloaded_anew(serve, patient, tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"damaged")
    assert fetch(spec(serve(send()).url()), tmp_path, settings=patient).read_bytes() == CONTENT
    assert any(name.startswith("set.zip.quarantine-") for name in leftovers(tmp_path))


def test_an_unknown_checksum_is_recorded_once_and_enforced_after(serve, patient, tmp_path: Path) -> None:
    file = spec(serve(send()).url(), sha256=None, size=None)
    assert expected_sha256(file, tmp_path) is None
    record_checksum(file, tmp_path, fetch(file, tmp_path, settings=patient))
    assert expected_sha256(file, tmp_path) == SHA256
    (tmp_path / "set.zip").unlink()
    changed = spec(serve(send(CONTENT + b"!")).url(), sha256=None, size=None)
    with pytest.raises(DatasetCorrupt, match=SHA256):
        fetch(changed, tmp_path, settings=patient)


def test_a_full_disk_is_named_and_leaves_no_partial_file(serve, patient, tmp_path: Path) -> None:
    (tmp_path / "earlier.zip").write_bytes(b"earlier")
    server = serve(send())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(DiskFull):
            fetch(spec(server.url()), tmp_path, settings=patient)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, previous)
    assert not any(path.stat().st_size > 1000 for path in tmp_path.iterdir())
    assert (tmp_path / "earlier.zip").read_bytes() == b"earlier"


def test_a_download_that_cannot_fit_is_not_begun(serve, patient, tmp_path: Path, monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, len(CONTENT) - 1))
    with pytest.raises(DiskFull, match=f"{len(CONTENT)} bytes free"):
        fetch(spec(serve(send()).url()), tmp_path, settings=patient)


def test_passwords_in_addresses_do_not_reach_messages(patient, tmp_path: Path) -> None:
    url = dead_url().replace("http://", "http://user:secret@")
    with pytest.raises(DownloadError) as caught:
        fetch(spec(url), tmp_path, settings=patient)
    assert "secret" not in str(caught.value)

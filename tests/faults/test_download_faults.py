"""The downloader against a local server that truncates, resets, lies and recovers."""

from __future__ import annotations

import hashlib
import resource
import shutil
import signal
import socket
import struct
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

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

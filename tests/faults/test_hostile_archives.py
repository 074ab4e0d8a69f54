"""Archives that try to write elsewhere, to fill the disk, or to confuse."""

from __future__ import annotations

import gzip
import io
import resource
import signal
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concord3d.data.archives import ExtractLimits, extract
from concord3d.errors import DiskFull, UnreadableFile, UnsafeArchive

SMALL = ExtractLimits(max_bytes=10**6, max_files=50, max_ratio=20.0, ratio_floor=10_000)


def make_zip(path: Path, *members: tuple[str, bytes], mode: int | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as store:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if mode is not None:
                info.external_attr = mode << 16
            store.writestr(info, content)
    return path


def make_tar(path: Path, *members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> Path:
    with tarfile.open(path, "w:gz", encoding="utf-8", errors="surrogateescape") as store:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            store.addfile(info, io.BytesIO(content))
    return path


def refused(archive: Path, kind: str, folder: Path, match: str | None = None, limits: ExtractLimits = SMALL) -> None:
    into = folder / "into"
    into.mkdir()
    (into / "earlier.txt").write_text("earlier")
    with pytest.raises(UnsafeArchive, match=match) as caught:
        extract(archive, kind, into, limits=limits)
    assert str(archive) in str(caught.value)
    assert [path.name for path in into.iterdir()] == ["earlier.txt"], "nothing is unpacked"
    assert sorted(path.name for path in folder.iterdir()) == sorted([archive.name, "into"]), (
        "nothing is written outside"
    )


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "C:/evil", "c:evil", "a\\..\\evil", "a\nb", ".."])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_paths_that_lead_outside_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    make = make_zip if kind == "zip" else make_tar
    refused(make(tmp_path / "evil", ("good.txt", b"good"), (name, b"evil")), kind, tmp_path)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_the_picture_of_a_folder_is_left_out_and_named(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """macOS names it with a control character, for which an archive would be refused."""
    make = make_zip if kind == "zip" else make_tar
    (tmp_path / "evil").mkdir()
    archive = make(tmp_path / "set", ("a/Icon\r", b"picture"), ("../Icon\r", b"evil"), ("a/b.txt", b"text"))
    extract(archive, kind, tmp_path / "into")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["set", "b.txt"]
    assert caplog.text.count("is left out") == 2
    refused(make(tmp_path / "evil" / "x", ("Icon\rx", b"evil")), kind, tmp_path / "evil", "control character")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 256, "longer than 255 bytes"),
        ("folder/" + "é" * 128 + "/a", "longer than 255 bytes"),
        ("/".join(["y" * 200] * 16), "path longer than 3072"),
        ("CON", "device"),
        ("a/nul.txt/b", "device"),
        ("Com1 .h5", "device"),
        ("blank ", "blank or a full stop"),
        ("a./b", "blank or a full stop"),
        ("...", "blank or a full stop"),
        (" /a", "blank or a full stop"),
        ("a\x85b", "control character"),
        ("a\x7fb", "control character"),
        (".partial-0123abcd.1-x", "unfinished"),
        ("a/.lock-b", "unfinished"),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_some_file_system_cannot_hold_are_refused(
    tmp_path: Path, kind: str, name: str, message: str
) -> None:
    make = make_zip if kind == "zip" else make_tar
    refused(make(tmp_path / "evil", ("good.txt", b"good"), (name, b"evil")), kind, tmp_path, message)


def test_a_zero_byte_in_the_name_of_a_zip_member_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "evil", ("aXb", b"1"))
    archive.write_bytes(archive.read_bytes().replace(b"aXb", b"a\0b"))
    refused(archive, "zip", tmp_path, "control character")


@pytest.mark.parametrize(
    "name", ["x" * 255, "é" * 127, "a b", ".hidden", "console", "null.txt", "com", "a.b.c", "椅子", "-rf"]
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_unusual_names_that_are_safe_come_out(tmp_path: Path, kind: str, name: str) -> None:
    make = make_zip if kind == "zip" else make_tar
    extract(make(tmp_path / "fine", (name, b"1")), kind, tmp_path / "into")
    assert [path.name for path in (tmp_path / "into").iterdir()] == [name]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("link", ["/etc/passwd", "../outside", "good.txt"])
def test_links_in_tar_are_refused(tmp_path: Path, kind: bytes, link: str) -> None:
    refused(make_tar(tmp_path / "evil", ("link", b""), kind=kind, link=link), "tar", tmp_path, "link or device")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_in_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    refused(make_tar(tmp_path / "evil", ("device", b""), kind=kind), "tar", tmp_path, "link or device")


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o600, stat.S_IFIFO | 0o600])
def test_links_and_devices_in_zip_are_refused(tmp_path: Path, mode: int) -> None:
    refused(make_zip(tmp_path / "evil", ("link", b"/etc/passwd"), mode=mode), "zip", tmp_path, "link or device")


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("a.txt", "a.txt", "doubled name"),
        ("Readme", "README", "collide"),
        ("Straße/a", "STRASSE/b", "one name twice"),
        ("caf\u00e9", "cafe\u0301", "collide"),
        ("a", "a/b", "one name twice"),
        ("a/b", "a", "collide|doubled"),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_colliding_names_are_refused(tmp_path: Path, kind: str, first: str, second: str, message: str) -> None:
    make = make_zip if kind == "zip" else make_tar
    refused(make(tmp_path / "evil", (first, b"1"), (second, b"2")), kind, tmp_path, message)


def test_names_that_are_not_utf8_are_refused_in_tar(tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    refused(make_tar(tmp_path / "evil", (name, b"1")), "tar", tmp_path, "not UTF-8")


@pytest.mark.parametrize("flag", [False, True])
def test_names_that_are_not_utf8_are_refused_in_zip(tmp_path: Path, flag: bool) -> None:
    archive = make_zip(tmp_path / "evil", ("cafXX", b"1") if not flag else ("caf\u00e9", b"1"))
    content = archive.read_bytes()
    archive.write_bytes(
        content.replace(b"cafXX", b"caf\xe9\xff") if not flag else content.replace(b"\xc3\xa9", b"\xff\xfe")
    )
    refused(archive, "zip", tmp_path, "not UTF-8")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_bombs_are_refused(tmp_path: Path, kind: str) -> None:
    make = make_zip if kind == "zip" else make_tar
    refused(make(tmp_path / "evil", ("zeros", bytes(500_000))), kind, tmp_path, "bomb")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_too_much_and_too_many_are_refused(tmp_path: Path, kind: str) -> None:
    make = make_zip if kind == "zip" else make_tar
    big = ExtractLimits(max_bytes=1000)
    refused(make(tmp_path / "big", ("a", bytes(600)), ("b", bytes(600))), kind, tmp_path, "too much", big)
    (tmp_path / "many").mkdir()
    many = make(tmp_path / "many" / "many", *((f"{i}", b"") for i in range(51)))
    refused(many, kind, tmp_path / "many", "too many")


def test_a_zip_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "evil", ("a", b"x" * 1000))
    content = archive.read_bytes()
    archive.write_bytes(content.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises((UnsafeArchive, UnreadableFile)):
        extract(archive, "zip", tmp_path / "into")
    assert list((tmp_path / "into").iterdir()) == []


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_every_truncation_is_named_and_unpacks_nothing(tmp_path: Path, kind: str) -> None:
    make = make_zip if kind == "zip" else make_tar
    whole = make(tmp_path / "whole", ("a/one", bytes(range(256)) * 20), ("a/two", b"two" * 999)).read_bytes()
    for cut in {0, 1, 10, len(whole) // 3, len(whole) // 2, len(whole) - 5}:
        (tmp_path / "cut").write_bytes(whole[:cut])
        with pytest.raises(UnreadableFile, match=r"Cannot unpack|none of the wanted|truncated"):
            extract(tmp_path / "cut", kind, tmp_path / "into")
        assert list((tmp_path / "into").iterdir()) == []


def test_a_web_page_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("<html>quota</html>" * 100)
    for kind in ("zip", "tar"):
        with pytest.raises(UnreadableFile):
            extract(tmp_path / "page", kind, tmp_path / "into")


def test_a_flipped_bit_in_a_member_is_noticed(tmp_path: Path) -> None:
    content = bytes(i * 7 % 251 for i in range(4000))
    packed = gzip.compress(_tar_bytes("a", content))
    (tmp_path / "bad").write_bytes(packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:])
    with pytest.raises(UnreadableFile):
        extract(tmp_path / "bad", "tar", tmp_path / "into")
    with zipfile.ZipFile(tmp_path / "z", "w") as store:
        store.writestr("a", content)
    damaged = bytearray((tmp_path / "z").read_bytes())
    damaged[200] ^= 1
    (tmp_path / "z").write_bytes(damaged)
    with pytest.raises(UnreadableFile):
        extract(tmp_path / "z", "zip", tmp_path / "into")


def _tar_bytes(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as store:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        store.addfile(info, io.BytesIO(content))
    return stream.getvalue()


NAMES = st.lists(
    st.lists(st.text("abcdefgh", min_size=1, max_size=3), min_size=2, max_size=3).map("/".join), min_size=1, max_size=6
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=NAMES, kind=st.sampled_from(["zip", "tar"]), data=st.binary(max_size=300))
def test_honest_archives_come_out_as_they_went_in(tmp_path_factory, names: list[str], kind: str, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("honest")
    # A name that is also the folder of another one cannot exist on a disk.
    chosen = [name for name in dict.fromkeys(names) if not any(other.startswith(f"{name}/") for other in names)]
    make = make_zip if kind == "zip" else make_tar
    archive = make(folder / "archive", *((name, data + name.encode()) for name in chosen))
    extract(archive, kind, folder / "into")
    found = {str(p.relative_to(folder / "into")): p.read_bytes() for p in (folder / "into").rglob("*") if p.is_file()}
    assert found == {name: data + name.encode() for name in chosen}


def test_only_the_wanted_members_are_unpacked_and_folders_are_filled(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "z", ("set/a/1.h5", b"1"), ("set/b/2.h5", b"2"), ("__MACOSX/set/a/._1.h5", b"junk"))
    extract(archive, "zip", tmp_path / "into", ("set/a/*",))
    assert not (tmp_path / "into/set/b").exists()
    extract(archive, "zip", tmp_path / "into", ("set/b/*",))
    assert (tmp_path / "into/set/a/1.h5").read_bytes() == b"1" and (tmp_path / "into/set/b/2.h5").read_bytes() == b"2"
    with pytest.raises(UnreadableFile, match="none of the wanted"):
        extract(archive, "zip", tmp_path / "into", ("other/*",))
    assert not (tmp_path / "into/__MACOSX").exists()


def test_a_full_disk_while_unpacking_leaves_the_earlier_folder_alone(tmp_path: Path) -> None:
    extract(make_zip(tmp_path / "one", ("set/old", b"1")), "zip", tmp_path / "into")
    archive = make_zip(tmp_path / "two", ("set/new", bytes(i % 251 for i in range(300_000))))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(DiskFull):
            extract(archive, "zip", tmp_path / "into")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, previous)
    assert [str(p.relative_to(tmp_path / "into")) for p in (tmp_path / "into").rglob("*")] == ["set", "set/old"]


def test_unpacking_again_replaces_the_earlier_folder(tmp_path: Path) -> None:
    extract(make_zip(tmp_path / "one", ("set/old", b"1")), "zip", tmp_path / "into")
    extract(make_zip(tmp_path / "two", ("set/new", b"2")), "zip", tmp_path / "into")
    assert [path.name for path in (tmp_path / "into/set").iterdir()] == ["new"]

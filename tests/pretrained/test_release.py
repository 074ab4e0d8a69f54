"""Releases: what is written is what is loaded, from a file and from an address, and damage is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from tests.pretrained.test_loading import CLOUDS
from tests.pretrained.toy_runs import ALIGNED_RUN, PLAIN_RUN, toy_repository

from concord3d.errors import ArtifactDamaged, ConfigError, DatasetCorrupt, UnreadableFile
from concord3d.pretrained import load_encoder
from concord3d.pretrained.release import CACHE_VARIABLE, Release, write_release


class Written:
    """A repository, and the release of its two encoders."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.root = toy_repository(folder / "clone", repository, [ALIGNED_RUN, PLAIN_RUN])
        self.path = folder / "out" / "encoders.tar"
        self.sha256, self.names = write_release(self.root, "demo", self.path)


@pytest.fixture(scope="module")
def written(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("release"), repository)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def address(written: Written) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(written.path.parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/encoders.tar"
    server.shutdown()
    thread.join()


def test_encoders_of_a_release_are_those_of_the_repository(written: Written) -> None:
    assert written.names == [ALIGNED_RUN, PLAIN_RUN]
    for name in written.names:
        own, released = load_encoder(name, written.root), load_encoder(name, release=str(written.path))
        np.testing.assert_array_equal(released.embed(CLOUDS), own.embed(CLOUDS))
        assert (released.sha256, released.run, released.protocols) == (own.sha256, own.run, own.protocols)
        assert (released.tower is None) == (own.tower is None)


def test_the_tower_comes_along(written: Written) -> None:
    released = load_encoder(ALIGNED_RUN, release=str(written.path), sha256=written.sha256)
    own = load_encoder(ALIGNED_RUN, written.root)
    np.testing.assert_array_equal(released.class_features(["chair"]), own.class_features(["chair"]))


def test_a_release_has_the_same_bytes_again_and_its_checksum_beside_it(written: Written, tmp_path: Path) -> None:
    assert write_release(written.root, "demo", tmp_path / "again.tar")[0] == written.sha256
    assert (tmp_path / "again.tar.sha256").read_text() == f"{written.sha256}  again.tar\n"


def test_a_release_is_loaded_from_an_address_once(written: Written, address: str, cache: Path) -> None:
    released = load_encoder(PLAIN_RUN, release=address, sha256=written.sha256)
    np.testing.assert_array_equal(released.embed(CLOUDS), load_encoder(PLAIN_RUN, written.root).embed(CLOUDS))
    assert (cache / "releases" / written.sha256 / "manifest.json").is_file()
    nowhere = address.replace("encoders.tar", "gone.tar")
    assert load_encoder(PLAIN_RUN, release=nowhere, sha256=written.sha256).sha256 == released.sha256


def test_an_address_needs_a_checksum_and_other_bytes_are_refused(written: Written, address: str) -> None:
    with pytest.raises(ConfigError, match="needs its checksum"):
        Release.open(address)
    with pytest.raises(DatasetCorrupt, match="wrong bytes"):
        Release.open(address, "0" * 64)
    with pytest.raises(ArtifactDamaged, match="another checksum"):
        Release.open(str(written.path), "0" * 64)


def test_damage_and_unknown_names_are_refused(written: Written, cache: Path, tmp_path: Path) -> None:
    release = Release.open(str(written.path))
    with pytest.raises(ConfigError, match=f"did you mean '{ALIGNED_RUN}'"):
        release.encoder("demo/mm_mixing/ful@s1")
    member = release.folder / release.manifest["encoders"][PLAIN_RUN]["weights"]
    member.write_bytes(member.read_bytes()[:-1])
    with pytest.raises(ArtifactDamaged, match="absent or damaged"):
        release.encoder(PLAIN_RUN)
    (tmp_path / "no.tar").write_bytes(b"nothing")
    with pytest.raises(UnreadableFile):
        Release.open(str(tmp_path / "no.tar"))


def test_a_scale_without_encoders_and_names_of_another_scale_are_refused(written: Written, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no encoder of scale 'small'"):
        write_release(written.root, "small", tmp_path / "out.tar")
    with pytest.raises(ConfigError, match="No name of a training of this scale"):
        write_release(written.root, "small", tmp_path / "out.tar", [PLAIN_RUN])

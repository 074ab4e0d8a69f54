"""Weights in installed packages: sources in order, the checksum that decides, and the converted form."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import huggingface_hub
import pytest
import torch

from concord3d.errors import CheckpointCorrupt
from concord3d.features import converted_weights
from concord3d.features.converted_weights import converted_path, read_released_tensors
from concord3d.features.frozen_encoders import PICTURE_ENCODERS, SENTENCE_ENCODERS
from concord3d.features.packaged_weights import PACKAGED, PackagedFile, PackagedWeights, find_packaged_file
from concord3d.features.tower import TowerMismatch, TowerWeightsMissing
from concord3d.refusals import TEMPORARY_PREFIX

CONTENT = b"the weights"
MADE_UP = PackagedWeights(
    package="made-up-weights",
    version="1.0",
    licence="MIT",
    origin="this test",
    dim=4,
    files={"weights": PackagedFile("w.bin", "made_up/models/w.bin", hashlib.sha256(CONTENT).hexdigest())},
    hub_repository="nobody/made-up",
)

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package whose code fails when imported; returns the path of its file."""
    site = tmp_path / "site"

    def installed(content: bytes | None = CONTENT, version: str = "1.0") -> Path:
        info = site / f"made_up_weights-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: made-up-weights\nVersion: {version}\n")
        path = site / "made_up" / "models" / "w.bin"
        path.parent.mkdir(parents=True)
        (site / "made_up" / "__init__.py").write_text("raise AssertionError('imported')")
        if content is not None:
            path.write_bytes(content)
        monkeypatch.syspath_prepend(str(site))
        return path

    return installed


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """A hub without a network; it notes what was asked for."""
    asked: list[tuple[str, str]] = []

    def fetch(repository: str, name: str, cache_dir: Path | None = None) -> str:
        asked.append((repository, name))
        raise OSError("Network is unreachable\nat length")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    return asked


def test_sources_are_asked_in_order(install: Install, hub: list[tuple[str, str]], tmp_path: Path) -> None:
    in_package = install()
    assert find_packaged_file(MADE_UP, "weights") == in_package
    assert find_packaged_file(MADE_UP, "weights", tmp_path) == in_package
    local = tmp_path / "w.bin"
    local.write_bytes(CONTENT)
    assert find_packaged_file(MADE_UP, "weights", tmp_path) == local
    assert not hub and "made_up" not in sys.modules


def test_the_hub_is_the_last_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caches: list[Path | None] = []

    def fetch(repository: str, name: str, cache_dir: Path | None = None) -> str:
        caches.append(cache_dir)
        path = tmp_path / "downloaded"
        path.write_bytes(CONTENT if len(caches) < 3 else b"another file")
        return str(path)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    assert find_packaged_file(MADE_UP, "weights").read_bytes() == CONTENT
    find_packaged_file(MADE_UP, "weights", tmp_path)
    assert caches == [None, tmp_path / "fetched"]
    with pytest.raises(CheckpointCorrupt, match="another checksum"):
        find_packaged_file(MADE_UP, "weights")


def test_nothing_found_names_the_command_and_what_was_looked_at(hub: list[tuple[str, str]], tmp_path: Path) -> None:
    with pytest.raises(TowerWeightsMissing) as caught:
        find_packaged_file(MADE_UP, "weights", tmp_path)
    message = str(caught.value)
    for part in ("pip install made-up-weights==1.0", str(tmp_path / "w.bin"), "not installed", "nobody/made-up"):
        assert part in message
    assert "Network is unreachable" in message and "at length" not in message
    assert hub == [("nobody/made-up", "w.bin")]
    nowhere = dataclasses.replace(MADE_UP, hub_repository=None)
    with pytest.raises(TowerWeightsMissing, match="no repository has this file"):
        find_packaged_file(nowhere, "weights")
    assert len(hub) == 1


def test_a_package_without_the_file_is_named(install: Install, hub: list[tuple[str, str]]) -> None:
    install(content=None)
    with pytest.raises(TowerWeightsMissing, match="made-up-weights: lacks the file"):
        find_packaged_file(MADE_UP, "weights")


@pytest.mark.parametrize("content", [CONTENT[:-1], b"", CONTENT + b"\n"])
def test_a_damaged_file_is_refused_with_both_checksums(
    install: Install, hub: list[tuple[str, str]], tmp_path: Path, content: bytes
) -> None:
    install(content)
    with pytest.raises(CheckpointCorrupt) as caught:
        find_packaged_file(MADE_UP, "weights")
    for part in (MADE_UP.files["weights"].sha256, hashlib.sha256(content).hexdigest(), "--force-reinstall"):
        assert part in str(caught.value)
    (tmp_path / "w.bin").write_bytes(content)
    with pytest.raises(CheckpointCorrupt, match="delete it"):
        find_packaged_file(MADE_UP, "weights", tmp_path)
    assert not hub


@pytest.mark.parametrize("content", [b"weights of version 2", None])
def test_another_version_with_other_files_is_refused(
    install: Install, hub: list[tuple[str, str]], content: bytes | None
) -> None:
    install(content, version="2.0")
    with pytest.raises(TowerMismatch, match=r"(?s)expected: version 1\.0.*found: version 2\.0.*==1\.0"):
        find_packaged_file(MADE_UP, "weights")


def test_another_version_with_the_same_bytes_is_taken(install: Install) -> None:
    path = install(version="1.0.post7")
    assert find_packaged_file(MADE_UP, "weights") == path


def test_every_encoder_has_a_release_that_is_installed() -> None:
    assert set(PACKAGED) == {*PICTURE_ENCODERS, *SENTENCE_ENCODERS}
    for release in PACKAGED.values():
        assert version(release.package) == release.version
        assert release.licence in ("Apache-2.0", "MIT") and release.origin
        assert all(find_packaged_file(release, role).name == file.name for role, file in release.files.items())


TENSORS = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones(2, dtype=torch.float16), "n": torch.tensor(3)}


def released(folder: Path) -> Path:
    path = folder / "released.pth"
    torch.save(TENSORS, path)
    return path


def same(found: dict[str, torch.Tensor]) -> bool:
    return found.keys() == TENSORS.keys() and all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


def test_a_torch_file_is_converted_once(tmp_path: Path) -> None:
    path, store = released(tmp_path), tmp_path / "store"
    assert same(read_released_tensors(path, "d", None)) and not store.exists()
    assert same(read_released_tensors(path, "d", store))
    path.write_bytes(b"never read again")
    assert same(read_released_tensors(path, "d", store))
    assert list(store.iterdir()) == [converted_path(store, "d")]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
def test_a_damaged_converted_file_is_made_anew(tmp_path: Path, damage: str) -> None:
    path, store = released(tmp_path), tmp_path / "store"
    read_released_tensors(path, "d", store)
    converted = converted_path(store, "d")
    before = converted.read_bytes()
    values = bytearray(before)
    values[-1] ^= 1
    converted.write_bytes({"cut": before[:-3], "flip": bytes(values), "empty": b"", "other": b"{}"}[damage])
    assert same(read_released_tensors(path, "d", store))
    assert converted.read_bytes() == before


def test_a_released_file_that_is_damaged_converts_to_nothing(tmp_path: Path) -> None:
    path, store = released(tmp_path), tmp_path / "store"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointCorrupt, match=r"released\.pth"):
        read_released_tensors(path, "d", store)
    assert not store.exists()


def test_an_interrupted_conversion_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, store = released(tmp_path), tmp_path / "store"

    def interrupted(tensors: object, target: Path, metadata: object) -> None:
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("concord3d.models.weights.save_file", interrupted)
        with pytest.raises(KeyboardInterrupt):
            read_released_tensors(path, "d", store)
    assert not list(store.iterdir())
    assert same(read_released_tensors(path, "d", store))


KILLED = """
import os, signal, sys
from pathlib import Path
from concord3d.features.converted_weights import read_released_tensors
from concord3d.models import weights

def killed(tensors, target, metadata):
    Path(target).write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

weights.save_file = killed
read_released_tensors(Path(sys.argv[1]), "d", Path(sys.argv[2]))
"""


def test_a_killed_conversion_leaves_no_half_file_under_the_final_name(tmp_path: Path) -> None:
    path, store = released(tmp_path), tmp_path / "store"
    completed = subprocess.run([sys.executable, "-c", KILLED, str(path), str(store)])
    assert completed.returncode == -9
    assert [file.name.startswith(TEMPORARY_PREFIX) for file in store.iterdir()] == [True]
    assert same(converted_weights.read_released_tensors(path, "d", store))

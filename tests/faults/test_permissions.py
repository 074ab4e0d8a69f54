"""What a user's umask does not grant, no file of this project has; what it grants, every file has."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.reporting.fabricate import demo_like
from tests.workflow.clones import program
from tests.workflow.test_batch import told, write

from concord3d.arrays import write_arrays
from concord3d.data.archives import extract
from concord3d.data.catalog import load_catalog
from concord3d.data.reading import read_split
from concord3d.data.verify import obtain
from concord3d.features.cache import ShardWriter
from concord3d.files import atomic_path, copy_folder, write_bytes, write_json, write_second_name, write_text
from concord3d.models.weights import save_tensors
from concord3d.render.camera_figure import draw_camera_figure
from concord3d.reporting.report import build_report
from concord3d.site.build import build_site
from concord3d.workflow.batch import nodes_to_make
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=[0o022, 0o027, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    earlier = os.umask(request.param)
    yield request.param
    os.umask(earlier)


def files_of_every_kind(folder: Path) -> None:
    write_json(folder / "a.json", {"a": 1})
    write_text(folder / "deep/er/a.txt", "a")
    write_bytes(folder / "a.bin", b"a")
    write_text(folder / "a.bin", "written again")
    write_arrays(folder / "a.npz", {"a": np.zeros(3)}, compressed=True)
    save_tensors({"a": torch.zeros(2)}, folder / "a.safetensors")
    with atomic_path(folder / "packed.tar") as temporary, tarfile.open(temporary, "w") as store:
        store.add(folder / "a.json")


def files_whose_writer_sets_permissions(folder: Path) -> None:
    with atomic_path(folder / "open") as temporary:
        temporary.chmod(0o777)
    with atomic_path(folder / "closed") as temporary:
        temporary.unlink()
        os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o400))
        temporary.chmod(0o600)
    source = foreign(folder.parent / "foreign" / "a.txt")
    with atomic_path(folder / "copied") as temporary:
        shutil.copy2(source, temporary)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", refuse)
        write_second_name(source, folder / "second")
    copy_folder(source.parent, folder / "copy")


def foreign(path: Path) -> Path:
    """A file of somebody else: executable, and open to everybody."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("a")
    path.chmod(0o777)
    path.parent.chmod(0o777)
    return path


def refuse(*_: object) -> None:
    raise OSError(95, "Operation not supported")


def unpacked_archives(folder: Path) -> None:
    elsewhere = folder.parent / "archives"
    elsewhere.mkdir()
    with tarfile.open(elsewhere / "a.tar", "w") as store:
        store.add(foreign(elsewhere / "set" / "tool"), "set/tool")
        store.add(elsewhere / "set", "set/inner", recursive=False)
    with zipfile.ZipFile(elsewhere / "a.zip", "w") as store:
        store.write(elsewhere / "set" / "tool", "other/tool")
    for kind in ("tar", "zip"):
        extract(elsewhere / f"a.{kind}", kind, folder)


def a_world_and_what_is_made_of_it(folder: Path) -> None:
    spec = load_catalog(ROOT / "datasets" / "datasets.yaml")["modelnet40_off"]
    build_dataset(
        WorldRecipe("modelnet40_off", dict.fromkeys(spec.splits, 2), ("chair",), 64, 1), folder / "modelnet40_off"
    )
    read_split(spec, folder / "modelnet40_off", "test", "synthetic").save(folder / "stores/test.npz")
    writer = ShardWriter("texts", {"name": "tower"}, 4, folder / "features")
    writer.add(["a chair"], 1, 1, lambda: np.zeros((1, 4), np.float32))
    writer.finish(folder / "features/index.json", {})
    draw_camera_figure(folder / "cameras.png")


def data_of_a_mirror(folder: Path) -> None:
    spec = load_catalog(ROOT / "datasets" / "datasets.yaml")["modelnet40"]
    mirror = folder.parent / "mirror"
    build_dataset(WorldRecipe("modelnet40", dict.fromkeys(spec.splits, 2), ("chair",), 64, 1), mirror)
    release = spec.releases[0].model_copy(update={"counts": dict.fromkeys(spec.splits, 2), "num_points": 64})
    for path in mirror.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o444)
    obtain(spec.model_copy(update={"releases": [release]}), folder, [str(mirror)])


def a_report_and_its_site(folder: Path) -> None:
    build_report(demo_like(folder, seeds=(1,)).inputs)
    build_site(ROOT, [], [], folder / "site")


def a_job_that_is_stopped(folder: Path) -> None:
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        for job in nodes_to_make(folder, [told("a"), told("b")], False):
            with job:
                write(folder, job, job.key)
                if job.key == "b":
                    raise KeyboardInterrupt


WRITERS: list[Callable[[Path], None]] = [
    files_of_every_kind,
    files_whose_writer_sets_permissions,
    unpacked_archives,
    a_world_and_what_is_made_of_it,
    data_of_a_mirror,
    a_job_that_is_stopped,
]


@pytest.mark.parametrize("make", WRITERS)
def test_files_have_what_the_umask_grants(tmp_path: Path, umask: int, make: Callable[[Path], None]) -> None:
    make(tmp_path / "made")
    assert not with_other_rights(tmp_path / "made", umask)


@pytest.mark.parametrize("umask", [0o077], indirect=True)
def test_a_report_and_its_site_have_what_the_umask_grants(tmp_path: Path, umask: int) -> None:
    a_report_and_its_site(tmp_path / "made")
    assert not with_other_rights(tmp_path / "made", umask)


def with_other_rights(folder: Path, umask: int) -> dict[str, str]:
    """Files and folders that have more or less than the umask grants, with their rights."""
    found = {path: stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}
    assert sum(path.is_file() for path in found) >= 2
    return {
        str(path.relative_to(folder)): oct(mode)
        for path, mode in found.items()
        if mode != (0o777 if path.is_dir() else 0o666) & ~umask
    }


def test_a_file_that_is_replaced_gets_the_rights_of_today(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for mask in (0o022, 0o077, 0o027):
        earlier = os.umask(mask)
        write_json(path, {"mask": mask})
        os.umask(earlier)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


@pytest.mark.workflow
def test_what_dvc_keeps_and_restores_is_open_to_nobody_else(tmp_path: Path, umask: int) -> None:
    def dvc(*arguments: str) -> None:
        subprocess.run([program("dvc"), *arguments, "--quiet"], cwd=tmp_path, check=True)

    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    dvc("init")
    shutil.copyfile(ROOT / ".dvc" / "config", tmp_path / ".dvc" / "config")
    write_json(tmp_path / "artifacts/a.json", {"a": 1})
    write_text(tmp_path / "artifacts/deep/b.txt", "b")
    dvc("add", "artifacts")
    shutil.rmtree(tmp_path / "artifacts")
    dvc("checkout")
    restored = [tmp_path / "artifacts", *(tmp_path / "artifacts").rglob("*")]
    assert len(restored) == 4
    for path in restored:
        granted = (0o777 if path.is_dir() else 0o666) & ~umask
        assert stat.S_IMODE(path.stat().st_mode) == granted, path
    # DVC gives the files of its cache the mode 444; the folders about them keep others out.
    cache = tmp_path / ".dvc" / "cache"
    for path in [cache, *cache.rglob("*")]:
        if path.is_dir():
            assert stat.S_IMODE(path.stat().st_mode) & umask == 0, path

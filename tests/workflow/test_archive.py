"""The project as an unpacked archive, without git, and inside of another repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workflow.clones import call, copy_tree, tracked_files

pytestmark = pytest.mark.workflow


@pytest.fixture
def archive(repository: Path, tmp_path: Path) -> Path:
    """What an archive holds, but for the results."""
    folder = tmp_path / "downloads" / "concord3d"
    for name in tracked_files(repository):
        if not name.startswith("results/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(repository / name, folder / name)
    return folder


def tell_dvc(folder: Path) -> None:
    """Do what the setup does about DVC."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["sh", "envs/dvc_without_git.sh"], cwd=folder, env={**os.environ, "PATH": path}, check=True)


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside of another repository"])
def test_dvc_reads_the_stages(archive: Path, inside: bool) -> None:
    if inside:
        subprocess.run(["git", "init", "-q"], cwd=archive.parent, check=True)
    tell_dvc(archive)
    listed = call(archive, "dvc", "stage", "list", "--name-only")
    assert listed.returncode == 0, listed.stderr
    assert {"data", "towers", "cross"} <= set(listed.stdout.split())


def test_dvc_keeps_to_git_in_a_checkout(archive: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=archive, check=True)
    tell_dvc(archive)
    assert not (archive / ".dvc" / "config.local").exists()
    listed = call(archive, "dvc", "stage", "list", "--name-only")
    assert listed.returncode == 0, listed.stderr


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside of another repository"])
def test_tests_know_the_files_of_the_project(archive: Path, tmp_path: Path, inside: bool) -> None:
    if inside:
        # One that ignores everything.
        subprocess.run(["git", "init", "-q"], cwd=archive.parent, check=True)
        (archive.parent / ".gitignore").write_text("*")
    (archive / "artifacts" / "smoke").mkdir(parents=True)
    (archive / "artifacts" / "smoke" / "made").write_text("by a run")
    found = tracked_files(archive)
    assert "Snakefile" in found and "artifacts/smoke/made" not in found
    assert not (archive / ".git").exists()
    assert (copy_tree(archive, tmp_path / "copy") / ".git").is_dir()

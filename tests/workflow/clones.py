"""Throw-away copies of this working tree, in which the real programs run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from concord3d.provenance.checkout import is_checkout


def tracked_files(root: Path) -> list[str]:
    """Files of the working tree that git tracks or would track; in an unpacked archive too, which has no git."""
    if shutil.which("git") is None:
        pytest.skip("there is no git, by which the files of the project are told from others")
    listed = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    if is_checkout(root):
        listing = subprocess.run(listed, cwd=root, text=True, capture_output=True, check=True).stdout
    else:
        with tempfile.TemporaryDirectory() as folder:
            away = {**os.environ, "GIT_DIR": folder, "GIT_WORK_TREE": str(root)}
            subprocess.run(["git", "init", "-q"], cwd=root, env=away, check=True)
            listing = subprocess.run(listed, cwd=root, env=away, text=True, capture_output=True, check=True).stdout
    return [name for name in listing.split("\0") if name and (root / name).is_file()]


def copy_tree(root: Path, target: Path) -> Path:
    """Copy the working tree without its results into a git repository of its own."""
    for name in tracked_files(root):
        if not name.startswith(("results/", "dvc.lock")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "core.hooksPath="]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-q", "-m", "copy"]):
        subprocess.run(["git", *arguments], cwd=target, check=True)
    return target


def program(name: str) -> str:
    """Path of a program of the test environment."""
    return str(Path(sys.executable).parent / name)


def environment_of(folder: Path, **more: str) -> dict[str, str]:
    """Variables under which programs use a copy's own sources, not those that the test environment has installed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(folder / "src"), "NO_COLOR": "1", **more}


def call(folder: Path, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a program of the test environment in ``folder`` and capture its output."""
    variables = environment_of(folder, **environment)
    return subprocess.run(
        [program(name), *arguments], cwd=folder, env=variables, text=True, capture_output=True, check=False
    )


def tree_hash(folder: Path, exclude: tuple[str, ...] = ()) -> dict[str, str]:
    """SHA-256 of every file below ``folder`` but those whose relative path starts with an excluded prefix."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not str(path.relative_to(folder)).startswith(exclude)
    }

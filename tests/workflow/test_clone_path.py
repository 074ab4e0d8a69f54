"""Folders in which the clone works, and those that are refused before anything is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.orphans import orphan_of
from tests.workflow.clones import copy_tree

from concord3d.errors import ConfigError
from concord3d.workflow.clone_path import require_usable_path

# Every printable character of ASCII that a path may have, without those that are refused, and letters of two languages.
USABLE = "My Projects' (1) & more; #2 <a|b> *?[c]!@=,+^%~_-.é漢"
REFUSED = [
    "{name}",
    "a{",
    "a}b",
    "$HOME",
    "a$",
    'a"b',
    "a`b",
    "a\\b",
    "a:b",
    "a\nb",
    "a\x7fb",
    b"a\xffb".decode(errors="surrogateescape"),
]


def test_the_usual_and_the_unusual_are_usable(tmp_path: Path) -> None:
    require_usable_path(tmp_path / USABLE)


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_what_a_program_cannot_cope_with_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="does not work in a folder with this name") as caught:
        require_usable_path(tmp_path / name / "clone")
    str(caught.value).encode()


def test_the_folder_behind_a_link_counts(tmp_path: Path) -> None:
    (tmp_path / "{bad}").mkdir()
    (tmp_path / "good").symlink_to(tmp_path / "{bad}")
    with pytest.raises(ConfigError, match="braces"):
        require_usable_path(tmp_path / "good")


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_the_setup_refuses_before_it_installs(repository: Path, tmp_path: Path, name: str) -> None:
    clone = tmp_path / name / "clone"
    (clone / "src/concord3d/workflow").mkdir(parents=True)
    shutil.copytree(repository / "envs", clone / "envs")
    modules = ("__init__", "errors", "workflow/__init__", "workflow/clone_path")
    for file in ("Makefile", "pyproject.toml", *(f"src/concord3d/{module}.py" for module in modules)):
        shutil.copyfile(repository / file, clone / file)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "setup", f"PYTHON={sys.executable}"]
    made = subprocess.run(command, cwd=clone, env=environment, text=True, capture_output=True, check=False)
    assert made.returncode and "does not work in a folder with this name" in made.stderr, made.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.workflow
def test_a_job_runs_with_an_interpreter_in_a_folder_with_blanks(repository: Path, tmp_path: Path) -> None:
    clone = copy_tree(repository, tmp_path / USABLE)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(clone / ".venv")], check=True)
    inside = next((clone / ".venv/lib").glob("python*/site-packages"))
    (inside / "installed.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n{clone / 'src'}\n")
    node = "data/records/world_smoke/modelnet40.json"
    orphan = orphan_of(clone / "artifacts/smoke/views/a.npy")
    orphan.touch()
    environment = {**os.environ, "PATH": f"{clone}/.venv/bin:{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    command = [".venv/bin/python", "-m", "snakemake", "--cores", "1", "--config", "scale=smoke", "--", node]
    made = subprocess.run(command, cwd=clone, env=environment, text=True, capture_output=True, check=False)
    assert made.returncode == 0, made.stderr[-3000:]
    assert (clone / node).is_file()
    assert not orphan.exists(), "what a killed run has left is removed"

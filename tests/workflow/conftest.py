"""The smoke run that several tests look at."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workflow.clones import call, copy_tree
from tests.workflow.graphs import made_tree

from concord3d.data.storage import locked


@pytest.fixture(scope="session")
def smoke_run(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, at a path with spaces, in which the smoke DAG has run on two cores."""
    folder = tmp_path_factory.mktemp("smoke run") / "the clone"
    # For work on these tests: a copy in which the smoke DAG has run with the present sources.
    finished = os.environ.get("CONCORD3D_SMOKE_RUN") or _finished_run(repository, tmp_path_factory.getbasetemp())
    subprocess.run(["cp", "-a", finished, str(folder)], check=True)
    return folder


def _finished_run(repository: Path, base: Path) -> Path:
    """Run the smoke DAG once for all processes of this run of the tests: the others wait, for it takes both cores."""
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / "smoke run made once" / "the clone", shared / "smoke-run-made"
    with locked(done):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            copy_tree(repository, folder)
            completed = call(folder, "snakemake", "--cores", "2", "--config", "scale=smoke")
            assert completed.returncode == 0, completed.stderr[-5000:]
            done.touch()
    return folder


@pytest.fixture
def tree(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the repository in which every node of the smoke graph is current; edits of it are undone."""
    with made_tree(repository, tmp_path_factory.getbasetemp()) as root:
        yield root


@pytest.fixture
def copy(smoke_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished smoke run, with its times and Snakemake's memory."""
    folder = tmp_path / "a copy"
    subprocess.run(["cp", "-a", str(smoke_run), str(folder)], check=True)
    return folder

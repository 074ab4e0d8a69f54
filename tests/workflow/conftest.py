"""The smoke run that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workflow.clones import call, copy_tree


@pytest.fixture(scope="session")
def smoke_run(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, at a path with spaces, in which the smoke DAG has run on two cores."""
    folder = copy_tree(repository, tmp_path_factory.mktemp("smoke run") / "the clone")
    completed = call(folder, "snakemake", "--cores", "2", "--config", "scale=smoke")
    assert completed.returncode == 0, completed.stderr[-5000:]
    return folder

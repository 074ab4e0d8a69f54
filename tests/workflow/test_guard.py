"""The end of a run, and the lock of one that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.workflow.graphs import LOSS, append, smoke_plan

from concord3d.errors import ArtifactStale
from concord3d.workflow import guard
from concord3d.workflow.guard import hold_run_lock, require_complete
from concord3d.workflow.state import State


@pytest.fixture
def state(tree: Path) -> State:
    """Its state."""
    return State(smoke_plan(tree))


def test_a_run_is_complete_where_its_nodes_are(tree: Path) -> None:
    append(tree / LOSS)
    state = State(smoke_plan(tree))
    require_complete(state, {node.key for node in state.plan.of_stage("data")})
    with pytest.raises(ArtifactStale, match=r"1 of \d+ nodes") as caught:
        require_complete(state, ["mm_point/train/mm_point__s1"])
    assert "mm_point/train/mm_point__s1 is stale" in str(caught.value)
    assert "next: snakemake --cores all --config scale=smoke" in str(caught.value)


# Locks.


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    """The folder in which Snakemake leaves its lock, with one in it."""
    (tmp_path / ".snakemake" / "metadata").mkdir(parents=True)
    return leave_lock(tmp_path)


def leave_lock(root: Path) -> Path:
    """What Snakemake leaves while it runs, and a killed one for ever."""
    folder = root / ".snakemake" / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "0.input.lock").write_text("data")
    (folder / "0.output.lock").write_text("results")
    return folder


@pytest.fixture(autouse=True)
def lock_of_this_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What this process locks is free again at the end of each test."""
    held: list[int] = []
    monkeypatch.setattr(guard, "_held", held)
    yield
    for descriptor in held:
        os.close(descriptor)


@contextmanager
def running(root: Path, repository: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of a run."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom concord3d.workflow.guard import hold_run_lock\n"
        "hold_run_lock(Path(sys.argv[1]))\nprint('held', flush=True)\nsys.stdin.read()"
    )
    variables = {**os.environ, "PYTHONPATH": str(repository / "src")}
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(root)], env=variables, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "held\n"
        leave_lock(root)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_lock_of_a_killed_run_is_removed_and_said(
    locks: Path, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, repository) as process:
        process.kill()
        process.wait()
        hold_run_lock(tmp_path)
    assert not locks.exists() and (tmp_path / ".snakemake" / "metadata").is_dir()
    assert "The lock of a run that was killed is removed" in capsys.readouterr().err


def test_a_run_that_goes_on_keeps_its_lock(
    locks: Path, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, repository):
        hold_run_lock(tmp_path)
        assert len(list(locks.iterdir())) == 2
    assert capsys.readouterr().err == ""
    hold_run_lock(tmp_path)
    assert not locks.exists()


def test_whoever_removes_a_lock_holds_the_run(locks: Path, tmp_path: Path, repository: Path) -> None:
    hold_run_lock(tmp_path)
    assert not locks.exists()
    code = (
        "import fcntl, os, sys\ndescriptor = os.open(sys.argv[1], os.O_RDWR)\n"
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "work/run.lock")], capture_output=True, check=False
    )
    assert other.returncode != 0 and b"BlockingIOError" in other.stderr


def test_without_a_lock_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    hold_run_lock(tmp_path)
    hold_run_lock(tmp_path)
    assert (tmp_path / ".snakemake" / "locks").is_dir()
    assert capsys.readouterr().err == ""

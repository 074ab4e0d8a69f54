"""The end of a run, and the lock of one that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.workflow.graphs import LOSS, append, made_tree, smoke_plan

from concord3d.errors import ArtifactStale
from concord3d.workflow.guard import nodes_behind, release_abandoned_lock, require_complete
from concord3d.workflow.state import State


@pytest.fixture
def tree(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the repository in which every node of the smoke graph is current; edits of it are undone."""
    with made_tree(repository, tmp_path_factory.getbasetemp()) as root:
        yield root


@pytest.fixture
def state(tree: Path) -> State:
    """Its state."""
    return State(smoke_plan(tree))


WEIGHTS = "artifacts/smoke/mm_point/train/mm_point__s1/model.safetensors"
BEHIND_WEIGHTS = {
    "raw/world_smoke/shapenet",
    "stores/shapenet__train",
    "views/shapenet__train__ring24__32",
    "mm_point/train/mm_point__s1",
}


@pytest.mark.parametrize(
    "target",
    [
        WEIGHTS,
        f"./{WEIGHTS}",
        WEIGHTS.replace("model.safetensors", "snapshots"),
        "artifacts/smoke/records/mm_point/train/mm_point__s1.json",
    ],
)
def test_a_file_or_a_record_needs_its_node_and_all_upstream(state: State, target: str) -> None:
    assert nodes_behind(state, [target]) == BEHIND_WEIGHTS


@pytest.mark.parametrize("stage", ["data", "towers", "mm_point", "mm_mixing", "cross"])
def test_the_target_of_a_stage_needs_the_stage_and_all_upstream(state: State, stage: str) -> None:
    found = nodes_behind(state, [f"{stage}_all"])
    own = {node.key for node in state.plan.of_stage(stage)}
    assert own and found == state.plan.with_upstream(own)
    expected = {
        "data": {"raw", "data"},
        "towers": {"raw", "data", "towers"},
        "mm_point": {"raw", "data", "mm_point"},
        "mm_mixing": {"raw", "data", "towers", "mm_mixing"},
        "cross": {"raw", "data", "towers", "mm_point", "mm_mixing", "cross"},
    }
    assert {state.plan.nodes[key].stage for key in found} == expected[stage]


def test_several_targets_need_what_each_needs(state: State) -> None:
    store = "artifacts/smoke/stores/modelnet40/test.npz"
    assert nodes_behind(state, [WEIGHTS, store]) == BEHIND_WEIGHTS | {
        "raw/world_smoke/modelnet40",
        "stores/modelnet40__test",
    }


@pytest.mark.parametrize("targets", [[], ["all"], ["no such thing"], [WEIGHTS, "no such thing"], ["mm_pointall"]])
def test_no_target_and_an_unknown_one_need_everything(state: State, targets: list[str]) -> None:
    assert nodes_behind(state, targets) == set(state.nodes)


def test_a_run_is_complete_where_the_nodes_behind_its_targets_are(tree: Path) -> None:
    append(tree / LOSS)
    state = State(smoke_plan(tree))
    require_complete(state, nodes_behind(state, ["data_all"]))
    with pytest.raises(ArtifactStale, match=r"1 of \d+ nodes") as caught:
        require_complete(state, nodes_behind(state, [WEIGHTS]))
    assert "mm_point/train/mm_point__s1 is stale" in str(caught.value)
    assert "next: snakemake --cores all --config scale=smoke" in str(caught.value)


# Locks.


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    """The folder in which Snakemake leaves its lock, with one in it."""
    folder = tmp_path / ".snakemake" / "locks"
    folder.mkdir(parents=True)
    (folder / "0.input.lock").write_text("data")
    (folder / "0.output.lock").write_text("results")
    (tmp_path / ".snakemake" / "metadata").mkdir()
    return folder


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
        release_abandoned_lock(tmp_path)
    assert not locks.exists() and (tmp_path / ".snakemake" / "metadata").is_dir()
    assert "The lock of a run that was killed is removed" in capsys.readouterr().err


def test_a_run_that_goes_on_keeps_its_lock(
    locks: Path, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, repository):
        release_abandoned_lock(tmp_path)
        assert len(list(locks.iterdir())) == 2
    assert capsys.readouterr().err == ""
    release_abandoned_lock(tmp_path)
    assert not locks.exists()


def test_the_one_that_removes_a_lock_holds_none(locks: Path, tmp_path: Path) -> None:
    release_abandoned_lock(tmp_path)
    locks.mkdir()
    (locks / "0.input.lock").write_text("of a second run that was killed")
    release_abandoned_lock(tmp_path)
    assert not locks.exists()


def test_without_a_lock_nothing_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release_abandoned_lock(tmp_path)
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    release_abandoned_lock(tmp_path)
    assert (tmp_path / ".snakemake" / "locks").is_dir() and not (tmp_path / "work").exists()
    assert capsys.readouterr().err == ""

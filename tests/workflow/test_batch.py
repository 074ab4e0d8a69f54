"""Jobs of several nodes: what is finished stays finished, whatever the workflow tool removes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.test_node_job import payload

from concord3d.layout import WORK
from concord3d.workflow.batch import nodes_to_make
from concord3d.workflow.job import NodeJob
from concord3d.workflow.keep import KEPT

KEYS = ("a", "b", "c")


def outputs_of(key: str) -> list[Path]:
    return [Path(f"out/{key}/weights.bin"), Path(f"out/{key}/snapshots")]


def told(key: str, identity: str = "i", inputs: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    return payload(key, identity, inputs, outputs_of(key))


def run(
    root: Path, payloads: Sequence[Mapping[str, Any]], stop_at: str | None = None, again: bool = False
) -> list[str]:
    """Make the nodes of a job, as a script does; return those that were made, until one fails."""
    made: list[str] = []
    for job in nodes_to_make(root, payloads, again):
        with job:
            write(root, job, f"{job.key} {job.identity}")
            if job.key == stop_at:
                raise KeyboardInterrupt
            made.append(job.key)
    return made


def write(root: Path, job: NodeJob, text: str) -> None:
    weights, snapshots = (root / path for path in job.outputs)
    snapshots.mkdir(parents=True, exist_ok=True)
    # As every file of a job is written: under another name first, so that a second name keeps its bytes.
    for path in (weights, snapshots / "epoch_0001.bin"):
        path.unlink(missing_ok=True)
        path.write_text(text)


def removed_by_the_tool(root: Path, keys: Sequence[str] = KEYS) -> None:
    """What Snakemake does before a job starts, and after it failed: all that it declares goes, the records too."""
    for key in keys:
        shutil.rmtree(root / "out" / key, ignore_errors=True)
        (root / f"records/{key}.json").unlink(missing_ok=True)


def weights(root: Path, key: str) -> str:
    return (root / outputs_of(key)[0]).read_text()


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A job of three nodes that was stopped in its second, after which its files were removed."""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [told(key) for key in KEYS], stop_at="b")
    removed_by_the_tool(tmp_path)
    return tmp_path


def test_a_job_makes_its_nodes_in_order_and_leaves_nothing_else(tmp_path: Path) -> None:
    assert run(tmp_path, [told(key) for key in KEYS]) == list(KEYS)
    assert all((tmp_path / f"records/{key}.json").is_file() for key in KEYS)
    assert not list((tmp_path / KEPT).glob("*")) and not (tmp_path / WORK / "a").exists()


def test_a_stopped_job_goes_on_with_the_node_at_which_it_was_stopped(stopped: Path) -> None:
    kept = stopped / KEPT / "a" / outputs_of("a")[0]
    inode = kept.stat().st_ino
    assert run(stopped, [told(key) for key in KEYS]) == ["b", "c"]
    assert [weights(stopped, key) for key in KEYS] == [f"{key} i" for key in KEYS]
    assert (stopped / outputs_of("a")[0]).stat().st_ino == inode and not (stopped / KEPT / "a").exists()


def test_what_is_asked_differently_is_made_again(stopped: Path) -> None:
    assert run(stopped, [told("a", "another"), told("b"), told("c")]) == list(KEYS)
    assert weights(stopped, "a") == "a another"


def test_what_was_kept_and_damaged_is_made_again(stopped: Path) -> None:
    (stopped / KEPT / "a" / outputs_of("a")[0]).write_text("a !")
    assert run(stopped, [told(key) for key in KEYS]) == list(KEYS)
    assert weights(stopped, "a") == "a i"


def test_finished_nodes_are_left_where_others_are_added(tmp_path: Path) -> None:
    run(tmp_path, [told("a"), told("b")])
    assert run(tmp_path, [told(key) for key in KEYS]) == ["c"]


def test_a_node_whose_input_has_other_content_is_made_again(tmp_path: Path) -> None:
    both = [told("a"), told("b", inputs={"a": ["i", "j"]})]
    run(tmp_path, both)
    assert run(tmp_path, both) == []
    assert run(tmp_path, [told("a", "j"), both[1]]) == ["a", "b"]


def test_all_are_made_again_where_that_is_asked(tmp_path: Path) -> None:
    payloads = [told(key) for key in KEYS]
    run(tmp_path, payloads)
    assert run(tmp_path, payloads) == [] and run(tmp_path, payloads, again=True) == list(KEYS)


def test_a_job_of_one_node_makes_it_once_and_keeps_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, [told("a")]) == ["a"] and run(tmp_path, [told("a")]) == []
    assert run(tmp_path, [told("a", "j")]) == ["a"] and run(tmp_path, [told("a", "j")], again=True) == ["a"]
    assert not (tmp_path / KEPT).exists()


def test_files_are_copied_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [told(key) for key in KEYS], stop_at="b")
    removed_by_the_tool(tmp_path)
    assert run(tmp_path, [told(key) for key in KEYS]) == ["b", "c"]


MakesDamage = Callable[[Path], None]


@pytest.mark.parametrize(
    "damage",
    [
        lambda root: (root / outputs_of("a")[0]).unlink(),
        lambda root: (root / outputs_of("a")[1] / "epoch_0001.bin").write_text("x"),
        lambda root: (root / "records/a.json").unlink(),
    ],
)
def test_what_is_incomplete_is_made_again(tmp_path: Path, damage: MakesDamage) -> None:
    run(tmp_path, [told("a"), told("b")])
    damage(tmp_path)
    assert run(tmp_path, [told("a"), told("b")]) == ["a"]

"""A job is told by what it does, its paper, experiments and seeds, and costs what its open nodes cost."""

from pathlib import Path

import pytest

from concord3d.console.expected import expected_job
from concord3d.workflow.costs import START
from concord3d.workflow.node import Job, Node

COSTS = {
    "mm_point/train/mm_point": 3.0,
    "mm_point/train/crosspoint": 2.0,
    START: 1.0,
}


def node(key: str, stage: str = "mm_point", script: str = "train") -> Node:
    return Node(key, stage, {}, (f"workflow_scripts/{script}.py",))


def test_a_batched_job_names_its_experiments_and_seeds() -> None:
    job = Job("train_mm_point", tuple(node(f"mm_point/train/{name}__s{seed}") for name in "abcd" for seed in (1, 2)))
    told = expected_job(job, set(), {})
    assert told.title.split("  ")[-2:] == ["a, b and 2 more", "seeds 1, 2"]
    assert told.title.split()[:2] == ["train", "mm_point"]
    assert told.seconds is None


def test_finished_nodes_cost_nothing_and_are_not_named() -> None:
    job = Job("train", (node("mm_point/train/mm_point__s1"), node("mm_point/train/crosspoint__s1")))
    assert expected_job(job, set(), COSTS).seconds == 6
    assert expected_job(job, set(), COSTS, slots=2).seconds == 1 + 5 / 2
    rest = expected_job(job, {"mm_point/train/mm_point__s1"}, COSTS, log=Path("logs/train.log"))
    assert (rest.seconds, rest.subject, rest.log) == (3, "crosspoint", Path("logs/train.log"))


@pytest.mark.parametrize(("stage", "script"), [("raw", "world_dataset"), ("data", "store"), ("cross", "cross")])
def test_what_papers_share_has_no_paper_and_no_seed(stage: str, script: str) -> None:
    told = expected_job(Job("x", (node("stores/modelnet40__train", stage, script),)), set(), {})
    assert (told.paper, told.seeds, told.subject) == ("", (), "modelnet40__train")
    assert told.title == f"{told.kind:<9}  modelnet40__train"

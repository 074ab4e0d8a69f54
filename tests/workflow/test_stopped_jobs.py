"""One job of each kind is killed at work: the same command goes on and ends with the bytes of an undisturbed run."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.workflow.attacks import SMOKE, made, run_and_kill, said

from concord3d.refusals import TEMPORARY_PREFIX

pytestmark = pytest.mark.workflow

RECORDS = Path("artifacts/smoke/records")
VIEWS = Path("artifacts/smoke/views")


class Stopped(NamedTuple):
    """A job that is killed.

    Attributes:
        paper: What the run makes.
        records: Pattern of the records of its nodes, below those of the scale.
        naming: A record that only this job names.
        at_work: Says of a copy whether the job has begun what it is killed at.
    """

    paper: str
    records: str
    naming: str
    at_work: Callable[[Path], bool]


def has_finished(record: str) -> Callable[[Path], bool]:
    """Whether a node of a job is made, and kept while the others are; its files are hard links."""
    key = record.removesuffix(".json").removeprefix("papers/")
    return lambda folder: (folder / "work/kept" / key / RECORDS / record).exists()


# Each job of several nodes is killed when the first is made, at work on the second; views are one file of pictures.
JOBS = {
    "views": Stopped(
        "mm_point",
        "views/shapenet__train__ring24__32.json",
        "views/shapenet__train__ring24__32.json",
        lambda folder: bool(unfinished(folder / VIEWS)),
    ),
    "encode": Stopped(
        "mm_mixing",
        "features/concord_tiny/*.json",
        "features/concord_tiny/modelnet40__classes.json",
        has_finished("features/concord_tiny/ensembled__train__ring12__32__images.json"),
    ),
    "evaluate": Stopped(
        "mm_point",
        "papers/mm_point/eval/*.json",
        "papers/mm_point/eval/crosspoint__s1.json",
        has_finished("papers/mm_point/eval/mm_point__s1.json"),
    ),
    "report": Stopped(
        "mm_point",
        "papers/mm_point/report/*.json",
        "papers/mm_point/report/tables.json",
        has_finished("papers/mm_point/report/metrics.json"),
    ),
}


def unfinished(folder: Path) -> list[Path]:
    """Files and folders with a temporary name."""
    return sorted(folder.rglob(f"{TEMPORARY_PREFIX}*"))


def forget(folder: Path, records: str) -> None:
    """Remove the nodes of some records with all that they left, shards of stores too."""
    found = sorted((folder / RECORDS).glob(records))
    assert found, records
    for record in found:
        for name in json.loads(record.read_text())["files"]:
            (folder / name).unlink()
        record.unlink()


# After these a training and more jobs look whether they are to be made again.
LONG = ("views", "encode")


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in LONG)) for kind in JOBS])
def test_a_killed_job_is_made_as_if_nothing_had_happened(copy: Path, kind: str) -> None:
    job, before = JOBS[kind], made(copy)
    forget(copy, job.records)
    command = (*SMOKE, f"papers=[{job.paper}]")
    naming, at_work = str(RECORDS / job.naming), job.at_work
    killed = run_and_kill(copy, f"{kind}.py", signal.SIGKILL, *command, naming=naming, when=lambda: at_work(copy))
    assert killed.returncode != 0 and f"FAILED {kind}" in killed.stdout + killed.stderr
    assert not (copy / RECORDS / job.naming).exists()
    said(copy, *command)
    assert not {name for name, _ in before.items() ^ made(copy).items()}
    assert not unfinished(copy) and not any(path.is_file() for path in (copy / "work/kept").rglob("*"))

"""What a run is about to do: its jobs, what each is about, and how long it is expected to take."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from concord3d.layout import STAGES
from concord3d.workflow.costs import expected_seconds
from concord3d.workflow.node import Job, Node

# More experiments, or lists of features, than these are counted.
NUM_NAMED = 2
_SEED = re.compile(r"__s(\d+)$")


@dataclass(frozen=True)
class ExpectedJob:
    """One job of a run.

    Attributes:
        kind: What it does: the name of its script.
        paper: Its paper; empty for what papers share.
        subject: Experiments, data sets or parts of a report.
        seeds: Of its nodes.
        seconds: How long it is expected to take; None where it was never measured.
        slots: Cores that it takes.
        needs: Numbers of the jobs that it waits for.
        log: Where its output goes.
    """

    kind: str
    paper: str
    subject: str
    seeds: tuple[int, ...] = ()
    seconds: float | None = None
    slots: int = 1
    needs: frozenset[int] = frozenset()
    log: Path | None = None

    @property
    def title(self) -> str:
        """What a line of the console says of it."""
        seeds = f"seed{'s' if len(self.seeds) > 1 else ''} {', '.join(map(str, self.seeds))}" if self.seeds else ""
        return "  ".join(part for part in (f"{self.kind:<9}", f"{self.paper:<10}", self.subject, seeds) if part.strip())


@dataclass(frozen=True)
class ExpectedRun:
    """Jobs of a run.

    Attributes:
        jobs: By the number that the workflow tool gives them.
        slots: Jobs, or cores, at the same time.
        command: What the user types to go on after a failure.
    """

    jobs: Mapping[int, ExpectedJob]
    slots: int
    command: str


def expected_job(
    job: Job,
    made: Collection[str],
    costs: Mapping[str, float],
    slots: int = 1,
    needs: Iterable[int] = (),
    log: Path | None = None,
) -> ExpectedJob:
    """Describe a job.

    Args:
        job: The job.
        made: Keys of the nodes that are there already; it will leave them.
        costs: Measured costs by kind of node.
        slots: Cores that it takes.
        needs: Numbers of the jobs that it waits for.
        log: Where its output goes.
    """
    nodes = [node for node in job.nodes if node.key not in made]
    seeds = {int(match[1]) for node in nodes for match in [_SEED.search(node.key)] if match}
    return ExpectedJob(
        (job.nodes[0].script or "obtain").removesuffix("_dataset"),
        _paper(job.nodes[0]),
        _subject(nodes),
        tuple(sorted(seeds)),
        expected_seconds(costs, nodes, slots),
        slots,
        frozenset(needs),
        log,
    )


def _paper(node: Node) -> str:
    return "" if node.stage in ("raw", *STAGES) else node.stage


def _subject(nodes: Iterable[Node]) -> str:
    keys = (_SEED.sub("", node.key).split("/") for node in nodes)
    names = list(dict.fromkeys(key[-1] for key in keys))
    if len(names) <= NUM_NAMED + 1:
        return ", ".join(names)
    return f"{', '.join(names[:NUM_NAMED])} and {len(names) - NUM_NAMED} more"

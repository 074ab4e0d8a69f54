"""``concord3d costs``: what each kind of node of a finished run cost, from its logs, for readers and for estimates."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from concord3d.commands.workflow import params_of
from concord3d.errors import ReportingError
from concord3d.layout import costs_csv
from concord3d.workflow.costs import START, Cost, kind_of, read_costs, write_costs
from concord3d.workflow.plan import Plan

LOGS = Path("logs")
# Snakemake's measurements of whole jobs, at the same places as their logs.
BENCHMARKS = Path("benchmarks-out")
_MADE = re.compile(r"^(?P<record>\S+): (?P<cpu>\d+\.\d\d) CPU-seconds, (?P<seconds>\d+\.\d\d) s$", re.MULTILINE)
SHARED = "data and towers"


@dataclass(frozen=True)
class MeasuredJob:
    """What one job of a finished run cost.

    Attributes:
        nodes: Costs of the nodes that it made, by key.
        start: Of its process and imports; None where Snakemake has not measured the whole job.
    """

    nodes: Mapping[str, Cost]
    start: Cost | None


def measured_jobs(plan: Plan) -> Iterator[MeasuredJob]:
    """Yield what jobs of a plan have cost when they were last run in this clone.

    Args:
        plan: All nodes; logs of other scales are passed over.
    """
    key_of = {str(plan.layout.record(key)): key for key in plan.nodes}
    for log in sorted((plan.root / LOGS).rglob("*.log")):
        found = [match for match in _MADE.finditer(log.read_text(encoding="utf-8", errors="replace"))]
        nodes = {
            key_of[match["record"]]: Cost(float(match["cpu"]), float(match["seconds"]))
            for match in found
            if match["record"] in key_of
        }
        if nodes:
            yield MeasuredJob(nodes, _start(plan.root, log, list(nodes.values())))


def _start(root: Path, log: Path, nodes: list[Cost]) -> Cost | None:
    benchmark = root / BENCHMARKS / log.relative_to(root / LOGS).with_suffix(".tsv")
    if not benchmark.is_file() or benchmark.stat().st_mtime < log.stat().st_mtime:
        return None
    with benchmark.open(encoding="utf-8", newline="") as stream:
        row = next(csv.DictReader(stream, delimiter="\t"), None)
    if row is None:
        return None
    # The benchmark samples CPU time, so short jobs have none; what passes before the first node is nearly all CPU time.
    seconds = max(0.0, float(row["s"]) - sum(node.seconds for node in nodes))
    return Cost(seconds, seconds)


def measured_costs(jobs: list[MeasuredJob]) -> dict[str, Cost]:
    """Return the mean cost of each kind of node over its seeds, and the median start of a job.

    Args:
        jobs: What jobs have cost.
    """
    by_kind: dict[str, list[Cost]] = defaultdict(list)
    for job in jobs:
        for key, cost in job.nodes.items():
            by_kind[kind_of(key)].append(cost)
    costs = {
        kind: Cost(fmean(cost.cpu_seconds for cost in found), fmean(cost.seconds for cost in found))
        for kind, found in by_kind.items()
    }
    starts = [job.start.seconds for job in jobs if job.start is not None]
    return costs | ({START: Cost(median(starts), median(starts))} if starts else {})


def show_costs(root: Path, scale: str | None, record: bool) -> None:
    """Print what the nodes of a finished run cost, as a Markdown table, and record it for estimates if asked to.

    Args:
        root: The repository, in which the run was made.
        scale: Replaces the scale of ``params.yaml``.
        record: Write ``config/costs/<scale>.csv``; what this run did not make keeps its earlier cost there.

    Raises:
        ReportingError: No log of this scale says what a node cost.
    """
    plan = Plan(root, params_of(root, scale))
    jobs = list(measured_jobs(plan))
    if not jobs:
        raise ReportingError(
            "No log says what a node cost",
            where=root / LOGS,
            expected=f"logs of a run at scale {plan.params.scale} in this clone",
            next_step=plan.command,
        )
    _print_table(plan, jobs)
    if record:
        write_costs(root, plan.params.scale, read_costs(root, plan.params.scale) | measured_costs(jobs))
        print(f"\nWrote {costs_csv(plan.params.scale)}")


def _print_table(plan: Plan, jobs: list[MeasuredJob]) -> None:
    of_paper: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for job in jobs:
        for key, cost in job.nodes.items():
            stage = plan.nodes[key].stage
            paper, kind = (stage, kind_of(key).partition("/")[2]) if stage in plan.loaded else (SHARED, _family(key))
            of_paper[paper][kind].append(cost.cpu_seconds)
    print("| of | nodes | number | CPU-seconds |\n|---|---|---|---|")
    for paper, kinds in sorted(of_paper.items(), key=lambda row: row[0] != SHARED):
        for kind, found in sorted(kinds.items(), key=lambda row: -sum(row[1])):
            print(f"| {paper} | {kind} | {len(found)} | {sum(found):.1f} |")
        total = [seconds for found in kinds.values() for seconds in found]
        print(f"| {paper} | **all** | {len(total)} | **{sum(total):.1f}** |")


def _family(key: str) -> str:
    """What nodes that belong to no paper are added up under: a tower's or encoder's name, or their first word."""
    first, *rest = key.split("/")
    return "/".join([first, *rest[:1]]) if first in ("towers", "features") else first

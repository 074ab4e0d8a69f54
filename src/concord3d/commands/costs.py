"""``concord3d costs``: what each kind of node of a finished run cost, from its logs, for readers and for estimates."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from concord3d.commands.workflow import params_of
from concord3d.errors import ReportingError
from concord3d.layout import costs_csv
from concord3d.workflow.costs import START, kind_of, read_costs, write_costs
from concord3d.workflow.plan import Plan

LOGS = Path("logs")
_TOLD = re.compile(r"^(?P<what>\S+): (?P<seconds>\d+\.\d\d) CPU-seconds$", re.MULTILINE)
SHARED = "data and towers"


def measured_costs(plan: Plan) -> dict[str, list[float]]:
    """Return the CPU-seconds of every node of a plan, and of the starts of their jobs, as this clone's logs have them.

    Args:
        plan: All nodes; what logs say of other scales is passed over.

    Returns:
        One list by key of a node, and by :data:`concord3d.workflow.costs.START`.
    """
    key_of = {str(plan.layout.record(key)): key for key in plan.nodes}
    found: dict[str, list[float]] = defaultdict(list)
    for log in sorted((plan.root / LOGS).rglob("*.log")):
        told = {match["what"]: float(match["seconds"]) for match in _TOLD.finditer(log.read_text(errors="replace"))}
        nodes = {key_of[what]: seconds for what, seconds in told.items() if what in key_of}
        for name, seconds in (nodes | {START: told[START]} if nodes and START in told else nodes).items():
            found[name].append(seconds)
    return dict(found)


def mean_costs(costs: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the mean of each kind of node over its seeds, and of the starts of jobs.

    Args:
        costs: See :func:`measured_costs`.
    """
    by_kind: dict[str, list[float]] = defaultdict(list)
    for key, seconds in costs.items():
        by_kind[kind_of(key)] += seconds
    return {kind: fmean(seconds) for kind, seconds in by_kind.items()}


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
    costs = measured_costs(plan)
    if not costs:
        raise ReportingError(
            "No log says what a node cost",
            where=root / LOGS,
            expected=f"logs of a run at scale {plan.params.scale} in this clone",
            next_step=plan.command,
        )
    _print_table(plan, costs)
    if record:
        write_costs(root, plan.params.scale, read_costs(root, plan.params.scale) | mean_costs(costs))
        print(f"\nWrote {costs_csv(plan.params.scale)}")


def _print_table(plan: Plan, costs: Mapping[str, list[float]]) -> None:
    of_paper: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for key, seconds in costs.items():
        stage = plan.nodes[key].stage if key in plan.nodes else ""
        paper, kind = (stage, kind_of(key).partition("/")[2]) if stage in plan.loaded else (SHARED, _family(key))
        of_paper[paper][kind] += seconds
    print("| of | nodes | number | CPU-seconds |\n|---|---|---|---|")
    for paper, kinds in sorted(of_paper.items(), key=lambda row: row[0] != SHARED):
        for kind, found in sorted(kinds.items(), key=lambda row: -sum(row[1])):
            print(f"| {paper} | {kind} | {len(found)} | {sum(found):.1f} |")
        total = sum(sum(found) for found in kinds.values())
        print(f"| {paper} | **all** | {sum(map(len, kinds.values()))} | **{total:.1f}** |")


def _family(key: str) -> str:
    """What nodes that belong to no paper are added up under: a tower's or encoder's name, or their first word."""
    first, *rest = key.split("/")
    return "/".join([first, *rest[:1]]) if first in ("towers", "features") else first

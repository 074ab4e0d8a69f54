"""What nodes cost, as finished runs have measured it: CPU-seconds of a kind of node at a scale, of the start of a job.

``concord3d costs --record`` writes them from the logs of a run into ``config/costs/<scale>.csv``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path

from concord3d.files import write_text
from concord3d.layout import costs_csv
from concord3d.workflow.node import Node

# The start of a job's process and the imports of its script, beside the seconds of its nodes.
START = "start-of-a-job"
COLUMNS = ("node", "cpu_seconds")


def kind_of(key: str) -> str:
    """Return a node's key without its seed: seeds of one experiment cost the same."""
    return re.sub(r"__s\d+$", "", key)


def read_costs(root: Path, scale: str) -> dict[str, float]:
    """Return measured user and system seconds by kind of node; none where nobody has measured this scale.

    Args:
        root: The repository.
        scale: The scale.
    """
    path = root / costs_csv(scale)
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["node"]: float(row["cpu_seconds"]) for row in csv.DictReader(stream)}


def write_costs(root: Path, scale: str, costs: Mapping[str, float]) -> None:
    """Write the measured costs of a scale, sorted by kind of node.

    Args:
        root: The repository.
        scale: The scale.
        costs: By kind of node, and of :data:`START`.
    """
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows([kind, f"{cost:.2f}"] for kind, cost in sorted(costs.items()))
    write_text(root / costs_csv(scale), text.getvalue())


def expected_seconds(costs: Mapping[str, float], nodes: Iterable[Node], cores: int = 1) -> float | None:
    """Return the seconds of a job that makes some nodes, its start included; None where a node was never measured.

    Args:
        costs: By kind of node.
        nodes: What the job will make.
        cores: On which its work is spread.
    """
    known = [costs.get(kind_of(node.key)) for node in nodes]
    seconds = [value for value in known if value is not None]
    return costs.get(START, 0.0) + sum(seconds) / cores if len(seconds) == len(known) else None


def whole_cost(costs: Mapping[str, float], nodes: Iterable[Node], num_jobs: int) -> tuple[float, list[Node]]:
    """Return the CPU-seconds of all nodes that were measured, starts of jobs included, and the nodes that were not.

    Args:
        costs: By kind of node.
        nodes: Every node of a graph.
        num_jobs: Processes that make them.
    """
    found = [(node, costs.get(kind_of(node.key))) for node in nodes]
    seconds = sum(cost for _, cost in found if cost is not None)
    return seconds + num_jobs * costs.get(START, 0.0), [node for node, cost in found if cost is None]

"""What papers cost at a scale, as a table of README.md: recorded CPU-seconds of their nodes, the largest training.

Everything is read from ``config/costs/`` and from the records of the committed results.
"""

from __future__ import annotations

from pathlib import Path

from concord3d.config.resolve import load_params
from concord3d.config.strict_yaml import load_yaml
from concord3d.files import read_json
from concord3d.layout import Layout
from concord3d.reporting.markdown import grid
from concord3d.workflow.costs import read_costs, whole_cost
from concord3d.workflow.plan import Plan


def small(root: Path) -> str:
    """Return a row for each paper at the scale ``small``."""
    papers = load_params(load_yaml(root / "params.yaml")).papers
    columns = ["paper", "trainings", "CPU-hours", "of data, pictures and towers", "memory of a training"]
    return "\n".join(grid(columns, [_row(root, "small", paper) for paper in papers]))


def _row(root: Path, scale: str, paper: str) -> list[str]:
    plan = Plan(root, load_params({"scale": scale, "papers": [paper]}))
    costs = read_costs(root, scale)
    own = [node for key, node in plan.nodes.items() if key.startswith(f"{paper}/")]
    shared = [node for key, node in plan.nodes.items() if not key.startswith(f"{paper}/")]
    (spent, unknown), (before, unknown_before) = (whole_cost(costs, nodes, 0) for nodes in (own, shared))
    without = len(unknown) + len(unknown_before)
    trainings = [node for node in own if node.key.startswith(f"{paper}/train/")]
    records = (root / Layout(scale).result(paper) / "provenance").glob("*.json")
    memory = max(read_json(path)["peak_memory_mb"] or 0 for path in records) / 1000
    more = f", and {without} nodes without a record" if without else ""
    return [
        plan.studies[paper].paper.short_name,
        str(len(trainings)),
        f"{(spent + before) / 3600:.1f}{more}",
        f"{before / 3600:.1f}",
        f"{memory:.1f} GB",
    ]

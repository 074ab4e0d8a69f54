"""The graph of a plan, drawn as one box per kind of job, for readers."""

from __future__ import annotations

from collections import Counter

from concord3d.workflow.node import Node
from concord3d.workflow.plan import Plan


def kind_graph(plan: Plan) -> str:
    """Return a flowchart in Mermaid's language: kinds of jobs, how many nodes each makes, and which reads which.

    Args:
        plan: All nodes.
    """
    counts = Counter(_kind(node) for node in plan.nodes.values())
    edges = dict.fromkeys(
        (_kind(plan.nodes[key]), _kind(node))
        for node in plan.nodes.values()
        for key in node.upstream
        if _kind(plan.nodes[key]) != _kind(node)
    )
    boxes = [f'    {kind}["{kind.replace("_", " ")}<br>{_count(count)}"]' for kind, count in counts.items()]
    return "\n".join(["flowchart LR", *boxes, *(f"    {first} --> {second}" for first, second in edges)])


def _kind(node: Node) -> str:
    return node.script or "obtain_dataset"


def _count(count: int) -> str:
    return f"{count} node{'s' if count != 1 else ''}"

"""``concord3d check`` and ``concord3d accept-source``: the nodes of the graph and what their records say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from concord3d.commands.workflow import params_of
from concord3d.errors import ConfigError, nearest
from concord3d.layout import STAGES
from concord3d.workflow.accept import accept_source
from concord3d.workflow.guard import require_complete
from concord3d.workflow.plan import Plan
from concord3d.workflow.state import State


def plan_of(root: Path, scale: str | None = None, papers: Sequence[str] | None = None) -> Plan:
    """Return the graph that ``params.yaml`` asks for.

    Args:
        root: The repository.
        scale: Replaces the scale of ``params.yaml``.
        papers: Replace its papers.
    """
    params = params_of(root, scale)
    return Plan(root, params.model_copy(update={"papers": list(papers)}) if papers else params)


def check(root: Path, scale: str | None, papers: Sequence[str] | None, stage: str | None) -> None:
    """Compare the records of all nodes, or of one stage, with what is asked.

    Raises:
        ConfigError: There is no such stage.
        ArtifactStale: A node is absent, damaged or made of something else.
    """
    plan = plan_of(root, scale, papers)
    stages = [*STAGES, *plan.studies]
    if stage is not None and stage not in stages:
        raise ConfigError(f"Unknown stage '{stage}'{nearest(stage, stages)}", where="--stage", expected=stages)
    state = State(plan)
    keys = None if stage is None else {node.key for node in plan.of_stage(stage)}
    require_complete(state, keys)
    print(f"{len(state.nodes if keys is None else keys)} nodes are complete and made of what is asked.")


def accept(root: Path, scale: str | None, patterns: Sequence[str], because: str) -> None:
    """Declare that edits of sources change no number of some nodes; see :func:`accept_source`."""
    changed = accept_source(plan_of(root, scale), patterns, because)
    print("\n".join(f"accepted: {key}" for key in changed) or "Nothing to accept: these nodes are current or absent.")

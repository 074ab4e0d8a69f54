"""The scripts of the workflow, called in this process: nodes are made and recorded without Snakemake."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from concord3d.workflow.job import NodeJob
from concord3d.workflow.plan import Plan
from concord3d.workflow.state import State


def maker(script: Path) -> Callable[[NodeJob], float | None]:
    """What a script makes a node with."""
    found: list[Callable[[NodeJob], float | None]] = []
    stub = SimpleNamespace(NodeJob=NodeJob, make_nodes=lambda snakemake, make: found.append(make))
    with mock.patch.dict("sys.modules", {"job": stub}):
        exec(
            compile(script.read_text(), str(script), "exec"),
            {"snakemake": SimpleNamespace(threads=1), "__name__": script.stem},
        )
    [make] = found
    return make


@contextmanager
def within(folder: Path) -> Iterator[None]:
    """Work in a folder, as jobs work in the repository."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def make_nodes(plan: Plan, keys: Iterable[str]) -> None:
    """Make some nodes and all that they are made from, below the root of the plan."""
    wanted, state = plan.with_upstream(keys), State(plan)
    makers: dict[str, Callable[[NodeJob], float | None]] = {}
    with within(plan.root):
        for key, node in plan.nodes.items():
            if key in wanted:
                make = makers.setdefault(node.script, maker(plan.root / node.entries[0]))
                with NodeJob(Path(), state.payload(key)) as job:
                    make(job)

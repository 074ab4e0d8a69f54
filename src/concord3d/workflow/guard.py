"""The end of a run, and the lock that a killed one leaves behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from concord3d.errors import ArtifactStale
from concord3d.layout import WORK
from concord3d.workflow.keep import KEPT, keep_files
from concord3d.workflow.node import Job
from concord3d.workflow.state import State, listed

# Descriptors of locks that this process holds until it ends.
_held: list[int] = []


def require_complete(state: State, keys: Iterable[str] | None = None) -> None:
    """Raise unless every node is there and made of what is asked.

    Args:
        state: The nodes and their records, read after the work.
        keys: Only these nodes.

    Raises:
        ArtifactStale: A node is absent, damaged or made of something else.
    """
    findings = state.findings(keys)
    if findings:
        raise ArtifactStale(
            f"{len(findings)} of {len(state.nodes)} nodes are not what the configuration asks for",
            found="\n" + listed(findings),
            next_step=findings[0].next_step,
        )


def keep_what_is_current(state: State, jobs: Iterable[Job]) -> None:
    """Keep the files of finished nodes whose jobs are about to run for the sake of other nodes, or of times alone.

    Args:
        state: The nodes and their records.
        jobs: Jobs that will run.
    """
    for job in jobs:
        for node in job.nodes:
            if state.nodes[node.key].status == "current":
                record = state.plan.layout.record(node.key)
                keep_files(state.plan.root, record, KEPT / node.key)


def hold_run_lock(root: Path) -> None:
    """Hold the lock that tells a running workflow from a killed one, until this process ends.

    Snakemake's lock outlives a killed process, a lock of the operating system does not. Whoever gets it knows that no
    other run is alive, so a lock of Snakemake's that is there then was left behind and is removed.

    Args:
        root: The repository.
    """
    if _held:
        return
    path = root / WORK / "run.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    except OSError:
        # Whoever may not write here can still look at the graph.
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return
    _held.append(descriptor)
    locks = root / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        print("The lock of a run that was killed is removed.", file=sys.stderr)
        shutil.rmtree(locks)

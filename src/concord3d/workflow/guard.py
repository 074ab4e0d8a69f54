"""The end of a run, and the lock that a killed one leaves behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from concord3d.errors import ArtifactStale
from concord3d.workflow.layout import WORK
from concord3d.workflow.state import State, listed

# Descriptors of locks that this process holds until it ends.
_held: list[int] = []


def nodes_behind(state: State, targets: Iterable[str]) -> set[str]:
    """Return the keys of the nodes that targets of Snakemake need.

    Args:
        state: The nodes.
        targets: Rules or files that Snakemake was asked for; none means everything.
    """
    plan = state.plan
    keys: set[str] = set()
    for target in targets:
        stage = target.removesuffix("_all")
        if plan.of_stage(stage):
            keys |= {node.key for node in plan.of_stage(stage)}
        elif os.path.normpath(target) in plan.maker_of:
            keys.add(plan.maker_of[os.path.normpath(target)])
        else:
            return set(plan.nodes)
    return plan.with_upstream(keys or plan.nodes)


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


def release_abandoned_lock(root: Path) -> None:
    """Remove Snakemake's lock where the process that took it is gone; a running one keeps it.

    Snakemake's lock outlives a killed process. A lock of the operating system does not, so each run holds one too
    (:func:`hold_run_lock`).

    Args:
        root: The repository.
    """
    locks = root / ".snakemake" / "locks"
    if not locks.is_dir() or not any(locks.iterdir()):
        return
    descriptor = _lock(root)
    if descriptor is not None:
        print("The lock of a run that was killed is removed.", file=sys.stderr)
        shutil.rmtree(locks)
        os.close(descriptor)


def hold_run_lock(root: Path) -> None:
    """Hold the lock that tells a running workflow from a killed one, until this process ends.

    Args:
        root: The repository.
    """
    descriptor = _lock(root)
    if descriptor is not None:
        _held.append(descriptor)


def _lock(root: Path) -> int | None:
    path = root / WORK / "run.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor

"""The nodes of one job, made one after another; those that are there already are left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from concord3d.workflow.job import NodeJob
from concord3d.workflow.memory import return_freed_memory

# Set where the workflow tool is told to make what is there anew.
AGAIN = "CONCORD3D_AGAIN"


def nodes_to_make(root: Path, payloads: Sequence[Mapping[str, Any]], again: bool = False) -> Iterator[NodeJob]:
    """Yield the nodes of a job that are to be made, in order; each must be made before the next is asked for.

    A job that was stopped goes on with the node at which it was stopped. A job that the workflow tool runs for the sake
    of times alone, such as those of an input that was made again with the same content, makes nothing.

    Args:
        root: The repository.
        payloads: One per node, see :meth:`concord3d.workflow.state.State.payload`.
        again: Make all of them, whatever is there.
    """
    jobs = [NodeJob(root, payload) for payload in payloads]
    for job in jobs:
        if not again:
            job.take_back()
        if again or not job.is_current():
            yield job
            # What one node used is not held for the next.
            return_freed_memory()
        if job is not jobs[-1]:
            job.keep()
    for job in jobs:
        job.forget()

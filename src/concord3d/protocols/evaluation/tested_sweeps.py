"""The sweeps that an evaluation tests; apart from the job, so that other evaluations do not rest on their store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import EvaluationError

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob


def tested_sweeps(job: EvaluationJob) -> SweepSplit:
    """Return the tested split of a job.

    Raises:
        EvaluationError: It holds no sweeps.
    """
    if not isinstance(job.test, SweepSplit):
        raise EvaluationError(f"Protocol '{job.protocol}' needs sweeps", where=job.out, found=type(job.test).__name__)
    return job.test

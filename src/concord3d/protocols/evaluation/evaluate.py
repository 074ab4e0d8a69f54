"""Running protocols on jobs: each leaves its two files, and jobs on one training share features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from concord3d.protocols.evaluation.feature_memo import FeatureMemo
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.evaluation.results import write_result
from concord3d.protocols.loading import load_protocol, parse


def evaluate(job: EvaluationJob) -> None:
    """Run one protocol and write ``<out>.json`` and ``<out>.npz``.

    Args:
        job: What to evaluate, and where the result goes.

    Raises:
        ConfigError: The protocol or a setting is unknown.
        EvaluationError: The protocol cannot be applied to these data.
        BadCloud: A cloud has too few points, or values that are not finite.
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    settings = parse(job.protocol, job.settings)
    identity = job.identity()
    result = load_protocol(job.protocol).run(job, settings)
    write_result(result, identity, job.out)


def evaluate_all(jobs: Iterable[EvaluationJob]) -> None:
    """Run the protocols of one training one after another; each split is encoded once.

    Args:
        jobs: Jobs on one training and one device.

    Raises:
        ConcordError: See :func:`evaluate`.
    """
    memo = FeatureMemo()
    for job in jobs:
        evaluate(replace(job, memo=memo))

"""The one entry to every evaluation protocol."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from concord3d.config.validation import StrictModel, validate
from concord3d.errors import ConfigError, nearest
from concord3d.evaluation import settings
from concord3d.evaluation.job import EvaluationJob, FeatureCache
from concord3d.evaluation.results import ProtocolResult, write_result
from concord3d.evaluation.table import PROTOCOLS
from concord3d.evaluation.tower_features import TowerFeatures

__all__ = ["PROTOCOLS", "EvaluationJob", "FeatureCache", "TowerFeatures", "evaluate", "evaluate_all", "parse_settings"]

Runner = Callable[[EvaluationJob, Any, FeatureCache], ProtocolResult]
SETTINGS: dict[str, type[StrictModel]] = {
    "linear_svm": settings.LinearSvmSettings,
    "few_shot": settings.FewShotSettings,
    "knn": settings.KnnSettings,
    "occupancy_knn": settings.OccupancyKnnSettings,
    "tsne": settings.TsneSettings,
    "finetune": settings.FinetuneSettings,
    "part_segmentation": settings.PartSegmentationSettings,
    "semantic_segmentation": settings.SemanticSegmentationSettings,
    "zero_shot": settings.ZeroShotSettings,
    "retrieval": settings.RetrievalSettings,
    "linear_probe": settings.LinearProbeSettings,
    "few_shot_probe": settings.FewShotProbeSettings,
    "alignment": settings.AlignmentSettings,
    "consistency": settings.ConsistencySettings,
}


def _runner(protocol: str) -> Runner:
    module, _, name = PROTOCOLS[protocol].partition(":")
    runner: Runner = getattr(import_module(module), name)
    return runner


def parse_settings(protocol: str, values: Any) -> StrictModel:
    """Validate the settings of a protocol.

    Raises:
        ConfigError: The protocol or a setting is unknown, with the nearest valid name, or a value is impossible.
    """
    if protocol not in PROTOCOLS:
        raise ConfigError(
            f"Unknown protocol '{protocol}'{nearest(protocol, tuple(PROTOCOLS))}", expected=", ".join(PROTOCOLS)
        )
    return validate(SETTINGS[protocol], dict(values), f"settings of protocol '{protocol}'")


def evaluate(job: EvaluationJob, cache: FeatureCache | None = None) -> None:
    """Run one protocol and write ``<out>.json`` and ``<out>.npz``.

    Args:
        job: What to evaluate, and where the result goes.
        cache: Features to share with other jobs on the same encoder.

    Raises:
        ConfigError: The protocol or a setting is unknown.
        EvaluationError: The protocol cannot be applied to these data.
        BadCloud: A cloud has too few points, or values that are not finite.
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    parsed = parse_settings(job.protocol, job.settings)
    identity = job.identity()
    result = _runner(job.protocol)(job, parsed, cache or FeatureCache())
    write_result(result, identity, job.out)
    if job.work_dir is not None:
        shutil.rmtree(job.work_dir, ignore_errors=True)


def evaluate_all(jobs: Iterable[EvaluationJob]) -> None:
    """Run several protocols one after another; those on the same encoder and split share the features."""
    cache = FeatureCache()
    for job in jobs:
        evaluate(job, cache)

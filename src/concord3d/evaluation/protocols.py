"""The one entry to every evaluation protocol."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from typing import Any

from concord3d.config.validation import StrictModel, validate
from concord3d.errors import ConfigError, nearest
from concord3d.evaluation import frozen_protocols, retrieval_protocol, settings, tower_protocols, trained_protocols
from concord3d.evaluation.job import EvaluationJob, FeatureCache
from concord3d.evaluation.results import ProtocolResult, write_result
from concord3d.evaluation.tower_features import TowerFeatures

__all__ = ["PROTOCOLS", "EvaluationJob", "FeatureCache", "TowerFeatures", "evaluate", "evaluate_all", "parse_settings"]

Runner = Callable[[EvaluationJob, Any, FeatureCache], ProtocolResult]
PROTOCOLS: dict[str, tuple[type[StrictModel], Runner]] = {
    "linear_svm": (settings.LinearSvmSettings, frozen_protocols.run_linear_svm),
    "few_shot": (settings.FewShotSettings, frozen_protocols.run_few_shot),
    "knn": (settings.KnnSettings, frozen_protocols.run_knn),
    "occupancy_knn": (settings.OccupancyKnnSettings, frozen_protocols.run_occupancy_knn),
    "tsne": (settings.TsneSettings, frozen_protocols.run_tsne),
    "finetune": (settings.FinetuneSettings, trained_protocols.run_finetune),
    "part_segmentation": (settings.PartSegmentationSettings, trained_protocols.run_part_segmentation),
    "semantic_segmentation": (settings.SemanticSegmentationSettings, trained_protocols.run_semantic_segmentation),
    "zero_shot": (settings.ZeroShotSettings, tower_protocols.run_zero_shot),
    "retrieval": (settings.RetrievalSettings, retrieval_protocol.run_retrieval),
    "linear_probe": (settings.LinearProbeSettings, tower_protocols.run_linear_probe),
    "few_shot_probe": (settings.FewShotProbeSettings, tower_protocols.run_few_shot_probe),
    "alignment": (settings.AlignmentSettings, tower_protocols.run_alignment),
    "consistency": (settings.ConsistencySettings, tower_protocols.run_consistency),
}


def parse_settings(protocol: str, values: Any) -> StrictModel:
    """Validate the settings of a protocol.

    Raises:
        ConfigError: The protocol or a setting is unknown, with the nearest valid name, or a value is impossible.
    """
    if protocol not in PROTOCOLS:
        raise ConfigError(
            f"Unknown protocol '{protocol}'{nearest(protocol, tuple(PROTOCOLS))}", expected=", ".join(PROTOCOLS)
        )
    return validate(PROTOCOLS[protocol][0], dict(values), f"settings of protocol '{protocol}'")


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
    result = PROTOCOLS[job.protocol][1](job, parsed, cache or FeatureCache())
    write_result(result, identity, job.out)
    if job.work_dir is not None:
        shutil.rmtree(job.work_dir, ignore_errors=True)


def evaluate_all(jobs: Iterable[EvaluationJob]) -> None:
    """Run several protocols one after another; those on the same encoder and split share the features."""
    cache = FeatureCache()
    for job in jobs:
        evaluate(job, cache)

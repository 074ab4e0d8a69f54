"""Zero-shot accuracy among the nearest class names in the space of a tower (MM-Mixing spec 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import PositiveInt, field_validator

from concord3d.measures.ranking import check_cutoff
from concord3d.measures.zero_shot import zero_shot_correct
from concord3d.protocols.evaluation.results import (
    ProtocolResult,
    class_accuracies,
    mean_record,
    record_from_interval,
)
from concord3d.protocols.interface import PUBLISHED_ALIGNED_POINTS, AlignedSettings, Protocol
from concord3d.statistics.intervals import class_mean_interval, class_mean_outcomes

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob


class Settings(AlignedSettings):
    """Settings of zero-shot classification.

    Attributes:
        ks: Lengths of the lists in which the true class counts as found; 1 is among them.
        num_resamples: Draws to average over where clouds hold fewer points than the encoder takes.
    """

    ks: tuple[PositiveInt, ...] = (1, 3, 5)
    num_resamples: PositiveInt = 10

    @field_validator("ks")
    @classmethod
    def _with_one(cls, ks: tuple[int, ...]) -> tuple[int, ...]:
        if 1 not in ks or len(set(ks)) != len(ks):
            raise ValueError("different values with 1 among them")
        return ks


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure the accuracy among the nearest class names, and its mean over classes."""
    test = job.tested_clouds(classified=True)
    encoding = job.encoding(settings, PUBLISHED_ALIGNED_POINTS)
    num_draws = settings.num_resamples if encoding.is_resampled(test) else 1
    for k in settings.ks:
        check_cutoff(k, len(test.class_names), "classes")
    draws = []
    for draw in range(num_draws):
        embeddings = encoding.features("test", draw=draw)
        classes = job.tower.classes(len(test.class_names), embeddings.shape[1])
        draws.append(zero_shot_correct(embeddings, classes, test.labels, settings.ks))
    correct = {k: np.mean([outcomes[k] for outcomes in draws], axis=0) for k in settings.ks}
    records = [mean_record(f"top{k}", outcomes) for k, outcomes in correct.items()]
    records.append(record_from_interval("class_mean_top1", class_mean_interval(correct[1], test.labels)))
    details = {
        **encoding.details(test),
        "num_classes": len(test.class_names),
        "num_classes_tested": len(np.unique(test.labels)),
        "num_resamples": num_draws if encoding.is_resampled(test) else 0,
        "class_accuracy": class_accuracies(correct[1], test.labels, test.class_names),
    }
    items = {f"top{k}__last": outcomes for k, outcomes in correct.items()}
    items["class_mean_top1__last"] = class_mean_outcomes(correct[1], test.labels)
    return ProtocolResult(tuple(records), items, test.names, details, {"labels": test.labels})


PROTOCOL = Protocol(Settings, run, needs=("classes",))

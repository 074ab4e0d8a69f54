"""Accuracy of logistic regression on a few training shapes per class, mean over draws (MM-Mixing spec 5.2b)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from concord3d.protocols.evaluation.results import ProtocolResult, record_from_interval
from concord3d.protocols.interface import PUBLISHED_ALIGNED_POINTS, ProbeSettings, Protocol
from concord3d.statistics.joint_means import proportion_over_draws

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob


class Settings(ProbeSettings):
    """Settings of few-shot linear probing.

    Attributes:
        shots: Training items per class.
        num_draws: Draws of training items to average over.
        cost: C.
    """

    shots: tuple[PositiveInt, ...] = Field(default=(1, 2, 4, 8, 16), min_length=1)
    num_draws: PositiveInt = 10
    cost: PositiveFloat = 1.0


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure the mean accuracy over draws for each number of shots."""
    from concord3d.measures.probing import few_shot_probe

    train, test = job.classified_splits()
    encoding = job.encoding(settings, PUBLISHED_ALIGNED_POINTS)
    train_features, test_features = (encoding.features(split, settings.layer) for split in ("train", "test"))
    class_sizes = np.unique(train.labels, return_counts=True)[1]
    records, items, spread = [], {}, {}
    for num_shots in settings.shots:
        outcomes = few_shot_probe(
            train_features,
            train.labels,
            test_features,
            test.labels,
            num_shots,
            settings.num_draws,
            settings.cost,
            settings.probe_seed,
            settings.max_iterations,
        )
        metric = f"accuracy_{num_shots}shot"
        records.append(record_from_interval(metric, proportion_over_draws(outcomes)))
        items[f"{metric}__last"] = outcomes.mean(axis=0)
        spread[metric] = {
            "accuracy_by_draw": (100 * outcomes.mean(axis=1)).tolist(),
            "num_smaller_classes": int((class_sizes < num_shots).sum()),
        }
    details = {
        **encoding.details(test),
        "layer": settings.layer,
        "feature_dim": int(train_features.shape[1]),
        "cost": settings.cost,
        "settings": spread,
    }
    return ProtocolResult(tuple(records), items, test.names, details, {"labels": test.labels})


PROTOCOL = Protocol(Settings, run)

"""Accuracy of few-shot classification of frozen features, N ways and K shots (MM-Point spec 6.2).

Items are episodes, drawn from the training split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat, PositiveInt

from concord3d.protocols.evaluation.results import ProtocolResult, Record
from concord3d.protocols.interface import FrozenSettings, Protocol
from concord3d.statistics.intervals import seed_interval

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob

PUBLISHED_NUM_POINTS = 2048
PRINTED_NUM_RUNS = 10


class Settings(FrozenSettings):
    """Settings of few-shot classification.

    Attributes:
        ways: Values of N.
        shots: Values of K.
        num_query: Query clouds per class.
        num_runs: Episodes per setting.
        cost: C of the SVC.
        episode_seed: Seed of the episodes, the same for every encoder.
    """

    ways: tuple[int, ...] = Field(default=(5, 10), min_length=1)
    shots: tuple[int, ...] = Field(default=(10, 20), min_length=1)
    num_query: PositiveInt = 20
    num_runs: int = Field(default=50, ge=2)
    cost: PositiveFloat = 1.0
    episode_seed: int = Field(default=0, ge=0)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure the mean accuracy over episodes of each N-way K-shot setting."""
    from concord3d.measures.few_shot import eligible_classes, few_shot_accuracies

    train, _ = job.classified_splits()
    encoding = job.encoding(settings, PUBLISHED_NUM_POINTS)
    features = encoding.features("train")
    records, items, spread = [], {}, {}
    for num_ways in settings.ways:
        for num_shots in settings.shots:
            accuracies = few_shot_accuracies(
                features,
                train.labels,
                num_ways,
                num_shots,
                settings.num_query,
                settings.num_runs,
                settings.cost,
                settings.episode_seed,
            )
            metric = f"accuracy_{num_ways}way_{num_shots}shot"
            interval = seed_interval(accuracies).scaled(100)
            records.append(Record(metric, interval.value, len(accuracies), interval.low, interval.high))
            items[f"{metric}__last"] = accuracies
            first = accuracies[:PRINTED_NUM_RUNS]
            spread[metric] = {
                "std": float(100 * accuracies.std()),
                "mean_first_runs": float(100 * first.mean()),
                "std_first_runs": float(100 * first.std()),
                "num_first_runs": len(first),
                "num_classes": len(eligible_classes(train.labels, num_shots, settings.num_query)),
            }
    names = tuple(f"episode_{episode:03d}" for episode in range(settings.num_runs))
    details = {"num_points": encoding.num_points, "num_query": settings.num_query, "settings": spread}
    return ProtocolResult(tuple(records), items, names, details)


PROTOCOL = Protocol(Settings, run)

"""Accuracy of logistic regression on frozen features of the whole training split (MM-Mixing spec 5.2a)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat

from concord3d.protocols.evaluation.results import ProtocolResult, accuracy_items, accuracy_records, class_accuracies
from concord3d.protocols.interface import PUBLISHED_ALIGNED_POINTS, ProbeSettings, Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob


class Settings(ProbeSettings):
    """Settings of linear probing.

    Attributes:
        costs: Values of C to choose from.
        held_out_share: Share of the training items that C is chosen on.
    """

    costs: tuple[PositiveFloat, ...] = Field(default=(0.0001, 0.001, 0.01, 0.1, 1.0, 10.0), min_length=1)
    held_out_share: float = Field(default=0.1, gt=0, lt=1)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure overall and mean class accuracy."""
    from concord3d.measures.probing import linear_probe

    train, test = job.classified_splits()
    encoding = job.encoding(settings, PUBLISHED_ALIGNED_POINTS)
    train_features, test_features = (encoding.features(split, settings.layer) for split in ("train", "test"))
    probe = linear_probe(
        train_features,
        train.labels,
        test_features,
        test.labels,
        settings.costs,
        settings.held_out_share,
        settings.probe_seed,
        settings.max_iterations,
    )
    details = {
        **encoding.details(test),
        "layer": settings.layer,
        "num_train": len(train),
        "feature_dim": int(train_features.shape[1]),
        "cost": probe.cost,
        "held_out": {
            "num_items": probe.num_held_out,
            "accuracy_by_cost": {f"{cost:g}": accuracy for cost, accuracy in probe.table.items()},
        },
        "converged": probe.converged,
        "class_accuracy": class_accuracies(probe.correct, test.labels, test.class_names),
    }
    records = accuracy_records(probe.correct, test.labels)
    items = accuracy_items(probe.correct, test.labels)
    return ProtocolResult(records, items, test.names, details, {"labels": test.labels})


PROTOCOL = Protocol(Settings, run)

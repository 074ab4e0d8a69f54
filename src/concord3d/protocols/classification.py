"""Accuracy of a trained classifier on the clouds of a data set, most often its own (MM-Point spec 6.3).

The selection ``last`` is the last epoch; ``best_test`` follows published protocols that select the checkpoint on the
test split.

Shape legend: T test clouds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from concord3d.protocols.evaluation.results import (
    ProtocolResult,
    Record,
    accuracy_items,
    accuracy_records,
    class_accuracies,
)
from concord3d.protocols.interface import LabellingSettings, Protocol

if TYPE_CHECKING:
    from torch import nn

    from concord3d.protocols.evaluation.job import EvaluationJob

PUBLISHED_NUM_POINTS = 1024


class Settings(LabellingSettings):
    """Settings of classification."""


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure overall and mean class accuracy."""
    from concord3d.features.clouds import first_points
    from concord3d.protocols.evaluation.labelling import best_snapshot, labelled

    test = job.tested_clouds(classified=True)
    num_points = job.num_points(settings.num_points, PUBLISHED_NUM_POINTS)
    points = first_points(test.points, num_points, "test clouds")

    def label(module: nn.Module) -> NDArray[np.int64]:
        return labelled(module, [points], settings.batch_size, job.torch_device)

    outcomes = {"last": label(job.load_module())}
    details: dict[str, Any] = {"num_points": num_points}
    if settings.as_published:
        best, details["as_published"] = best_snapshot(job, label, lambda found: float((found == test.labels).mean()))
        outcomes["best_test"] = best
    correct = {name: (predicted == test.labels).astype(np.float64) for name, predicted in outcomes.items()}
    records: list[Record] = []
    items: dict[str, NDArray[np.float64]] = {}
    for selection, right in correct.items():
        records += accuracy_records(right, test.labels, selection)
        items |= accuracy_items(right, test.labels, selection)
    details["class_accuracy"] = class_accuracies(correct["last"], test.labels, test.class_names)
    return ProtocolResult(tuple(records), items, test.names, details, {"labels": test.labels})


PROTOCOL = Protocol(Settings, run)

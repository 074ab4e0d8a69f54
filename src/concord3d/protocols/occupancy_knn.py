"""Accuracy of one nearest neighbour on occupancy grids of the clouds themselves; it needs no encoder.

It shows how far a trivial cue goes: classes that it separates would make every encoder look good. Source: ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.measures.knn import occupancy_knn_correct
from concord3d.protocols.evaluation.results import ProtocolResult, accuracy_items, accuracy_records, class_accuracies
from concord3d.protocols.interface import Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob


class Settings(StrictModel):
    """Settings of the occupancy baseline.

    Attributes:
        num_points: First points of each cloud; null takes all that are stored.
        resolution: Cells per axis.
    """

    num_points: PositiveInt | None = None
    resolution: int = Field(default=16, ge=2, le=32)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure overall and mean class accuracy."""
    from concord3d.features.clouds import first_points

    train, test = job.classified_splits()
    num_points = settings.num_points or min(train.points.shape[1], test.points.shape[1])
    correct = occupancy_knn_correct(
        first_points(train.points, num_points),
        train.labels,
        first_points(test.points, num_points),
        test.labels,
        settings.resolution,
    )
    details = {
        "num_points": num_points,
        "resolution": settings.resolution,
        "class_accuracy": class_accuracies(correct, test.labels, test.class_names),
    }
    records = accuracy_records(correct, test.labels)
    items = accuracy_items(correct, test.labels)
    return ProtocolResult(records, items, test.names, details, {"labels": test.labels})


PROTOCOL = Protocol(Settings, run)

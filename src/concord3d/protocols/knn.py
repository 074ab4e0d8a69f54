"""Accuracy of a k-nearest-neighbour classifier of frozen features, purity of neighbourhoods and silhouette.

The distance is the cosine distance. Purity and silhouette are those of the test split alone. Source: ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from concord3d.measures.knn import knn_correct
from concord3d.protocols.evaluation.embedding_quality import embedding_quality
from concord3d.protocols.evaluation.results import ProtocolResult, accuracy_items, accuracy_records
from concord3d.protocols.interface import FrozenSettings, Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob

PUBLISHED_NUM_POINTS = 1024


class Settings(FrozenSettings):
    """Settings of nearest neighbours.

    Attributes:
        num_neighbours: k of the classifier.
        purity_neighbours: k of the purity.
    """

    num_neighbours: PositiveInt = 20
    purity_neighbours: PositiveInt = 10


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure accuracies, purity and silhouette."""
    train, test = job.classified_splits()
    encoding = job.encoding(settings, PUBLISHED_NUM_POINTS)
    train_features, test_features = encoding.features("train"), encoding.features("test")
    correct = knn_correct(train_features, train.labels, test_features, test.labels, settings.num_neighbours)
    records, items = embedding_quality(test_features, test.labels, settings.purity_neighbours)
    details = {
        "num_points": encoding.num_points,
        "num_neighbours": settings.num_neighbours,
        "purity_neighbours": settings.purity_neighbours,
        "distance": "cosine",
    }
    return ProtocolResult(
        (*accuracy_records(correct, test.labels), *records),
        {**accuracy_items(correct, test.labels), **items},
        test.names,
        details,
        {"labels": test.labels},
    )


PROTOCOL = Protocol(Settings, run)

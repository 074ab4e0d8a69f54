"""One map of the pictures and clouds of test shapes, and what a map only suggests as numbers (Cross-MoST spec 8).

Shape legend: T shapes that are mapped, D feature width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.errors import EvaluationError
from concord3d.protocols.evaluation.results import ProtocolResult, mean_record
from concord3d.protocols.evaluation.two_branch_outputs import Floats, drawn_views, said_of
from concord3d.protocols.interface import Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob

MODALITIES = ("picture", "cloud")


class Settings(StrictModel):
    """Settings of maps of two branches.

    Attributes:
        num_points: First points of each cloud; null takes as many as in training.
        batch_size: Shapes per forward pass.
        view_seed: Decides the one view of each shape.
        num_classes: Classes that are mapped, evenly spread over their list.
        perplexity: Of the map.
        max_iterations: Gradient steps.
        tsne_seed: Seed of the optimiser.
        num_neighbours: Neighbours in the other modality whose classes are counted.
    """

    num_points: PositiveInt | None = None
    batch_size: PositiveInt = 64
    view_seed: int = Field(default=0, ge=0)
    num_classes: PositiveInt = 10
    perplexity: PositiveFloat = 30.0
    max_iterations: int = Field(default=500, ge=250)
    tsne_seed: int = 0
    num_neighbours: PositiveInt = 10


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Map a student's pictures and clouds together, and count classes among neighbours in the other modality."""
    from concord3d.measures.tsne import tsne_map

    test, pictures = job.tested_clouds(classified=True), job.pictures()
    num_points = job.num_points(settings.num_points, test.points.shape[1])
    module: Any = job.load_module()
    views = drawn_views(pictures, settings.view_seed)
    said = said_of(module.student, test, pictures, views, num_points, settings.batch_size, job.torch_device)
    shares = {
        "picture_to_cloud_purity": neighbours_of_class(
            said.picture_features, said.point_features, test.labels, settings.num_neighbours
        ),
        "cloud_to_picture_purity": neighbours_of_class(
            said.point_features, said.picture_features, test.labels, settings.num_neighbours
        ),
    }
    present = np.unique(test.labels)
    count = min(settings.num_classes, len(present))
    chosen = present[np.arange(count) * len(present) // count]
    rows = np.flatnonzero(np.isin(test.labels, chosen))
    features = np.concatenate([said.picture_features[rows], said.point_features[rows]])
    perplexity = min(settings.perplexity, (len(features) - 1) / 3)
    found = tsne_map(features, perplexity, settings.tsne_seed, settings.max_iterations)
    arrays: dict[str, NDArray[Any]] = {
        "tsne": found,
        "labels": np.tile(test.labels[rows], 2),
        "class_names": np.array(test.class_names),
        "modality": np.repeat(np.arange(2), len(rows)),
        "modality_names": np.array(MODALITIES),
    }
    details = {
        "num_points": num_points,
        "perplexity": float(perplexity),
        "num_neighbours": settings.num_neighbours,
        "classes": [test.class_names[label] for label in chosen],
    }
    records = tuple(mean_record(metric, outcomes) for metric, outcomes in shares.items())
    items = {f"{metric}__last": outcomes for metric, outcomes in shares.items()}
    return ProtocolResult(records, items, test.names, details, arrays)


def neighbours_of_class(
    queries: Floats, others: Floats, labels: NDArray[np.int64], num_neighbours: int
) -> NDArray[np.float64]:
    """Return (T,) the share of each query's nearest features of the other modality that are of its class.

    A query's own shape does not count: two features of one shape may be near each other for other reasons.

    Args:
        queries: (T, D) unit features.
        others: (T, D) unit features of the same shapes in the other modality.
        labels: (T,).
        num_neighbours: How many are nearest, below T.

    Raises:
        EvaluationError: There are not so many other shapes.
    """
    if num_neighbours >= len(queries):
        raise EvaluationError(
            "There are too few shapes for so many neighbours",
            expected=f"fewer than {len(queries)}",
            found=num_neighbours,
            next_step="lower 'num_neighbours' in the protocol's settings or use more test shapes",
        )
    cosines = queries @ others.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :num_neighbours]
    return np.asarray((labels[nearest] == labels[:, None]).mean(1), np.float64)


PROTOCOL = Protocol(Settings, run, needs=("pictures",))

"""Instance and class mIoU of a trained part segmenter (MM-Point spec 6.4).

The selection ``last`` is the last epoch; ``best_test`` follows published protocols that select the checkpoint on the
test split.

Shape legend: S shapes of a split, T test shapes, P points per shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from concord3d.errors import EvaluationError
from concord3d.measures.part_iou import shape_ious
from concord3d.protocols.evaluation.results import ProtocolResult, Record, class_accuracies, record_from_interval
from concord3d.protocols.interface import LabellingSettings, Protocol
from concord3d.statistics.bootstrap import bootstrap_mean_interval
from concord3d.statistics.intervals import class_mean_interval, class_mean_outcomes

if TYPE_CHECKING:
    from torch import nn

    from concord3d.protocols.evaluation.job import EvaluationJob

PUBLISHED_NUM_POINTS = 2048


class Settings(LabellingSettings):
    """Settings of part segmentation.

    Attributes:
        num_examples: Test shapes whose points and labels are kept for the figure.
    """

    num_examples: int = Field(default=16, ge=0)


@dataclass(frozen=True)
class LabelledShapes:
    """Shapes with part labels.

    Attributes:
        points: (S, P, 3) float32.
        categories: (S,) int64.
        parts: (S, P) int64, numbered over all categories.
    """

    points: NDArray[np.float32]
    categories: NDArray[np.int64]
    parts: NDArray[np.int64]


def parts_by_category(*splits: LabelledShapes) -> dict[int, tuple[int, ...]]:
    """Return the part labels that belong to each category, read from the ground truth of all splits."""
    categories = sorted({int(c) for split in splits for c in np.unique(split.categories)})
    return {
        c: tuple(sorted({int(p) for split in splits for p in np.unique(split.parts[split.categories == c])}))
        for c in categories
    }


def checked_shapes(
    points: NDArray[np.float32],
    categories: NDArray[np.int64],
    parts: NDArray[np.int64] | None,
    num_points: int,
    where: str,
) -> LabelledShapes:
    """Return the first ``num_points`` points of each shape with their labels.

    Raises:
        EvaluationError: No part labels, or a negative label.
        BadCloud: Fewer points than asked, or coordinates that are not finite.
    """
    from concord3d.features.clouds import first_points

    if parts is None or parts.shape != points.shape[:2]:
        found = None if parts is None else parts.shape
        raise EvaluationError("The split has no part labels", where=where, expected=points.shape[:2], found=found)
    if parts.min() < 0 or categories.min() < 0:
        raise EvaluationError("A part or category label is negative", where=where, expected=">= 0", found=-1)
    chosen = first_points(points, num_points, where)
    return LabelledShapes(chosen, categories.astype(np.int64), parts[:, :num_points].astype(np.int64))


def _examples(test: LabelledShapes, predicted: NDArray[np.int64], count: int) -> dict[str, NDArray[Any]]:
    """Return the first shape of each category, then of the first categories again, for the figure."""
    _, first = np.unique(test.categories, return_index=True)
    rest = np.setdiff1d(np.arange(len(test.points)), first)
    rows = np.concatenate([first, rest])[:count]
    return {
        "example_points": test.points[rows],
        "example_truth": test.parts[rows],
        "example_predicted": predicted[rows],
        "example_category": test.categories[rows],
    }


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure the mean IoU over shapes and over categories."""
    from concord3d.protocols.evaluation.labelling import best_snapshot, labelled

    train_split, test_split = job.classified_splits()
    num_points = job.num_points(settings.num_points, PUBLISHED_NUM_POINTS)
    train, test = (
        checked_shapes(split.points, split.labels, split.part_labels, num_points, f"{split.dataset}/{split.split}")
        for split in (train_split, test_split)
    )
    parts = parts_by_category(train, test)

    def label(module: nn.Module) -> NDArray[np.int64]:
        return labelled(module, [test.points, test.categories], settings.batch_size, job.torch_device)

    def ious(predicted: NDArray[np.int64]) -> NDArray[np.float64]:
        return shape_ious(predicted, test.parts, test.categories, parts)

    outcomes = {"last": label(job.load_module())}
    details: dict[str, Any] = {"num_points": num_points}
    if settings.as_published:
        best, details["as_published"] = best_snapshot(job, label, lambda predicted: float(ious(predicted).mean()))
        outcomes["best_test"] = best
    measured = {selection: ious(predicted) for selection, predicted in outcomes.items()}
    records: list[Record] = []
    for selection, values in measured.items():
        records.append(record_from_interval("instance_miou", bootstrap_mean_interval(values), selection))
        records.append(record_from_interval("class_miou", class_mean_interval(values, test.categories), selection))
    details["category_miou"] = class_accuracies(measured["last"], test.categories, test_split.class_names)
    arrays = {
        "labels": test.categories,
        "class_names": np.array(test_split.class_names),
        **_examples(test, outcomes["last"], settings.num_examples),
    }
    items = {f"instance_miou__{selection}": values for selection, values in measured.items()}
    items |= {f"class_miou__{name}": class_mean_outcomes(values, test.categories) for name, values in measured.items()}
    return ProtocolResult(tuple(records), items, test_split.names, details, arrays)


PROTOCOL = Protocol(Settings, run)

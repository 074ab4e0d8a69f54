"""Accuracy of a linear SVM on frozen features (MM-Point spec 5 and 6.1).

The selection ``last`` takes C from cross-validation on training features; ``best_test`` follows the published protocol,
which selects the checkpoint on the test split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt

from concord3d.protocols.evaluation.results import (
    ProtocolResult,
    Record,
    accuracy_items,
    accuracy_records,
    class_accuracies,
)
from concord3d.protocols.interface import FrozenSettings, Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import Encoding, EvaluationJob

PUBLISHED_NUM_POINTS = 1024
PUBLISHED_C = {
    "modelnet40": 0.01,
    "modelnet10": 0.0085,
    "scanobjectnn_obj_bg": 0.009,
    "scanobjectnn_obj_only": 0.009,
    "scanobjectnn_pb_t50_rs": 0.009,
}


class Settings(FrozenSettings):
    """Settings of the linear SVM.

    Attributes:
        c_grid: Costs tried by cross-validation.
        c_extend: Continue the grid upwards where that may help, see :func:`concord3d.measures.linear_svm.search_cost`.
        cv_folds: Folds of the cross-validation.
        cv_max_items: Size of the stratified subset for the search; null takes all training items.
        cv_seed: Seed of the subset and the folds.
        as_published: Also run the published protocol, which selects the checkpoint on the test split.
        published_c: Cost of the published protocol; null takes that of the data set.
    """

    c_grid: tuple[PositiveFloat, ...] = Field(
        default=(0.001, 0.003, 0.005, 0.0085, 0.009, 0.01, 0.03, 0.1, 1.0), min_length=1
    )
    c_extend: bool = True
    cv_folds: int = Field(default=5, ge=2)
    cv_max_items: PositiveInt | None = None
    cv_seed: int = 0
    as_published: bool = True
    published_c: PositiveFloat | None = None


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure overall and mean class accuracy."""
    from concord3d.measures.linear_svm import linear_svm, search_cost

    train, test = job.classified_splits()
    encoding = job.encoding(settings, PUBLISHED_NUM_POINTS)
    train_features, test_features = encoding.features("train"), encoding.features("test")
    search = search_cost(
        train_features,
        train.labels,
        settings.c_grid,
        settings.cv_folds,
        settings.cv_max_items,
        settings.cv_seed,
        settings.c_extend,
    )
    predicted = linear_svm(train_features, train.labels, test_features, search.cost)
    correct = (predicted == test.labels).astype(np.float64)
    records: list[Record] = [*accuracy_records(correct, test.labels)]
    items = accuracy_items(correct, test.labels)
    details: dict[str, Any] = {
        "num_points": encoding.num_points,
        "num_train": len(train),
        "feature_dim": int(train_features.shape[1]),
        "cost": search.cost,
        "cross_validation": {
            "accuracy_by_cost": {f"{cost:g}": accuracy for cost, accuracy in search.table.items()},
            "num_items": search.num_items,
            "num_folds": search.num_folds,
        },
        "class_accuracy": class_accuracies(correct, test.labels, test.class_names),
    }
    if settings.as_published:
        best, details["as_published"] = _best_on_test(encoding, settings)
        if best is not None:
            records += accuracy_records(best, test.labels, "best_test")
            items |= accuracy_items(best, test.labels, "best_test")
    return ProtocolResult(tuple(records), items, test.names, details, {"labels": test.labels})


def _best_on_test(encoding: Encoding, settings: Settings) -> tuple[NDArray[np.float64] | None, dict[str, Any]]:
    """Return the outcomes of the snapshot that is best on the test split, and how it was found."""
    from concord3d.measures.linear_svm import linear_svm

    job = encoding.job
    train, test = job.clouds("train"), job.clouds("test")
    cost = settings.published_c or PUBLISHED_C.get(test.dataset)
    if cost is None:
        return None, {"not_run": f"no published cost for data set '{test.dataset}'; set published_c"}
    best: NDArray[np.float64] | None = None
    selected, accuracies = "", {}
    for path in job.snapshot_paths or [job.model_path]:
        train_features, test_features = (encoding.features(split, snapshot=path) for split in ("train", "test"))
        predicted = linear_svm(train_features, train.labels, test_features, cost)
        correct = (predicted == test.labels).astype(np.float64)
        accuracies[path.stem] = float(100 * correct.mean())
        if best is None or correct.mean() > best.mean():
            best, selected = correct, path.stem
    return best, {"cost": cost, "selected": selected, "test_accuracy_by_snapshot": accuracies}


PROTOCOL = Protocol(Settings, run)

"""Accuracy of a linear SVM on frozen features (MM-Point spec 5 and 6.1).

Three ways to choose C and checkpoint. ``last``: the last epoch, C by cross-validation on training features; conclusions
rest on this one. ``published``: the rule of the notebooks, for the encoders whose rule it is. ``best_test``: C and
checkpoint chosen on the test split, which only tells how much such a choice gains.

Shape legend: S training items, T test items.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt

from concord3d.protocols.evaluation.choice_on_test import FINAL, Correct, Outcomes, accuracy_curves, best_on_test
from concord3d.protocols.evaluation.results import (
    ProtocolResult,
    accuracy_items,
    accuracy_records,
    class_accuracies,
)
from concord3d.protocols.interface import FrozenSettings, Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import Encoding, EvaluationJob

PUBLISHED_NUM_POINTS = 1024
# The notebooks chose their C for the features of this encoder after training; others have features of another size.
PUBLISHED_ENCODER = "dgcnn"
PUBLISHED_C = {
    "modelnet40": 0.01,
    "modelnet10": 0.0085,
    "scanobjectnn_obj_bg": 0.009,
    "scanobjectnn_obj_only": 0.009,
    "scanobjectnn_pb_t50_rs": 0.009,
}
Grams = tuple[NDArray[np.float64], NDArray[np.float64]]


class Settings(FrozenSettings):
    """Settings of the linear SVM.

    Attributes:
        c_grid: Costs tried by cross-validation.
        c_extend: Continue the grid upwards where that may help, see :func:`concord3d.measures.linear_svm.search_cost`.
        cv_folds: Folds of the cross-validation.
        cv_max_items: Size of the stratified subset for the search; null takes all training items.
        cv_seed: Seed of the subset and the folds.
        as_published: Also run the published rule, where it belongs to the encoder: it selects the checkpoint on the
            test split.
        published_c: Cost of the published rule; null takes that of the data set.
        curve_costs: Costs of the curve of test accuracy against C, from which C and checkpoint are also chosen on the
            test split; empty for neither.
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
    curve_costs: tuple[PositiveFloat, ...] = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure overall and mean class accuracy."""
    from concord3d.measures.linear_svm import check_classifier_inputs, fit_predict, gram_matrix, search_cost

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
    check_classifier_inputs(train_features, train.labels, test_features)
    grams = gram_matrix(train_features, train_features), gram_matrix(test_features, train_features)
    predicted = fit_predict(grams[0], train.labels, grams[1], search.cost)
    outcomes = {FINAL: (predicted == test.labels).astype(np.float64)}
    details: dict[str, Any] = {
        "num_points": encoding.num_points,
        "num_train": len(train),
        "feature_dim": int(train_features.shape[1]),
        "feature_rms": float(np.sqrt(np.square(train_features, dtype=np.float64).mean())),
        "cost": search.cost,
        "cross_validation": {
            "accuracy_by_cost": {f"{cost:g}": accuracy for cost, accuracy in search.table.items()},
            "num_items": search.num_items,
            "num_folds": search.num_folds,
        },
        "class_accuracy": class_accuracies(outcomes[FINAL], test.labels, test.class_names),
    }
    published, reason = _published_cost(job, settings)
    costs = [*settings.curve_costs, *([] if published is None else [published])]
    tested = _tested(encoding, train_features, grams, costs) if costs else {}
    if published is not None:
        of_the_rule = {place: correct for place, correct in tested.items() if place[1] == published}
        outcomes["published"], details["as_published"] = best_on_test(of_the_rule)
    elif settings.as_published:
        details["as_published"] = {"not_run": reason}
    if settings.curve_costs:
        details["test_accuracy_curve"] = accuracy_curves(tested, settings.curve_costs)
        clean = {(FINAL, search.cost): outcomes[FINAL]}
        outcomes["best_test"], details["chosen_on_test"] = best_on_test({**clean, **tested})
    records = [record for name, found in outcomes.items() for record in accuracy_records(found, test.labels, name)]
    items: dict[str, NDArray[np.float64]] = {}
    for name, found in outcomes.items():
        items |= accuracy_items(found, test.labels, name)
    return ProtocolResult(tuple(records), items, test.names, details, {"labels": test.labels})


def _published_cost(job: EvaluationJob, settings: Settings) -> tuple[float | None, str]:
    """Return the C of the published rule, or None and why the rule is not applied."""
    if not settings.as_published:
        return None, "not asked for"
    encoder = str(job.run_config["encoder"]["name"])
    if encoder != PUBLISHED_ENCODER or not job.is_trained:
        found = f"{encoder}, {'trained' if job.is_trained else 'untrained'}"
        return None, f"the published C belongs to the features of a trained {PUBLISHED_ENCODER}; here {found}"
    cost = settings.published_c or PUBLISHED_C.get(job.test.dataset)
    return cost, "" if cost else f"no published cost for data set '{job.test.dataset}'; set published_c"


def _tested(
    encoding: Encoding, final_features: NDArray[np.float32], final_grams: Grams, costs: Iterable[float]
) -> Outcomes:
    """Return the outcomes on the test split of every kept checkpoint with every C."""
    from concord3d.measures.linear_svm import gram_matrix, predictions_by_cost

    job = encoding.job
    train, test = job.clouds("train"), job.clouds("test")
    tested: dict[tuple[str, float], Correct] = {}

    def add(checkpoint: str, grams: Grams) -> None:
        for cost, predicted in predictions_by_cost(grams[0], train.labels, grams[1], costs).items():
            tested[checkpoint, cost] = (predicted == test.labels).astype(np.float64)

    for path in job.snapshot_paths:
        features = encoding.features("train", snapshot=path)
        if not np.array_equal(features, final_features):
            of_test = encoding.features("test", snapshot=path)
            add(path.stem, (gram_matrix(features, features), gram_matrix(of_test, features)))
    add(FINAL, final_grams)
    return tested


PROTOCOL = Protocol(Settings, run)

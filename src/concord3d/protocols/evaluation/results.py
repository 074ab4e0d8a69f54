"""The result of one evaluation job and its two files: ``<out>.json`` (records), ``<out>.npz`` (per-item outcomes)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import write_arrays
from concord3d.errors import EvaluationError
from concord3d.files import write_json
from concord3d.statistics.bootstrap import bootstrap_mean_interval
from concord3d.statistics.intervals import Interval, binomial_interval, class_mean_interval, class_mean_outcomes


@dataclass(frozen=True)
class Record:
    """One measured number: a row of ``metrics.csv`` without the columns that name the job.

    Attributes:
        metric: E.g. ``overall_accuracy``.
        value: The number, in ``unit``.
        n_items: Test items (or runs) behind it.
        ci_low: Lower end of the 95 % interval.
        ci_high: Upper end of the 95 % interval.
        selection: How the checkpoint, and what else is free, was chosen: ``last``, ``best_val``, ``published`` (the
            rule of the published protocol) or ``best_test`` (on the test split).
        unit: ``%`` for percentages (0-100), else what the number counts: ``points`` (differences of percentages),
            ``rank``, ``cosine``; ``1`` for a number without a unit.
    """

    metric: str
    value: float
    n_items: int
    ci_low: float
    ci_high: float
    selection: str = "last"
    unit: str = "%"


@dataclass(frozen=True)
class ProtocolResult:
    """What a protocol measured.

    Attributes:
        records: The numbers.
        items: ``<metric>__<selection>`` to (S,) float64 outcomes as fractions; their mean is the record's value / 100
            (or the value itself in another unit than ``%``).
        item_names: (S,) one name per item.
        details: Deterministic JSON values that explain the numbers.
        arrays: Further arrays for figures; their names hold no double underscore.
        without_items: Why a metric has no outcomes per item, by metric.
    """

    records: tuple[Record, ...]
    items: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    item_names: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    without_items: Mapping[str, str] = field(default_factory=dict)


def record_from_interval(metric: str, interval: Interval, selection: str = "last", unit: str = "%") -> Record:
    """Return a record; fractions become percentages where the unit is ``%``."""
    scaled = interval.scaled(100.0) if unit == "%" else interval
    return Record(metric, scaled.value, scaled.num_items, scaled.low, scaled.high, selection, unit)


def mean_record(metric: str, outcomes: NDArray[np.float64], unit: str = "%") -> Record:
    """Return the mean of the outcomes that are not NaN: Wilson's interval where all are 0 or 1, else a bootstrap.

    Args:
        metric: Its name.
        outcomes: (S,) NaN where an item takes no part, as a shape without text in the search for texts.
        unit: ``%`` for fractions, which become percentages; the unit of the outcomes otherwise.
    """
    values = outcomes[~np.isnan(outcomes)]
    if unit == "%" and len(values) and np.isin(values, (0.0, 1.0)).all():
        return record_from_interval(metric, binomial_interval(int(values.sum()), len(values)))
    return record_from_interval(metric, bootstrap_mean_interval(values), unit=unit)


def accuracy_records(
    correct: NDArray[np.float64], labels: NDArray[np.int64], selection: str = "last"
) -> tuple[Record, Record]:
    """Return overall accuracy and mean class accuracy.

    Args:
        correct: (S,) 1.0 where right, 0.0 where wrong; a fraction where several answers tie.
        labels: (S,) true classes.
        selection: How the checkpoint was chosen.

    Returns:
        Two records; the first with Wilson's interval (a bootstrap where outcomes are fractional), the second with a
        normal one.
    """
    if len(correct) == 0:
        raise EvaluationError("Accuracy of no items", expected="at least one test item", found=0)
    if np.isin(correct, (0.0, 1.0)).all():
        overall = binomial_interval(int(correct.sum()), len(correct))
    else:
        overall = bootstrap_mean_interval(correct)
    return (
        record_from_interval("overall_accuracy", overall, selection),
        record_from_interval("mean_class_accuracy", class_mean_interval(correct, labels), selection),
    )


def accuracy_items(
    correct: NDArray[np.float64], labels: NDArray[np.int64], selection: str = "last"
) -> dict[str, NDArray[np.float64]]:
    """Return the outcomes per item behind :func:`accuracy_records`.

    Args:
        correct: (S,) as there.
        labels: (S,) true classes.
        selection: How the checkpoint was chosen.
    """
    return {
        f"overall_accuracy__{selection}": correct,
        f"mean_class_accuracy__{selection}": class_mean_outcomes(correct, labels),
    }


def class_accuracies(
    correct: NDArray[np.float64], labels: NDArray[np.int64], class_names: tuple[str, ...]
) -> dict[str, float]:
    """Return accuracy in percent by class name, for the classes that have test items."""
    return {class_names[c]: float(100 * correct[labels == c].mean()) for c in np.unique(labels)}


def write_result(result: ProtocolResult, identity: Mapping[str, Any], out: Path) -> None:
    """Write ``<out>.json`` and ``<out>.npz``; the JSON comes last, so it stands for both.

    Args:
        result: What was measured.
        identity: experiment, variant, seed, scale, protocol, dataset, data_kind.
        out: Path without suffix.

    Raises:
        EvaluationError: A number is not finite, or outcomes and item names differ in length.
    """
    for record in result.records:
        if not record.unit:
            raise EvaluationError("A metric has no unit", where=out, expected="a unit, '1' for none", found=record)
        if not np.isfinite([record.value, record.ci_low, record.ci_high]).all():
            raise EvaluationError("A metric is not finite", where=out, expected="finite numbers", found=record)
    for key, values in result.items.items():
        if values.shape != (len(result.item_names),):
            raise EvaluationError(
                f"Outcomes '{key}' do not match the item names",
                where=out,
                expected=(len(result.item_names),),
                found=values.shape,
            )
    arrays: dict[str, Any] = {"item_names": np.array(result.item_names, dtype=np.str_), **result.arrays}
    arrays |= {key: np.asarray(values, dtype=np.float64) for key, values in result.items.items()}
    write_arrays(Path(f"{out}.npz"), arrays)
    details = dict(result.details)
    if result.without_items:
        details["without_items"] = dict(result.without_items)
    body = {**identity, "records": [asdict(record) for record in result.records], "details": details}
    write_json(Path(f"{out}.json"), body)

"""Reading evaluation and training files, and the estimates that tables, figures and claims share.

Shape legend: R training seeds, S test items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ReportingError, UnreadableFile
from concord3d.evaluation.statistics import Interval, bootstrap_mean_interval, proportion_interval, seed_interval
from concord3d.files import read_json
from concord3d.reporting.inputs import ExpectedJob, ReportInputs

DATA_KINDS = ("synthetic", "real")
SELECTIONS = ("last", "best_val", "best_test")
RECORD_KEYS = ("metric", "value", "n_items", "ci_low", "ci_high", "selection", "unit")
JOB_KEYS = ("experiment", "variant", "seed", "scale", "protocol", "dataset", "data_kind")
NUM_RESAMPLES = 4000


@dataclass(frozen=True)
class Measurement:
    """One row of ``metrics.csv``; see the evaluation records for the fields."""

    experiment: str
    variant: str
    seed: int
    scale: str
    data_kind: str
    dataset: str
    protocol: str
    metric: str
    value: float
    n_items: int
    ci_low: float
    ci_high: float
    selection: str
    unit: str


@dataclass(frozen=True)
class Evaluation:
    """One evaluation file with its per-item outcomes.

    Attributes:
        path: The JSON file.
        measurements: Its rows.
        details: What the protocol tells about itself.
        items: ``<metric>__<selection>`` to (S,) outcomes; NaN where an item takes no part in the metric.
        item_names: (S,) names.
        arrays: Further arrays, for figures.
    """

    path: Path
    measurements: tuple[Measurement, ...]
    details: Mapping[str, Any]
    items: Mapping[str, NDArray[np.float64]]
    item_names: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]

    @property
    def job(self) -> ExpectedJob:
        """Which evaluation this is."""
        first = self.measurements[0]
        return ExpectedJob(first.experiment, first.dataset, first.protocol, first.seed)

    @property
    def data_kind(self) -> str:
        """Kind of the data evaluated on."""
        return self.measurements[0].data_kind

    def tested(self, key: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """Return the outcomes under a key and the names of their items, without items that take no part in it."""
        outcomes = self.items[key]
        takes_part = ~np.isnan(outcomes)
        if takes_part.all():
            return outcomes, self.item_names
        return outcomes[takes_part], tuple(self.item_names[i] for i in np.flatnonzero(takes_part))


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % interval, in the metric's unit.

    Attributes:
        interval: Value, ends, and what they rest on.
        unit: ``%`` or empty.
        data_kind: Kind of the data evaluated on.
        seeds: Training seeds behind it.
    """

    interval: Interval
    unit: str
    data_kind: str
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Address:
    """Which number of which evaluation is meant, for all seeds."""

    experiment: str
    dataset: str
    protocol: str
    metric: str
    selection: str = "last"


@dataclass(frozen=True)
class Results:
    """Every evaluation and training history of one paper at one scale.

    Attributes:
        scale: The scale.
        evaluations: Sorted by experiment, data set, protocol, seed.
        histories: Training history per (experiment, seed).
        steps: Optimiser steps of the training per (experiment, seed), where its record says them.
        expected: The evaluations that the scale asks for.
    """

    scale: str
    evaluations: tuple[Evaluation, ...]
    histories: Mapping[tuple[str, int], list[dict[str, Any]]]
    expected: tuple[ExpectedJob, ...]
    steps: Mapping[tuple[str, int], int] = field(default_factory=dict)
    _cache: dict[Address, Estimate | None] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def by_job(self) -> dict[ExpectedJob, Evaluation]:
        """Evaluations by what they are."""
        return {evaluation.job: evaluation for evaluation in self.evaluations}

    @cached_property
    def missing(self) -> tuple[ExpectedJob, ...]:
        """Evaluations that the scale asks for and that have no file."""
        return tuple(sorted(set(self.expected) - set(self.by_job)))

    @cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """All rows, sorted."""
        rows = [row for evaluation in self.evaluations for row in evaluation.measurements]
        return tuple(sorted(rows, key=lambda m: (m.experiment, m.dataset, m.protocol, m.metric, m.selection, m.seed)))

    @property
    def data_kinds(self) -> tuple[str, ...]:
        """The kinds of data evaluated on, sorted."""
        return tuple(sorted({evaluation.data_kind for evaluation in self.evaluations}))

    def select(self, experiment: str, dataset: str, protocol: str) -> tuple[Evaluation, ...]:
        """Return the evaluations of an experiment on a data set, by seed."""
        return tuple(e for e in self.evaluations if e.job[:3] == (experiment, dataset, protocol))

    def rows(self, address: Address) -> dict[int, Measurement]:
        """Return the measurements at an address by seed."""
        found = {}
        for evaluation in self.select(address.experiment, address.dataset, address.protocol):
            for row in evaluation.measurements:
                if (row.metric, row.selection) == (address.metric, address.selection):
                    found[row.seed] = row
        return found

    def outcomes(self, address: Address) -> tuple[dict[int, NDArray[np.float64]], tuple[str, ...]]:
        """Return per-item outcomes by seed, in the metric's unit, and the items' names; empty where there are none.

        Raises:
            ReportingError: The seeds were tested on different items.
        """
        key = f"{address.metric}__{address.selection}"
        found: dict[int, NDArray[np.float64]] = {}
        names: tuple[str, ...] = ()
        rows = self.rows(address)
        for evaluation in self.select(address.experiment, address.dataset, address.protocol):
            seed = evaluation.job.seed
            if key not in evaluation.items or seed not in rows:
                continue
            outcomes, tested = evaluation.tested(key)
            if found and tested != names:
                raise ReportingError(
                    "The seeds of one experiment were tested on different items",
                    where=evaluation.path,
                    expected=f"{len(names)} items as for the other seeds",
                    found=f"{len(tested)} items",
                    next_step="remove the evaluations of this experiment and run again",
                )
            names = tested
            found[seed] = outcomes * (100.0 if rows[seed].unit == "%" else 1.0)
        return found, names

    def estimate(self, address: Address) -> Estimate | None:
        """Return the mean over seeds with its interval, or None where nothing was measured.

        One seed keeps the interval of its record (items only). Several seeds with per-item outcomes get the
        hierarchical bootstrap over items and seeds; without them Student's interval over seeds and the mean interval
        over items are added in squares. Percentages stay between 0 and 100.
        """
        if address not in self._cache:
            self._cache[address] = self._estimate(address)
        return self._cache[address]

    def _estimate(self, address: Address) -> Estimate | None:
        rows = self.rows(address)
        if not rows:
            return None
        seeds = tuple(sorted(rows))
        kinds = {row.data_kind for row in rows.values()}
        if len(kinds) > 1:
            raise ReportingError("Seeds of one experiment mix real and synthetic data", found=address)
        first = rows[seeds[0]]
        outcomes, _ = self.outcomes(address)
        if len(seeds) == 1:
            interval = Interval(first.value, first.ci_low, first.ci_high, first.n_items, 1, "items")
        elif set(outcomes) == set(seeds):
            stacked = np.stack([outcomes[s] for s in seeds])
            if first.unit == "%":
                interval = proportion_interval(stacked / 100, num_resamples=NUM_RESAMPLES).scaled(100)
            else:
                interval = bootstrap_mean_interval(stacked, num_resamples=NUM_RESAMPLES)
        else:
            interval = _over_items_and_seeds([rows[s] for s in seeds])
        if first.unit == "%":
            interval = replace(interval, low=max(interval.low, 0.0), high=min(interval.high, 100.0))
        return Estimate(interval, first.unit, first.data_kind, seeds)


def _over_items_and_seeds(rows: Sequence[Measurement]) -> Interval:
    """Return the mean over seeds of records without per-item outcomes; the items are the same for all seeds."""
    over_seeds = seed_interval([row.value for row in rows])
    half = over_seeds.high - over_seeds.value
    below, above = (
        float(np.hypot(half, np.mean([abs(end - row.value) for end, row in zip(ends, rows, strict=True)])))
        for ends in ([row.ci_low for row in rows], [row.ci_high for row in rows])
    )
    value = over_seeds.value
    return Interval(value, value - below, value + above, rows[0].n_items, len(rows), "items and seeds")


def read_evaluation(path: Path, scale: str) -> Evaluation:
    """Read one evaluation and check it against itself.

    Args:
        path: The JSON file; the per-item outcomes lie beside it with suffix ``.npz``.
        scale: The scale it must carry.

    Raises:
        UnreadableFile: A file is truncated or of another format.
        ReportingError: A column is missing or impossible, or numbers and outcomes disagree.
    """
    content = read_json(path)
    lacking = [key for key in (*JOB_KEYS, "records") if key not in content]
    if lacking:
        raise ReportingError("A result file lacks columns", where=path, expected=JOB_KEYS, found=f"no {lacking}")
    if content["scale"] != scale:
        raise ReportingError("A result belongs to another scale", where=path, expected=scale, found=content["scale"])
    if content["data_kind"] not in DATA_KINDS:
        raise ReportingError("A result has no data kind", where=path, expected=DATA_KINDS, found=content["data_kind"])
    if not content["records"]:
        raise ReportingError("A result file holds no records", where=path)
    job = {key: content[key] for key in JOB_KEYS}
    measurements = tuple(_measurement(job, record, path) for record in content["records"])
    arrays = _read_arrays(path.with_suffix(".npz"))
    names = tuple(str(name) for name in arrays.pop("item_names", np.array([], dtype=np.str_)))
    items = {key: value.astype(np.float64) for key, value in arrays.items() if "__" in key}
    evaluation = Evaluation(
        path, measurements, content.get("details", {}), items, names, {k: v for k, v in arrays.items() if "__" not in k}
    )
    _check_items(evaluation)
    if _job_of(path) != evaluation.job:
        raise ReportingError("A result lies under another name", where=path, expected=evaluation.job, found=path.stem)
    return evaluation


def _measurement(job: Mapping[str, Any], record: Mapping[str, Any], path: Path) -> Measurement:
    lacking = [key for key in RECORD_KEYS if key not in record]
    if lacking:
        raise ReportingError("A record lacks columns", where=path, expected=RECORD_KEYS, found=f"no {lacking}")
    # A percentage that happens to be whole may come out of JSON as an integer; its cell must not depend on that.
    floats = {key: float(record[key]) for key in ("value", "ci_low", "ci_high")}
    row = Measurement(**job, **{**{key: record[key] for key in RECORD_KEYS}, **floats})
    if row.selection not in SELECTIONS:
        raise ReportingError("Unknown selection rule", where=path, expected=SELECTIONS, found=row.selection)
    numbers = (row.value, row.ci_low, row.ci_high)
    if not np.isfinite(numbers).all() or not row.ci_low - 1e-9 <= row.value <= row.ci_high + 1e-9:
        raise ReportingError(
            f"'{row.metric}' lies outside its own interval", where=path, expected="low <= value <= high", found=numbers
        )
    if row.unit == "%" and not 0 <= row.value <= 100:
        raise ReportingError(f"'{row.metric}' is no percentage", where=path, expected="0 to 100", found=row.value)
    return row


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in sorted(stored.files)}
    except Exception as error:  # zipfile, zlib and numpy each raise their own for a damaged archive
        raise UnreadableFile(
            "Cannot read per-item outcomes", where=path, found=error, next_step="remove the file and run again"
        ) from error


def _check_items(evaluation: Evaluation) -> None:
    rows = {f"{row.metric}__{row.selection}": row for row in evaluation.measurements}
    for key, values in evaluation.items.items():
        if values.shape != (len(evaluation.item_names),) or np.isinf(values).any() or np.isnan(values).all():
            raise ReportingError(
                f"Outcomes '{key}' are unusable",
                where=evaluation.path.with_suffix(".npz"),
                expected=f"{len(evaluation.item_names)} numbers",
                found=values.shape,
            )
        if key in rows:
            _check_mean(evaluation, key, rows[key])


def _check_mean(evaluation: Evaluation, key: str, row: Measurement) -> None:
    outcomes, tested = evaluation.tested(key)
    if len(tested) < len(evaluation.item_names) and row.n_items != len(tested):
        raise ReportingError(
            f"'{key}' has outcomes of other items than it counts",
            where=evaluation.path,
            expected=f"{row.n_items} items",
            found=f"{len(tested)} outcomes",
        )
    mean = float(outcomes.mean()) * (100.0 if row.unit == "%" else 1.0)
    if abs(mean - row.value) > 1e-6 * max(1.0, abs(mean)):
        raise ReportingError(
            f"'{key}' is not the mean of its outcomes", where=evaluation.path, expected=mean, found=row.value
        )


def load_results(inputs: ReportInputs) -> Results:
    """Read the evaluations and training histories below ``inputs.artifacts``.

    With ``inputs.expected_jobs`` only those count: what an earlier configuration left behind is no result of this one.

    Raises:
        UnreadableFile: A file is damaged.
        ReportingError: A file contradicts itself, the scale, or another file.
    """
    wanted = set(inputs.expected_jobs)
    evaluations = [
        evaluation
        for path in sorted((inputs.artifacts / "eval").glob("*.json"))
        if not wanted or _job_of(path) in wanted
        for evaluation in [read_evaluation(path, inputs.scale)]
    ]
    trainings = {
        (experiment, seed): read_json(path / "train.json") for experiment, seed, path in training_folders(inputs)
    }
    return Results(
        scale=inputs.scale,
        evaluations=tuple(sorted(evaluations, key=lambda e: e.job)),
        histories={key: list(training.get("history", [])) for key, training in trainings.items()},
        expected=tuple(sorted(wanted)),
        steps={key: int(training["num_steps"]) for key, training in trainings.items() if "num_steps" in training},
    )


def _job_of(path: Path) -> ExpectedJob | None:
    """Return the evaluation that a file name stands for, or None for a name of another form."""
    parts = path.stem.split("__")
    if len(parts) != 4 or not parts[3].startswith("s") or not parts[3][1:].isdigit():
        return None
    return ExpectedJob(parts[0], parts[1], parts[2], int(parts[3][1:]))


def training_folders(inputs: ReportInputs) -> list[tuple[str, int, Path]]:
    """Return (experiment, seed, folder) of every finished training that an expected evaluation rests on.

    An evaluation rests on its own training and on those of the teachers that it learnt from.

    Raises:
        ReportingError: A folder's name has no seed.
    """
    wanted = {(name, job.seed) for job in inputs.expected_jobs for name in inputs.lineage(job.experiment)}
    found = []
    for path in sorted((inputs.artifacts / "train").glob("*/train.json")):
        experiment, _, seed = path.parent.name.rpartition("__s")
        if not experiment or not seed.isdigit():
            raise ReportingError("A training folder has no seed", where=path, expected="<experiment>__s<seed>")
        if not wanted or (experiment, int(seed)) in wanted:
            found.append((experiment, int(seed), path.parent))
    return found

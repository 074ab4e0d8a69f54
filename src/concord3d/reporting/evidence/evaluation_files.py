"""Evaluation files, each checked against itself, and the folders of the trainings behind them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from concord3d.arrays import read_arrays
from concord3d.errors import ReportingError
from concord3d.files import read_json
from concord3d.reporting.csv_text import as_written
from concord3d.reporting.evidence.measurements import Evaluation, Measurement
from concord3d.reporting.evidence.report_inputs import ExpectedJob, ReportInputs

DATA_KINDS = ("synthetic", "real")
SELECTIONS = ("last", "best_val", "published", "best_test")
RECORD_KEYS = ("metric", "value", "n_items", "ci_low", "ci_high", "selection", "unit")
JOB_KEYS = ("experiment", "seed", "scale", "protocol", "dataset", "data_kind")


def read_evaluation(path: Path, scale: str, labels: Mapping[str, str]) -> Evaluation:
    """Read one evaluation and check it against itself.

    Args:
        path: The JSON file; the per-item outcomes lie beside it with suffix ``.npz``.
        scale: The scale it must carry.
        labels: What tables call each experiment; one that is not listed goes by its name.

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
    job["variant"] = labels.get(content["experiment"], content["experiment"])
    measurements = tuple(_measurement(job, record, path) for record in content["records"])
    arrays = read_arrays(path.with_suffix(".npz"), "per-item outcomes")
    names = tuple(str(name) for name in arrays.pop("item_names", np.array([], dtype=np.str_)))
    items = {key: value.astype(np.float64) for key, value in arrays.items() if "__" in key}
    evaluation = Evaluation(
        path, measurements, content.get("details", {}), items, names, {k: v for k, v in arrays.items() if "__" not in k}
    )
    check_items(evaluation)
    if _job_of(path) != evaluation.job:
        raise ReportingError("A result lies under another name", where=path, expected=evaluation.job, found=path.stem)
    return evaluation


def _measurement(job: Mapping[str, Any], record: Mapping[str, Any], path: Path) -> Measurement:
    lacking = [key for key in RECORD_KEYS if key not in record]
    if lacking:
        raise ReportingError("A record lacks columns", where=path, expected=RECORD_KEYS, found=f"no {lacking}")
    # As metrics.csv holds them, so that verdicts can be computed from it. Whole percentages may be integers in JSON.
    floats = {key: as_written(float(record[key])) for key in ("value", "ci_low", "ci_high")}
    row = Measurement(**job, **{**{key: record[key] for key in RECORD_KEYS}, **floats})
    check_measurement(row, path)
    return row


def check_measurement(row: Measurement, path: Path) -> None:
    """Check one row against itself.

    Args:
        row: The row.
        path: Its file, for messages.

    Raises:
        ReportingError: Its selection is unknown, or its numbers are impossible.
    """
    if row.selection not in SELECTIONS:
        raise ReportingError("Unknown selection rule", where=path, expected=SELECTIONS, found=row.selection)
    numbers = (row.value, row.ci_low, row.ci_high)
    if not np.isfinite(numbers).all() or not row.ci_low - 1e-9 <= row.value <= row.ci_high + 1e-9:
        raise ReportingError(
            f"'{row.metric}' lies outside its own interval", where=path, expected="low <= value <= high", found=numbers
        )
    if row.unit == "%" and not 0 <= row.value <= 100:
        raise ReportingError(f"'{row.metric}' is no percentage", where=path, expected="0 to 100", found=row.value)


def check_items(evaluation: Evaluation) -> None:
    """Check the outcomes of an evaluation against its rows.

    Raises:
        ReportingError: Outcomes are no numbers, of other items than a row counts, or their mean is another value.
    """
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


def read_evaluations(inputs: ReportInputs) -> tuple[Evaluation, ...]:
    """Read the evaluations below ``inputs.artifacts``, sorted.

    With ``inputs.expected_jobs`` only those count: what an earlier configuration left behind is no result of this one.

    Raises:
        UnreadableFile: A file is damaged.
        ReportingError: A file contradicts itself, the scale, or another file.
    """
    wanted = set(inputs.expected_jobs)
    evaluations = [
        read_evaluation(path, inputs.scale, inputs.labels)
        for path in sorted((inputs.artifacts / "eval").glob("*.json"))
        if (not wanted or _job_of(path) in wanted) and inputs.has(path)
    ]
    return tuple(sorted(evaluations, key=lambda evaluation: evaluation.job))


def _job_of(path: Path) -> ExpectedJob | None:
    """Return the evaluation that a file name stands for, or None for a name of another form."""
    parts = path.stem.split("__")
    if len(parts) != 4 or not parts[3].startswith("s") or not parts[3][1:].isdigit():
        return None
    return ExpectedJob(parts[0], parts[1], parts[2], int(parts[3][1:]))


def wanted_trainings(inputs: ReportInputs) -> set[tuple[str, int]]:
    """Return (experiment, seed) of the trainings that the expected evaluations rest on; empty where all count."""
    return {(name, job.seed) for job in inputs.expected_jobs for name in inputs.lineage(job.experiment)}


def training_folders(inputs: ReportInputs) -> list[tuple[str, int, Path]]:
    """Return (experiment, seed, folder) of every finished training that an expected evaluation rests on.

    An evaluation rests on its own training and on those of the teachers that it learnt from.

    Raises:
        ReportingError: A folder's name has no seed.
    """
    wanted = wanted_trainings(inputs)
    found = []
    for path in sorted((inputs.artifacts / "train").glob("*/train.json")):
        experiment, _, seed = path.parent.name.rpartition("__s")
        if not experiment or not seed.isdigit():
            raise ReportingError("A training folder has no seed", where=path, expected="<experiment>__s<seed>")
        if (not wanted or (experiment, int(seed)) in wanted) and inputs.has(path):
            found.append((experiment, int(seed), path.parent))
    return found

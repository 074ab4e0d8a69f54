"""Evaluations as an earlier report wrote them to ``metrics.csv``, ``per_item/`` and ``details.json``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays
from concord3d.errors import ReportingError, UnreadableFile
from concord3d.files import read_json
from concord3d.reporting.evidence.evaluation_files import check_items, check_measurement
from concord3d.reporting.evidence.measurements import Evaluation, Measurement
from concord3d.reporting.evidence.metric_rows import read_metrics
from concord3d.reporting.evidence.report_inputs import ExpectedJob, ReportInputs


def reported_evaluations(inputs: ReportInputs) -> tuple[Evaluation, ...]:
    """Read the evaluations below ``inputs.out``, sorted, each checked against itself.

    Older results lack ``details.json``; their evaluations have no details. Arrays that figures show are in no results.

    Raises:
        UnreadableFile: A file is missing or damaged.
        ReportingError: A column is missing, a value is no number, numbers and outcomes disagree, or a row belongs to
            another scale.
    """
    path = inputs.out / "metrics.csv"
    by_job: dict[ExpectedJob, list[Measurement]] = defaultdict(list)
    for row in read_metrics(_text(path), path, inputs.scale):
        check_measurement(row, path)
        labelled = replace(row, variant=inputs.labels.get(row.experiment, row.experiment))
        by_job[ExpectedJob(row.experiment, row.dataset, row.protocol, row.seed)].append(labelled)
    details = _details(inputs.out / "details.json")
    return tuple(
        _evaluation(inputs.out, job, tuple(rows), details.get(job, {})) for job, rows in sorted(by_job.items())
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(
            "Cannot read a paper's results", where=path, found=error, next_step="make the report of this paper first"
        ) from error


def _details(path: Path) -> dict[ExpectedJob, Mapping[str, Any]]:
    if not path.exists():
        return {}
    try:
        return {
            ExpectedJob(*(entry[name] for name in ExpectedJob._fields)): entry["details"] for entry in read_json(path)
        }
    except (KeyError, TypeError) as error:
        raise ReportingError(
            "Details lack keys", where=path, expected=[*ExpectedJob._fields, "details"], found=repr(error)
        ) from error


def _evaluation(out: Path, job: ExpectedJob, rows: tuple[Measurement, ...], details: Mapping[str, Any]) -> Evaluation:
    stored = out / "per_item" / f"{job.experiment}__{job.protocol}__s{job.seed}.npz"
    arrays = _outcomes(stored, job.dataset) if stored.exists() else {}
    names = tuple(str(name) for name in arrays.pop("item_names", np.array([], dtype=np.str_)))
    items = {key: values.astype(np.float64) for key, values in arrays.items()}
    evaluation = Evaluation(stored if items else out / "metrics.csv", rows, details, items, names, {})
    check_items(evaluation)
    return evaluation


def _outcomes(path: Path, dataset: str) -> dict[str, NDArray[np.generic]]:
    prefix = f"{dataset}__"
    arrays = read_arrays(path, "per-item outcomes")
    return {key.removeprefix(prefix): values for key, values in arrays.items() if key.startswith(prefix)}

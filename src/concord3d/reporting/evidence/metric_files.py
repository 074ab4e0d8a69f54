"""``metrics.csv`` and ``per_item/``: every measured number and what lies below it."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np

from concord3d.arrays import write_arrays
from concord3d.files import write_text
from concord3d.reporting.evidence.estimates import Evaluation, Measurement, Results

COLUMNS = tuple(field.name for field in fields(Measurement))


def format_number(value: float) -> str:
    """Write a number with six decimals, the same on every machine; never ``-0``."""
    text = f"{value:.6f}"
    return "0.000000" if text == "-0.000000" else text


def csv_text(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return CSV with line feeds; floats through :func:`format_number`, None as an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if v is None else format_number(v) if isinstance(v, float) else v for v in row])
    return stream.getvalue()


def write_metrics(results: Results, path: Path) -> None:
    """Write one row per measured number, sorted."""
    write_text(path, csv_text(COLUMNS, [astuple(row) for row in results.measurements]))


def write_per_item(results: Results, folder: Path) -> None:
    """Write ``<experiment>__<protocol>__s<seed>.npz`` with the outcomes on every data set.

    Arrays are called ``<data set>__item_names`` and ``<data set>__<metric>__<selection>``.
    """
    groups: dict[str, list[Evaluation]] = defaultdict(list)
    for evaluation in results.evaluations:
        if evaluation.items:
            job = evaluation.job
            groups[f"{job.experiment}__{job.protocol}__s{job.seed}.npz"].append(evaluation)
    stale = {path.name for path in folder.glob("*.npz")} - set(groups)
    for name in sorted(stale):
        (folder / name).unlink()
    for name, evaluations in sorted(groups.items()):
        arrays: dict[str, Any] = {}
        for evaluation in evaluations:
            dataset = evaluation.job.dataset
            arrays[f"{dataset}__item_names"] = np.array(evaluation.item_names, dtype=np.str_)
            arrays |= {f"{dataset}__{key}": value for key, value in evaluation.items.items()}
        write_arrays(folder / name, {key: arrays[key] for key in sorted(arrays)}, compressed=True)

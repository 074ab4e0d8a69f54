"""``metrics.csv`` and ``per_item/``: every measured number and what lies below it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np

from concord3d.arrays import write_arrays
from concord3d.files import write_text
from concord3d.reporting.csv_text import csv_text
from concord3d.reporting.evidence.measurements import Evaluation, Measurement, sorted_measurements

COLUMNS = tuple(field.name for field in fields(Measurement))


def write_metrics(evaluations: Iterable[Evaluation], path: Path) -> None:
    """Write one row per measured number, sorted."""
    write_text(path, csv_text(COLUMNS, [astuple(row) for row in sorted_measurements(evaluations)]))


def write_per_item(evaluations: Iterable[Evaluation], folder: Path) -> None:
    """Write ``<experiment>__<protocol>__s<seed>.npz`` with the outcomes on every data set.

    Arrays are called ``<data set>__item_names`` and ``<data set>__<metric>__<selection>``.
    """
    groups: dict[str, list[Evaluation]] = defaultdict(list)
    for evaluation in evaluations:
        if evaluation.items:
            job = evaluation.job
            groups[f"{job.experiment}__{job.protocol}__s{job.seed}.npz"].append(evaluation)
    stale = {path.name for path in folder.glob("*.npz")} - set(groups)
    for name in sorted(stale):
        (folder / name).unlink()
    for name, of_group in sorted(groups.items()):
        arrays: dict[str, Any] = {}
        for evaluation in of_group:
            dataset = evaluation.job.dataset
            arrays[f"{dataset}__item_names"] = np.array(evaluation.item_names, dtype=np.str_)
            arrays |= {f"{dataset}__{key}": value for key, value in evaluation.items.items()}
        write_arrays(folder / name, {key: arrays[key] for key in sorted(arrays)}, compressed=True)

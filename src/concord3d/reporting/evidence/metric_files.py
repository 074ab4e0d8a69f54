"""``metrics.csv``, ``per_item/``, ``details.json``, ``histories.csv``: every measured number and what lies below it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from concord3d.arrays import write_arrays
from concord3d.files import write_json, write_text
from concord3d.reporting.csv_text import csv_text
from concord3d.reporting.evidence.measurements import Evaluation, sorted_measurements
from concord3d.reporting.evidence.metric_rows import COLUMNS, HISTORY_COLUMNS

# The epoch is a column; the rate follows from the configuration.
_TOLD_ELSEWHERE = ("epoch", "learning_rate")


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


def write_details(evaluations: Iterable[Evaluation], path: Path) -> None:
    """Write what the protocols tell about each evaluation: the chosen C, accuracy by C and by class, and so on."""
    entries = [{**evaluation.job._asdict(), "details": dict(evaluation.details)} for evaluation in evaluations]
    write_json(path, entries)


def write_histories(histories: Mapping[tuple[str, int], Iterable[Mapping[str, Any]]], path: Path) -> None:
    """Write every figure of every training's history, one a row; those of held-out units as ``held_out.<figure>``.

    The rate of each epoch is left out: the configuration beside the record of the training says it.

    Args:
        histories: Entries by experiment and seed, in the order of the epochs.
        path: ``histories.csv``.
    """
    rows: list[tuple[object, ...]] = [
        (experiment, seed, entry["epoch"], figure, value)
        for (experiment, seed), history in sorted(histories.items())
        for entry in history
        for figure, value in _figures(entry)
    ]
    write_text(path, csv_text(HISTORY_COLUMNS, rows))


def _figures(entry: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in sorted(entry.items()):
        if isinstance(value, Mapping):
            yield from ((f"{name}.{figure}", number) for figure, number in _figures(value))
        elif name not in _TOLD_ELSEWHERE and isinstance(value, int | float):
            yield name, value

"""The artifacts of a run as the source of a report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from concord3d.files import read_json
from concord3d.reporting.csv_text import as_written
from concord3d.reporting.evidence.evaluation_files import read_evaluations, training_folders
from concord3d.reporting.evidence.gates import read_gate
from concord3d.reporting.evidence.given_labels import read_given_labels
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.evidence.page_facts import PageFacts
from concord3d.reporting.evidence.report_inputs import ReportInputs


class Artifacts:
    """Evaluations and trainings below ``inputs.artifacts``, see :class:`concord3d.reporting.evidence.source.Source`.

    Args:
        inputs: Where they lie, and which of them are asked for.
    """

    def __init__(self, inputs: ReportInputs) -> None:
        self._inputs = inputs

    @cached_property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The evaluations that count, sorted.

        Raises:
            UnreadableFile: A file is damaged.
            ReportingError: A file contradicts itself, the scale, or another file.
        """
        return read_evaluations(self._inputs)

    @cached_property
    def _trainings(self) -> dict[tuple[str, int], tuple[Path, dict[str, Any]]]:
        folders = training_folders(self._inputs)
        return {(experiment, seed): (path, read_json(path / "train.json")) for experiment, seed, path in folders}

    @property
    def histories(self) -> dict[tuple[str, int], list[dict[str, Any]]]:
        """Entries of the history by experiment and seed, as ``histories.csv`` holds them.

        Raises:
            UnreadableFile: A file is damaged.
            ReportingError: A folder's name has no seed.
        """
        found = {key: training.get("history", []) for key, (_, training) in self._trainings.items()}
        return {key: [_numbers(entry) for entry in history] for key, history in found.items()}

    @property
    def records(self) -> dict[str, dict[str, Any]]:
        """The record of every finished training; one without a file gets one that says so."""
        return {path.name: self._record(path, training) for path, training in self._trainings.values()}

    def _record(self, path: Path, training: Mapping[str, Any]) -> dict[str, Any]:
        record = path / "provenance.json"
        missing: dict[str, Any] = {"run": path.name, "missing": "no record was written when this run was made"}
        content = dict(read_json(record)) if record.exists() else missing
        if "num_steps" in training:
            content["num_steps"] = int(training["num_steps"])
        edits = self._inputs.accepted.get(f"{self._inputs.out.name}/train/{path.name}")
        return {**content, "accepted": edits} if edits else content

    @cached_property
    def facts(self) -> PageFacts:
        """The gates of the towers that are trained, the accepted edits, and the labels that trainings leave.

        Raises:
            UnreadableFile: A gate, or a file of labels, is damaged.
            ReportingError: A gate lacks figures, or a file of labels arrays.
        """
        gates = {
            name: read_gate(path)
            for name, path in self._inputs.towers.items()
            if path is not None and self._inputs.has(path)
        }
        names = [path.name for path, _ in self._trainings.values()]
        given = {name: read_given_labels(self._inputs.exports / name) for name in names}
        labels = {name: told for name, told in sorted(given.items()) if told}
        return PageFacts(gates, self._inputs.accepted, labels=labels)


def _numbers(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry's numbers as ``histories.csv`` holds them."""
    found: dict[str, Any] = {}
    for name, value in entry.items():
        if isinstance(value, Mapping):
            found[name] = _numbers(value)
        elif isinstance(value, int | float):
            found[name] = as_written(value) if isinstance(value, float) else value
    return found

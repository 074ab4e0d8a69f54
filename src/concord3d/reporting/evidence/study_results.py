"""The results of a study: its evaluations and the histories of the trainings behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.report_inputs import ReportInputs


def load_results(inputs: ReportInputs) -> Results:
    """Read the evaluations and training histories that a report is made from.

    Raises:
        UnreadableFile: A file is damaged.
        ReportingError: A file contradicts itself, the scale, or another file.
    """
    return results_of(Material(inputs))


def results_of(material: Material) -> Results:
    """Return the results behind a report, see :func:`load_results`."""
    inputs, source = material.inputs, material.source
    return Results(
        scale=inputs.scale,
        evaluations=source.evaluations,
        histories=source.histories,
        expected=tuple(sorted(set(inputs.expected_jobs))),
        steps=_steps(source.records),
        trained=inputs.trained,
    )


def _steps(records: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, int], int]:
    found = {}
    for run, record in records.items():
        experiment, _, seed = run.rpartition("__s")
        if "num_steps" in record:
            found[experiment, int(seed)] = int(record["num_steps"])
    return found

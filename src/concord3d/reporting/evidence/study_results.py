"""The results of a study: its evaluations and the histories of the trainings behind them."""

from __future__ import annotations

from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.histories import history_of, trainings_of
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.report_inputs import ReportInputs


def load_results(inputs: ReportInputs) -> Results:
    """Read the evaluations and training histories below ``inputs.artifacts``.

    Raises:
        UnreadableFile: A file is damaged.
        ReportingError: A file contradicts itself, the scale, or another file.
    """
    return results_of(Material(inputs))


def results_of(material: Material) -> Results:
    """Return the results behind a report, see :func:`load_results`."""
    inputs = material.inputs
    trainings = material.once(trainings_of)
    return Results(
        scale=inputs.scale,
        evaluations=material.evaluations,
        histories={key: history_of(training) for key, training in trainings.items()},
        expected=tuple(sorted(set(inputs.expected_jobs))),
        steps={key: int(training["num_steps"]) for key, training in trainings.items() if "num_steps" in training},
        trained=inputs.trained,
    )

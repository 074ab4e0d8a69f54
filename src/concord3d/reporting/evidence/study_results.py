"""The results of a study: its evaluations and the histories of the trainings behind them."""

from __future__ import annotations

from concord3d.files import read_json
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.evaluation_files import training_folders
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
    trainings = {
        (experiment, seed): read_json(path / "train.json") for experiment, seed, path in training_folders(inputs)
    }
    return Results(
        scale=inputs.scale,
        evaluations=material.evaluations,
        histories={key: list(training.get("history", [])) for key, training in trainings.items()},
        expected=tuple(sorted(set(inputs.expected_jobs))),
        steps={key: int(training["num_steps"]) for key, training in trainings.items() if "num_steps" in training},
        trained=inputs.trained,
    )

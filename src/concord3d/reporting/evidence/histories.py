"""The histories of the trainings behind the evaluations."""

from __future__ import annotations

from typing import Any

from concord3d.files import read_json
from concord3d.reporting.evidence.evaluation_files import training_folders
from concord3d.reporting.evidence.material import Material


def trainings_of(material: Material) -> dict[tuple[str, int], dict[str, Any]]:
    """Return what every finished training says of itself, by experiment and seed.

    Raises:
        UnreadableFile: A file is damaged.
        ReportingError: A folder's name has no seed.
    """
    folders = training_folders(material.inputs)
    return {(experiment, seed): read_json(path / "train.json") for experiment, seed, path in folders}


def history_of(training: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of a training's history, in the order of the epochs; none where nothing was trained."""
    return list(training.get("history", []))

"""From the files of the workflow to one training task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from concord3d.methods.interface import EarlierTraining
from concord3d.methods.settings import method_settings
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask

BATCHES = "concord3d.batches"


def opened_task(
    run: Mapping[str, Any],
    files: Mapping[str, Sequence[Path]],
    needs: Mapping[str, tuple[Mapping[str, Any], Path]],
    work_dir: Path,
    out_dir: Path,
    device: str = "auto",
    inputs_identity: str | None = None,
    weights_folder: Path | None = None,
    exports_dir: Path | None = None,
) -> TrainingTask:
    """Open the files of a training.

    Args:
        run: Resolved configuration.
        files: What the method's kind of data is read from, see :mod:`concord3d.batches`.
        needs: Configuration and folder of each earlier training, by role.
        work_dir: Folder for checkpoints in progress.
        out_dir: Folder for the results.
        device: ``auto``, ``cpu`` or ``cuda``.
        inputs_identity: See :class:`TrainingTask`.
        weights_folder: See :class:`TrainingTask`.
        exports_dir: See :class:`TrainingTask`.

    Raises:
        ConcordError: A file is absent or damaged, or files do not fit together.
    """
    settings = method_settings(str(run["method"]), run["objective"])
    data = None
    if settings.reads_data:
        data = import_module(f"{BATCHES}.{settings.data}").opened(run, settings, files)
    earlier = {role: _earlier(*made) for role, made in needs.items()}
    return TrainingTask(
        run,
        data,
        work_dir,
        out_dir,
        earlier,
        device=device,
        inputs_identity=inputs_identity,
        weights_folder=weights_folder,
        exports_dir=exports_dir,
    )


def _earlier(run: Mapping[str, Any], folder: Path) -> EarlierTraining:
    saved = method_settings(str(run["method"]), run["objective"]).saved
    return EarlierTraining(run, {name: TrainingFolder(folder).weights(name) for name in saved})

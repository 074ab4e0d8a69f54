"""From the files of the workflow to one training task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from torch import nn

from concord3d.data.stores.objects import CloudSplit, ShapeTexts, joined
from concord3d.errors import ConfigError
from concord3d.features.stored import open_features
from concord3d.features.targets import FrozenTargets, text_rows
from concord3d.models.factory import load_point_encoder
from concord3d.render.stored import open_view_set
from concord3d.training.run import TrainRun


@dataclass(frozen=True)
class TrainingFiles:
    """What one training reads; each list has one entry per data set, in the same order.

    Attributes:
        clouds: Stores of clouds; empty for a method that is not trained.
        views: Indices of rendered views, for methods that see pixels.
        image_features: Indices of tower features of pictures, for methods that align with towers.
        text_features: Indices of tower features of texts, likewise.
        teacher: Weights of the teacher, where there is one.
    """

    clouds: Sequence[Path]
    views: Sequence[Path] = ()
    image_features: Sequence[Path] = ()
    text_features: Sequence[Path] = ()
    teacher: Path | None = None

    def named(self) -> dict[str, Path]:
        """Every file by a name that says what it is, for the record of the run."""
        lists = {
            "clouds": self.clouds,
            "views": self.views,
            "image_features": self.image_features,
            "text_features": self.text_features,
        }
        named = {
            name if len(paths) == 1 else f"{name}_{number}": path
            for name, paths in lists.items()
            for number, path in enumerate(paths, start=1)
        }
        return named if self.teacher is None else {**named, "teacher": self.teacher}


def training_task(
    run_config: Mapping[str, Any],
    files: TrainingFiles,
    work_dir: Path,
    out_dir: Path,
    device: str,
    inputs_identity: str | None = None,
) -> TrainRun:
    """Open the files of a training.

    Args:
        run_config: Resolved configuration.
        files: What to read.
        work_dir: Folder for checkpoints in progress.
        out_dir: Folder for the results.
        device: ``auto``, ``cpu`` or ``cuda``.
        inputs_identity: See :class:`concord3d.training.run.TrainRun`.

    Raises:
        UnreadableFile: A store or index is absent or damaged.
        BadCloud: Data sets that are trained on together do not fit.
        ConfigError: Several data sets for a method that reads rendered views.
        CheckpointCorrupt: The teacher's weights do not fit its configuration.
    """
    if len(files.views) > 1:
        raise ConfigError(
            "Methods that read rendered views train on one data set", where="data.dataset", found=len(files.views)
        )
    splits = [CloudSplit.load(path) for path in files.clouds]
    clouds = joined(splits) if splits else None
    targets = _targets(splits, files) if files.image_features else None
    return TrainRun(
        run_config=run_config,
        points=None if clouds is None else clouds.points,
        labels=None if clouds is None or len(splits) > 1 else clouds.labels,
        views=open_view_set(files.views[0]) if files.views else None,
        work_dir=work_dir,
        out_dir=out_dir,
        device=device,
        colors=clouds.colors if clouds is not None and targets is not None else None,
        targets=targets,
        teacher=None if files.teacher is None else _teacher(run_config, files.teacher),
        inputs_identity=inputs_identity,
    )


def _targets(splits: Sequence[CloudSplit], files: TrainingFiles) -> FrozenTargets:
    parts = []
    for split, images, texts in zip(splits, files.image_features, files.text_features, strict=True):
        encoded = open_features(texts)
        rows = text_rows(split.texts or (ShapeTexts(),) * len(split), encoded.row_of)
        parts.append(FrozenTargets(open_features(images).rows, encoded.rows, rows))
    return reduce(FrozenTargets.joined, parts)


def _teacher(run_config: Mapping[str, Any], weights: Path) -> nn.Module:
    teacher = load_point_encoder(run_config["teacher"]["encoder"], weights)
    return teacher.eval().requires_grad_(False)

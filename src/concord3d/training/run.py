"""What one pre-training is asked to do.

Shape legend: S shapes, P points per shape, V stored views per shape, H height, W width, C channels.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt
from torch import nn

from concord3d.config.numbers import numbers_of
from concord3d.data.stores.interface import not_finite
from concord3d.errors import BadCloud, ConfigError, DatasetMissing
from concord3d.files import canonical_json, content_hash
from concord3d.methods.interface import Settings, parse_settings
from concord3d.training.schedule import OptimizerName, Schedule


class ViewReader(Protocol):
    """What the loop needs of a store of views (:class:`concord3d.render.stored.ViewSet` is one)."""

    @property
    def num_objects(self) -> int: ...

    @property
    def num_views(self) -> int: ...

    @property
    def identity(self) -> str: ...

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return (B, m, H, W, C) for objects (B,) and views (B, m)."""
        ...


class TargetReader(Protocol):
    """What the loop needs of frozen towers' features (:class:`concord3d.features.targets.FrozenTargets` is one)."""

    @property
    def num_objects(self) -> int: ...

    @property
    def dim(self) -> int: ...

    @property
    def identity(self) -> str: ...

    def read(
        self, objects: NDArray[np.int64], generator: torch.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Return image features (B, D), text features (B, D) and has_text (B,) of a drawn picture and text each."""
        ...


class TrainingSettings(Settings):
    """The ``training`` section of a run configuration.

    Attributes:
        epochs: Passes over the training objects.
        batch_size: Objects per step over all processes.
        optimizer: Adam, AdamW, or SGD with momentum 0.9.
        learning_rate: Initial rate.
        weight_decay: As the optimiser defines it.
        schedule: See :func:`concord3d.training.schedule.learning_rate`.
        warmup_epochs: Epochs in which the rate rises, under ``warmup_cosine``.
        drop_last: Leave out the last, smaller batch of an epoch.
        precision: Lightning Fabric precision; losses are float32 in every case.
        threads: CPU threads of the job (set by the caller).
        num_snapshots: Encoders kept at equal distances, the last epoch included.
        checkpoint_every_s: Seconds between checkpoints.
        deterministic: Use deterministic algorithms.
    """

    epochs: PositiveInt
    batch_size: int = Field(ge=2)
    optimizer: OptimizerName = "adam"
    learning_rate: PositiveFloat = 1e-3
    weight_decay: float = Field(default=1e-6, ge=0)
    schedule: Schedule = "cosine"
    warmup_epochs: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    drop_last: bool = True
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    threads: PositiveInt = 1
    num_snapshots: PositiveInt = 5
    checkpoint_every_s: float = Field(default=60.0, ge=0)
    deterministic: bool = True


HELD_OUT_OBJECTS = 256


def default_held_out(num_shapes: int) -> NDArray[np.int64]:
    """Return the shapes kept out of training: 256, but at most a tenth, the same for every seed and method.

    Args:
        num_shapes: Shapes in the data set.

    Returns:
        Ascending indices.
    """
    count = min(HELD_OUT_OBJECTS, num_shapes // 10)
    return np.sort(np.random.default_rng(0).permutation(num_shapes)[:count])


@dataclass(frozen=True)
class TrainRun:
    """One pre-training with its data.

    Attributes:
        run_config: Resolved configuration (sections ``method``, ``encoder``, ``objective``, ``data``, ``training``,
            ``seed`` and descriptive keys).
        points: (S, P, 3) float32; None only for a method that is not trained.
        labels: (S,) int64 or None.
        views: Store whose object i is shape i, or None.
        work_dir: Folder for checkpoints in progress.
        out_dir: Folder for the results.
        held_out: Indices of shapes that are never trained on; None chooses them by :func:`default_held_out`.
        device: ``auto``, ``cpu`` or ``cuda``.
        num_devices: Processes, one per device.
        progress: Show progress on standard error.
        colors: (S, P, 3) uint8 RGB per point, or None.
        targets: Features of frozen towers whose object i is shape i, or None.
        teacher: Encoder of an earlier run for methods that learn from one, or None.
        inputs_identity: Identity of all that the training reads and computes with, from a caller that knows its files;
            None hashes the arrays.
    """

    run_config: Mapping[str, Any]
    points: NDArray[np.float32] | None
    labels: NDArray[np.int64] | None
    views: ViewReader | None
    work_dir: Path
    out_dir: Path
    held_out: NDArray[np.int64] | None = None
    device: str = "auto"
    progress: bool = True
    num_devices: int = 1
    colors: NDArray[np.uint8] | None = None
    targets: TargetReader | None = None
    teacher: nn.Module | None = None
    inputs_identity: str | None = None

    @property
    def config_hash(self) -> str:
        """SHA-256 of the part of the configuration that changes numbers."""
        return content_hash(numbers_of(self.run_config))

    @property
    def work_folder(self) -> Path:
        """Where checkpoints in progress lie: another identity has another folder, so none is resumed under it."""
        return self.work_dir / (self.inputs_identity or self.config_hash)

    def forget(self, folder: Path) -> None:
        """Remove checkpoints in progress; who gave an identity does so itself, once the result is recorded."""
        if self.inputs_identity is None:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.run_config["seed"])

    @property
    def training(self) -> TrainingSettings:
        """The validated ``training`` section.

        Raises:
            ConfigError: A key is unknown or a value impossible.
        """
        return parse_settings(TrainingSettings, self.run_config["training"], "training")

    @property
    def clouds(self) -> NDArray[np.float32]:
        """The points.

        Raises:
            DatasetMissing: There are none.
        """
        if self.points is None:
            raise DatasetMissing(
                "This method is trained and needs clouds", where=str(self.run_config["method"]), expected="(S, P, 3)"
            )
        return self.points

    def held_out_index(self) -> NDArray[np.int64]:
        """Return the indices of the shapes that are never trained on."""
        return default_held_out(len(self.clouds)) if self.held_out is None else self.held_out

    def training_index(self) -> NDArray[np.int64]:
        """Return the indices of the shapes to train on, ascending."""
        return np.setdiff1d(np.arange(len(self.clouds)), self.held_out_index())

    def identity(self) -> dict[str, Any]:
        """Return everything that a checkpoint must agree with before it may be resumed, as plain JSON types."""
        identity = {
            "config": numbers_of(self.run_config),
            "inputs": self.inputs_identity or self._data_digest(),
            "views": None if self.views is None else self.views.identity,
            "num_devices": self.num_devices,
        }
        plain: dict[str, Any] = json.loads(canonical_json(identity))
        return plain

    def _data_digest(self) -> str:
        digest = hashlib.sha256(np.ascontiguousarray(self.clouds).data)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels).data)
        digest.update(np.ascontiguousarray(self.held_out_index(), dtype=np.int64).data)
        if self.colors is not None:
            digest.update(np.ascontiguousarray(self.colors).data)
        for tensor in () if self.teacher is None else self.teacher.state_dict().values():
            digest.update(tensor.detach().cpu().contiguous().numpy().data)
        if self.targets is not None:
            digest.update(self.targets.identity.encode())
        return digest.hexdigest()

    def validated(self) -> TrainRun:
        """Return self.

        Raises:
            BadCloud: Points of a wrong shape or not finite.
            ConfigError: Labels, views, colours, tower features or held-out indices do not fit the points, or there are
                too few shapes.
        """
        points, held_out = self.clouds, self.held_out_index()
        if points.ndim != 3 or points.shape[2] != 3 or len(not_finite(points)):
            raise BadCloud("Training clouds are unusable", expected="finite (S, P, 3)", found=points.shape)
        counts = {
            "labels": None if self.labels is None else len(self.labels),
            "views": None if self.views is None else self.views.num_objects,
            "colours": None if self.colors is None else len(self.colors),
            "tower features": None if self.targets is None else self.targets.num_objects,
        }
        for name, count in counts.items():
            if count is not None and count != len(points):
                raise ConfigError(f"The {name} do not belong to the clouds", expected=len(points), found=count)
        if len(held_out) and not 0 <= held_out.min() <= held_out.max() < len(points):
            raise ConfigError("Held-out indices are out of range", expected=f"0 to {len(points) - 1}")
        self._check_batch_size(len(points) - len(np.unique(held_out)))
        return self

    def _check_batch_size(self, num_train: int) -> None:
        size = self.training.batch_size
        if num_train < size:
            raise ConfigError(
                "There are fewer training shapes than one batch holds",
                where="training.batch_size",
                expected=f"at most {num_train}",
                found=size,
                next_step="lower training.batch_size or use more shapes",
            )
        if size % self.num_devices:
            raise ConfigError(
                "The batch cannot be divided over the devices",
                where="training.batch_size",
                expected=f"a multiple of {self.num_devices}",
                found=size,
            )

"""One training with its data, and what makes it another one.

Shape legend: S units of the data.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.batches.interface import Batch, IntArray, TrainingData
from concord3d.config.numbers import numbers_of
from concord3d.errors import ConfigError, DatasetMissing
from concord3d.files import canonical_json, content_hash, sha256_file
from concord3d.methods.interface import Context, EarlierTraining
from concord3d.methods.settings import MethodSettings, method_settings
from concord3d.training.settings import TrainingSettings, training_settings

HELD_OUT_UNITS = 256


def default_held_out(num_units: int, count: int | None = None) -> IntArray:
    """Return the units kept out of training, the same for every seed and method.

    Args:
        num_units: Units of the data.
        count: How many; None takes 256, but at most a tenth.

    Returns:
        Ascending indices.
    """
    count = min(HELD_OUT_UNITS, num_units // 10) if count is None else count
    return np.sort(np.random.default_rng(0).permutation(num_units)[:count])


@dataclass(frozen=True)
class TrainingTask:
    """One training with its data.

    Attributes:
        run: Resolved configuration: sections ``method``, ``encoder``, ``objective``, ``data``, ``training``, ``seed``
            and descriptive keys.
        data: What is trained on; None only for a method that is not trained.
        work_dir: Folder for checkpoints in progress.
        out_dir: Folder for the results.
        needs: Earlier trainings by role.
        held_out: Units that are never trained on; None chooses them by :func:`default_held_out`.
        device: ``auto``, ``cpu`` or ``cuda``.
        num_devices: Processes, one per device.
        progress: Show progress on standard error.
        inputs_identity: Identity of all that the training reads and computes with, from a caller that knows its files;
            None hashes the data.
        weights_folder: Where the weights of frozen encoders may lie; no part of what makes a training another one.
        exports_dir: Folder for what the method exports; None for one below ``out_dir``.
    """

    run: Mapping[str, Any]
    data: TrainingData[Batch] | None
    work_dir: Path
    out_dir: Path
    needs: Mapping[str, EarlierTraining] = field(default_factory=dict)
    held_out: NDArray[np.int64] | None = None
    device: str = "auto"
    num_devices: int = 1
    progress: bool = True
    inputs_identity: str | None = None
    weights_folder: Path | None = None
    exports_dir: Path | None = None

    @cached_property
    def training(self) -> TrainingSettings:
        """The validated ``training`` section.

        Raises:
            ConfigError: A key is unknown or a value impossible.
        """
        return training_settings(self.run["training"], self.method_settings)

    @cached_property
    def method_settings(self) -> MethodSettings:
        """The validated ``objective`` section.

        Raises:
            ConfigError: There is no such method, a key is unknown or a value impossible.
        """
        return method_settings(str(self.run["method"]), self.run["objective"])

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.run["seed"])

    @property
    def config_hash(self) -> str:
        """SHA-256 of the part of the configuration that changes numbers."""
        return content_hash(numbers_of(self.run))

    @property
    def units(self) -> TrainingData[Batch]:
        """The data.

        Raises:
            DatasetMissing: There are none.
        """
        if self.data is None:
            raise DatasetMissing("This method is trained and needs data", where=str(self.run["method"]))
        return self.data

    @property
    def work_folder(self) -> Path:
        """Where checkpoints in progress lie: another identity has another folder, so none is resumed under it."""
        return self.work_dir / (self.inputs_identity or self.config_hash)

    def forget(self) -> None:
        """Remove checkpoints in progress; who gave an identity does so itself, once the result is recorded."""
        if self.inputs_identity is None:
            shutil.rmtree(self.work_folder, ignore_errors=True)

    def held_out_index(self) -> IntArray:
        """Return the units that are never trained on."""
        if self.held_out is not None:
            return self.held_out
        return default_held_out(len(self.units), self.training.num_held_out)

    def training_index(self) -> IntArray:
        """Return the units to train on, ascending."""
        index: IntArray = np.setdiff1d(np.arange(len(self.units)), self.held_out_index())
        return index

    def context(self) -> Context:
        """Return what the method is told when it is built."""
        held_out = np.zeros(0, np.int64) if self.data is None else self.held_out_index()
        return Context(
            self.run["encoder"],
            self.run["data"],
            self.data,
            held_out,
            self.needs,
            self.device,
            self.weights_folder,
            self.run.get("tower"),
        )

    def identity(self) -> dict[str, Any]:
        """Return everything that a checkpoint must agree with before it may be resumed, as plain JSON types."""
        identity = {
            "config": numbers_of(self.run),
            "inputs": self.inputs_identity or self._inputs_digest(),
            "num_devices": self.num_devices,
        }
        plain: dict[str, Any] = json.loads(canonical_json(identity))
        return plain

    def _inputs_digest(self) -> str:
        earlier = {
            role: {name: sha256_file(path) for name, path in training.weights.items()}
            for role, training in self.needs.items()
        }
        return content_hash([self.units.identity, self.held_out_index().tolist(), earlier])

    def validated(self) -> TrainingTask:
        """Return self.

        Raises:
            ConcordError: The data are unusable; see the kind's ``validated``.
            ConfigError: Held-out indices do not fit the data, or there are too few units.
        """
        self.units.validated()
        count, held_out = len(self.units), self.held_out_index()
        if len(held_out) and not 0 <= held_out.min() <= held_out.max() < count:
            raise ConfigError("Held-out indices are out of range", expected=f"0 to {count - 1}")
        self._check_batch_size(count - len(np.unique(held_out)))
        return self

    def _check_batch_size(self, num_train: int) -> None:
        size = self.training.batch_size
        if num_train < size:
            raise ConfigError(
                f"There are fewer training {self.units.unit} than one batch holds",
                where="training.batch_size",
                expected=f"at most {num_train}",
                found=size,
                next_step=f"lower training.batch_size or use more {self.units.unit}",
            )
        if size % self.num_devices:
            raise ConfigError(
                "The batch cannot be divided over the devices",
                where="training.batch_size",
                expected=f"a multiple of {self.num_devices}",
                found=size,
            )

"""Methods and data that exist in tests alone, and how they become trainings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d import named_modules
from concord3d.batches.interface import Batch, IntArray, shuffled
from concord3d.methods.interface import Context, LossTerms, Method
from concord3d.methods.settings import PACKAGE, MethodSettings
from concord3d.models.weights import load_weights
from concord3d.training.task import TrainingTask

NUM_UNITS, WIDTH = 44, 4
TRAINING = {
    "epochs": 3,
    "batch_size": 10,
    "num_snapshots": 1,
    "checkpoint_every_s": 0,
    "threads": 1,
    "learning_rate": 0.05,
}


@dataclass(frozen=True)
class Vectors(Batch):
    """Vectors, (B, WIDTH) float32."""

    values: Tensor


class VectorData:
    """Vectors that are read with noise."""

    unit = "vectors"

    def __init__(self, seed: int = 0) -> None:
        self.values = torch.randn(NUM_UNITS, WIDTH, generator=torch.Generator().manual_seed(seed))
        self.identity = f"vectors of seed {seed}"

    def __len__(self) -> int:
        return NUM_UNITS

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> Vectors:
        values = self.values[torch.from_numpy(units)]
        return Vectors(values + 0.1 * torch.randn(values.shape, generator=draw))

    def validated(self) -> None:
        pass


class Restoring(Method[Any]):
    """Restores vectors from their noisy halves, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(WIDTH, 3)
        self.decoder = nn.Sequential(nn.Dropout(0.2), nn.Linear(3, WIDTH))

    def saved(self) -> dict[str, nn.Module]:
        return {"point": self.encoder}

    def loss(self, batch: Vectors, draw: torch.Generator) -> LossTerms:
        kept = (torch.rand(batch.values.shape, generator=draw) > 0.5).to(batch.values)
        restored = self.decoder(self.encoder(batch.values * kept))
        loss = functional.mse_loss(restored, batch.values)
        return LossTerms(loss, {"error": loss.detach()})


Build = Callable[[Any, Context], Any]


def rebuilt_linear(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    module = nn.Linear(WIDTH, 3)
    load_weights(module, weights)
    return module


class MadeUpSettings(MethodSettings):
    """Those of a method that is told nothing."""


def register(
    monkeypatch: pytest.MonkeyPatch,
    build: Build,
    settings: type[MethodSettings] = MadeUpSettings,
    name: str = "made_up",
    rebuilt: Callable[[Mapping[str, Any], str, Path], nn.Module] | None = rebuilt_linear,
) -> None:
    """Let a package of a method stand in ``concord3d.methods`` for the time of a test."""
    package = f"{PACKAGE}.{name}"
    said, does = ModuleType(f"{package}.settings"), ModuleType(f"{package}.method")
    said.SETTINGS, does.build = settings, build
    if rebuilt is not None:
        does.rebuilt = rebuilt
        monkeypatch.setattr(settings, "rebuilt_by", does.__name__)
    for module in (ModuleType(package), said, does):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    known = named_modules.module_names

    def with_it(looked_into: str) -> tuple[str, ...]:
        return tuple(sorted({*known(looked_into), *([name] if looked_into == PACKAGE else [])}))

    monkeypatch.setattr(named_modules, "module_names", with_it)


def made_up_task(folder: Path, changes: Mapping[str, Any] | None = None, **options: Any) -> TrainingTask:
    """A training of a registered method below ``folder``; changes are of the section ``training``."""
    run = {
        "seed": 3,
        "method": options.pop("method", "made_up"),
        "encoder": {},
        "objective": options.pop("objective", {}),
        "data": {},
        "training": {**TRAINING, **(changes or {})},
    }
    fields = {"data": VectorData(), "work_dir": folder / "work", "out_dir": folder / "out", "device": "cpu"}
    return TrainingTask(run, **{"progress": False, "held_out": np.arange(4), **fields, **options})

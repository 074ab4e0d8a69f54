"""Fine-tunings of a second, for the tests of their resumption and as a process to be killed.

Usage as a script: tiny_fine_tuning.py WORK_DIR DIE_AT_STEP
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from concord3d.protocols.finetune import finetune_classification
from concord3d.protocols.part_segmentation import LabelledShapes, finetune_parts
from concord3d.training import fine_tuning
from concord3d.training.fine_tuning import FineTuned
from concord3d.training.fine_tuning_settings import FineTuning

NUM_SHAPES, NUM_POINTS, NUM_CLASSES = 24, 16, 3
RECIPE = FineTuning(epochs=4, batch_size=8, evaluate_every=2)
STEPS_PER_EPOCH = 3


class Watched(nn.Module):
    """A per-point map with normalisation and dropout that calls ``at_step`` before each training step."""

    def __init__(self, at_step: Callable[[int], None] = lambda step: None) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.5))
        self.norm = nn.BatchNorm1d(8)
        self.at_step, self.steps = at_step, 0

    def forward(self, points: Tensor, categories: Tensor | None = None) -> Tensor:
        if self.training:
            self.steps = self.steps + 1
            self.at_step(self.steps)
        per_point = self.norm(self.layers(points).transpose(1, 2))
        out: Tensor = per_point.amax(dim=2) if categories is None else per_point.transpose(1, 2)
        return out


def shapes(seed: int) -> LabelledShapes:
    categories = np.arange(NUM_SHAPES) % NUM_CLASSES
    points = np.random.default_rng(seed).normal(size=(NUM_SHAPES, NUM_POINTS, 3))
    points *= np.where(np.eye(3)[categories] > 0, 3.0, 1.0)[:, None]
    parts = 2 * categories[:, None] + (points[..., 1] > 0)
    return LabelledShapes(points.astype(np.float32), categories, parts.astype(np.int64))


def classify(model: Watched, work_dir: Path | None, recipe: FineTuning = RECIPE, seed: int = 5) -> FineTuned:
    train, test = shapes(0), shapes(1)
    splits = (train.points, train.categories, test.points, test.categories)
    return finetune_classification(model, 8, *splits, NUM_CLASSES, NUM_POINTS, recipe, seed=seed, work_dir=work_dir)


def segment(model: Watched, work_dir: Path | None, recipe: FineTuning = RECIPE, seed: int = 5) -> FineTuned:
    return finetune_parts(model, shapes(0), shapes(1), recipe, augment=True, seed=seed, work_dir=work_dir)


def new_model(at_step: Callable[[int], None] = lambda step: None) -> Watched:
    torch.manual_seed(0)
    return Watched(at_step)


def main() -> None:
    torch.set_num_threads(1)
    fine_tuning.CHECKPOINT_EVERY_S = 0
    work_dir, die_at = Path(sys.argv[1]), int(sys.argv[2])

    def kill_at(step: int) -> None:
        if step == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    classify(new_model(kill_at), work_dir)


if __name__ == "__main__":
    main()

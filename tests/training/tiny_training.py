"""A training of seconds, for the tests of the loop and as a process to be killed.

Usage as a script: tiny_training.py FOLDER NUM_DEVICES CONFIG_CHANGES_AS_JSON DIE_AT_READ DIE_WITH_SIGNAL
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from concord3d.batches.objects import ObjectData
from concord3d.errors import ConcordError
from concord3d.methods.mm_point import method as mm_point
from concord3d.methods.settings import method_settings
from concord3d.training.task import TrainingTask
from concord3d.training.train import train

# Hidden width of the heads, so that a checkpoint after every step is quickly written.
NARROW = 16
NUM_SHAPES, NUM_POINTS, NUM_VIEWS, SIZE = 44, 24, 5, 8


class ArrayViews:
    """Views in memory; can end the process when a given read comes, as a crash would."""

    num_objects, num_views, identity = NUM_SHAPES, NUM_VIEWS, "pictures"

    def __init__(self, die_at_read: int | None = None, die_with: int = signal.SIGKILL) -> None:
        shape = (NUM_SHAPES, NUM_VIEWS, SIZE, SIZE, 1)
        self.pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
        self.die_at_read, self.die_with, self.reads = die_at_read, die_with, 0

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.uint8]:
        self.reads += 1
        if self.reads == self.die_at_read:
            os.kill(os.getpid(), self.die_with)
        return self.pixels[object_index[:, None], view_index]


def tiny_points() -> NDArray[np.float32]:
    generator = np.random.default_rng(0)
    stretch = generator.uniform(0.2, 1.0, (NUM_SHAPES, 1, 3))
    return (generator.normal(size=(NUM_SHAPES, NUM_POINTS, 3)) * stretch).astype(np.float32)


def tiny_run(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    run: dict[str, Any] = {
        "paper": "mm_point",
        "experiment": "tiny",
        "label": "tiny",
        "seed": 3,
        "scale": "smoke",
        "method": "mm_point",
        "pretrain": {"dataset": "tiny", "data_kind": "synthetic"},
        "encoder": {"name": "pointnet"},
        "objective": {"views": 2, "image_encoder": "resnet10_32"},
        "data": {"num_points": 16, "image_size": SIZE, "view_set": "tiny"},
        "training": {"epochs": 3, "batch_size": 8, "num_snapshots": 2, "checkpoint_every_s": 0, "threads": 1},
    }
    for key, value in (changes or {}).items():
        *sections, last = key.split(".")
        target = run
        for section in sections:
            target = target[section]
        target[last] = value
    return run


def tiny_data(run: dict[str, Any], **parts: Any) -> ObjectData:
    settings = method_settings(run["method"], run["objective"])
    defaults = {"points": tiny_points(), "labels": np.arange(NUM_SHAPES) % 4, "views": ArrayViews()}
    return replace(ObjectData(**{**defaults, **parts}), drawn_views=settings.num_views)


def tiny_task(folder: Path, changes: dict[str, Any] | None = None, **options: Any) -> TrainingTask:
    """A task below ``folder``; options are fields of the task, or parts of the data: points, labels, views."""
    run = tiny_run(changes)
    parts = {name: options.pop(name) for name in ("points", "labels", "views") if name in options}
    if "data" not in options:
        options["data"] = tiny_data(run, **parts)
    fields = {"work_dir": folder / "work", "out_dir": folder / "out", "device": "cpu", "progress": False}
    return TrainingTask(run, **{**fields, **options})


def main() -> None:
    torch.set_num_threads(1)
    mm_point.HIDDEN_3D = NARROW
    folder, num_devices, changes, die_at_read, die_with = Path(sys.argv[1]), *sys.argv[2:6]
    views = ArrayViews(int(die_at_read) or None, int(die_with))
    try:
        train(tiny_task(folder, json.loads(changes), views=views, num_devices=int(num_devices)))
    except ConcordError as error:
        print(type(error).__name__, error, file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 1))


if __name__ == "__main__":
    main()

"""A training of Cross-MoST of seconds: clouds and pictures of four classes, with fake encoders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tests.features.fake_encoders import PATCHES, FakeSentences, FakeTrunk

from concord3d.batches.unlabelled import DrawnPictures, PictureSource, StoredMaps, UnlabelledBatch, UnlabelledData
from concord3d.features import frozen_encoders
from concord3d.features.efficientnet_adapter import preprocess_at
from concord3d.features.patch_tower import PatchEncoder, hybrid_vit
from concord3d.features.picture_strength import PictureStrength
from concord3d.features.tower_config import PatchTowerConfig
from concord3d.features.trunk_maps import TrunkMaps, trunk_maps
from concord3d.methods.cross_most.method import CrossMoST
from concord3d.methods.interface import EarlierTraining
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import save_weights
from concord3d.training.task import TrainingTask
from concord3d.training.train import new_method

NAMES = ("flat", "long", "tall", "round")
NUM_OBJECTS, NUM_POINTS, SIZE, NUM_VIEWS = 44, 30, 64, 3
WIDTH = FakeSentences.dim
LABELS = np.arange(NUM_OBJECTS) % len(NAMES)
TOWER: dict[str, Any] = {**PATCHES, "trunk": {"encoder": "fake_pictures", "image_size": SIZE}}
ENCODER: dict[str, Any] = {
    "name": "point_transformer", "out_dim": WIDTH, "num_groups": 6, "group_size": 6, "token_width": 8, "width": 12,
    "depth": 2, "num_heads": 3, "mlp_ratio": 2, "drop_path": 0.1,
}  # fmt: skip
# Nearly everything is kept, the trunk is frozen, and clouds keep their number of points.
OBJECTIVE: dict[str, Any] = {
    "start": "scratch",
    "initial_scale": 20.0,
    "trunk_rate": 0.0,
    "joint_threshold": 0.3,
    "picture_threshold": 0.3,
    "point_threshold": 0.3,
    "clouds": {"num_points": NUM_POINTS, "upsampled": "none"},
}
TRAINING: dict[str, Any] = {
    "epochs": 2, "batch_size": 8, "num_snapshots": 1, "checkpoint_every_s": 0, "threads": 1, "learning_rate": 1e-3,
    "optimizer": "adamw", "weight_decay": 0.05,
}  # fmt: skip
STRENGTH = PictureStrength(rand_augment=None)
PREPROCESS = preprocess_at(SIZE)


class Shown:
    """Pictures in memory whose bright half says the class."""

    def __init__(self, num_objects: int = NUM_OBJECTS, channels: int = 3) -> None:
        self.num_objects, self.num_views, self.channels = num_objects, NUM_VIEWS, channels
        rng = np.random.default_rng(5)
        self.pixels = rng.integers(0, 90, (num_objects, NUM_VIEWS, SIZE, SIZE, channels)).astype(np.uint8)
        half, label = SIZE // 2, np.arange(num_objects) % len(NAMES)
        places = [np.s_[:half], np.s_[half:], np.s_[:, :half], np.s_[:, half:]]
        for row, one in enumerate(label):
            for view in range(NUM_VIEWS):
                self.pixels[row, view][places[one]] += 150

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.pixels[np.asarray(object_index)[:, None], view_index]


def points(num_points: int = NUM_POINTS) -> NDArray[np.float32]:
    extent = np.array([[1, 0.1, 1], [0.1, 0.1, 1], [0.1, 1, 0.1], [1, 1, 1]])[LABELS]
    drawn = np.random.default_rng(2).uniform(-1, 1, size=(NUM_OBJECTS, num_points, 3))
    return (drawn * extent[:, None]).astype(np.float32)


def trunk() -> FakeTrunk:
    """The trunk of the tower, frozen."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        made = FakeTrunk().eval().requires_grad_(False)
    return made


def maps(num_strong: int = 2, num_views: int | None = 2) -> TrunkMaps:
    made: Any = trunk()
    shown: Any = Shown()
    return trunk_maps(shown, made, PREPROCESS, num_views, num_strong, STRENGTH)


def drawn_pictures(strength: PictureStrength = STRENGTH, num_views: int | None = None) -> DrawnPictures:
    shown: Any = Shown()
    return DrawnPictures(shown, PREPROCESS, strength, num_views)


def data_of(pictures: PictureSource | None = None, **fields: Any) -> UnlabelledData:
    features = np.random.default_rng(8).normal(size=(len(NAMES), WIDTH)).astype(np.float32)
    given = {
        "points": points(), "pictures": pictures or drawn_pictures(), "class_names": NAMES,
        "class_features": features, "dataset": "boxes", "labels": LABELS,
    }  # fmt: skip
    return UnlabelledData(**{**given, **fields})


def mapped_data(**fields: Any) -> UnlabelledData:
    """The same above maps that the frozen trunk made once."""
    return data_of(StoredMaps(maps(), PREPROCESS), **fields)


def tower_training(folder: Path) -> EarlierTraining:
    """A trained patch tower with random weights above the released trunk."""
    path, config = folder / "pictures.safetensors", PatchTowerConfig.model_validate(TOWER)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        released = frozen_encoders.open_trunk("fake_pictures")
        encoder = PatchEncoder(hybrid_vit(config, released, WIDTH))
    save_weights(encoder, path)
    return EarlierTraining({"method": "patch_tower", "encoder": TOWER}, {"pictures": path})


def point_training(folder: Path) -> EarlierTraining:
    """An earlier training of the point encoder."""
    path = folder / "point.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(11)
        save_weights(build_point_encoder(ENCODER), path)
    return EarlierTraining({"method": "mm_mixing", "encoder": ENCODER}, {"point": path})


def task_of(
    folder: Path,
    objective: Mapping[str, Any] | None = None,
    data: UnlabelledData | None = None,
    training: Mapping[str, Any] | None = None,
    encoder: Mapping[str, Any] | None = None,
    **options: Any,
) -> TrainingTask:
    """A task below ``folder``; the fake encoders must be registered."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {**OBJECTIVE, **(objective or {})}
    needs = {"tower": tower_training(folder)}
    if told["start"] == "earlier":
        needs["init"] = point_training(folder)
    run = {
        "method": "cross_most",
        "encoder": {**ENCODER, **(encoder or {})},
        "objective": told,
        "data": {"num_points": NUM_POINTS},
        "training": {**TRAINING, **(training or {})},
        "seed": 4,
    }
    fields: dict[str, Any] = {"held_out": np.arange(4), "device": "cpu", "progress": False, "inputs_identity": "pairs"}
    work, out = folder / "work", folder / "out"
    return TrainingTask(run, data or data_of(), work, out, needs, **{**fields, **options})


def method_of(task: TrainingTask) -> CrossMoST:
    method = new_method(task)
    assert isinstance(method, CrossMoST)
    return method


def batch_of(task: TrainingTask, count: int = 12) -> UnlabelledBatch:
    data: Any = task.data
    batch: UnlabelledBatch = data.read(task.training_index()[:count], torch.Generator().manual_seed(0))
    return batch


def without_labels(batch: UnlabelledBatch) -> UnlabelledBatch:
    return replace(batch, labels=None)


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)

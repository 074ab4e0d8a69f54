"""Cross-MoST above a CLIP with patch tokens: released, or trained here; rates, frozen parts, and what is saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from concord3d.batches.unlabelled import DrawnPictures, UnlabelledData
from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.features.open_clip_adapter import build_clip, open_clip_parts
from concord3d.features.open_tower import tower_patch_size, tower_preprocess
from concord3d.features.picture_strength import PictureStrength
from concord3d.features.tower import TowerSpec
from concord3d.features.weights import CONFIG_ENTRY
from concord3d.files import canonical_json
from concord3d.methods.cross_most.method import CrossMoST
from concord3d.methods.interface import EarlierTraining, saved_module
from concord3d.models.clip_patches import ClipPatches
from concord3d.models.weights import save_weights
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask
from concord3d.training.train import new_method, train

SIDE, PATCH, DIM, NUM_OBJECTS, NUM_POINTS = 32, 8, 6, 16, 40
MODEL_CFG: dict[str, Any] = {
    "embed_dim": DIM,
    "vision_cfg": {"image_size": SIDE, "patch_size": PATCH, "width": 16, "layers": 3, "head_width": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
}
ENCODER = {
    "name": "point_transformer", "out_dim": DIM, "num_groups": 6, "group_size": 6, "token_width": 8, "width": 8,
    "depth": 1, "num_heads": 2, "mlp_ratio": 2, "drop_path": 0.0,
}  # fmt: skip
OBJECTIVE = {
    "start": "scratch", "joint_threshold": 0.0, "picture_threshold": 0.0, "point_threshold": 0.0,
    "clouds": {"num_points": NUM_POINTS}, "initial_scale": 20.0,
}  # fmt: skip
WriteTower = Callable[..., TowerSpec]


class Shown:
    """Pictures in memory."""

    num_objects, num_views, channels = NUM_OBJECTS, 2, 3

    def __init__(self) -> None:
        self.pixels = np.random.default_rng(0).integers(0, 256, (NUM_OBJECTS, 2, SIDE, SIDE, 3)).astype(np.uint8)

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.pixels[object_index[:, None], view_index]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def write_tower(tmp_path: Path) -> WriteTower:
    def write(**vision: Any) -> TowerSpec:
        config = {**MODEL_CFG, "vision_cfg": {**MODEL_CFG["vision_cfg"], **vision}}
        path, weights = tmp_path / "tower.json", tmp_path / "clip.safetensors"
        path.write_text(json.dumps({"model_cfg": config}))
        torch.manual_seed(3)
        save_weights(build_clip(str(path)).module, weights, {CONFIG_ENTRY: canonical_json(config)})
        return TowerSpec(str(path), str(weights))

    return write


def data_of(spec: TowerSpec) -> UnlabelledData:
    rng, shown = np.random.default_rng(1), Shown()
    drawn: Any = shown
    strength, preprocess = PictureStrength(rand_augment=None), tower_preprocess(spec.model)
    pictures = DrawnPictures(drawn, preprocess, strength, None, tower_patch_size(spec.model))
    features = rng.normal(size=(3, DIM)).astype(np.float32)
    points = rng.uniform(-1, 1, (NUM_OBJECTS, NUM_POINTS, 3)).astype(np.float32)
    return UnlabelledData(points, pictures, ("a", "b", "c"), features, "boxes")


def task_of(
    folder: Path,
    spec: TowerSpec,
    tower: Mapping[str, Any] | None,
    needs: Mapping[str, EarlierTraining] | None = None,
    **objective: Any,
) -> TrainingTask:
    run = {
        "method": "cross_most",
        "encoder": ENCODER,
        "objective": {**OBJECTIVE, **objective},
        "data": {"num_points": NUM_POINTS},
        "training": {
            "epochs": 1, "batch_size": 8, "learning_rate": 0.1, "optimizer": "adamw", "num_snapshots": 1, "threads": 1,
            "weight_decay": 0.05,
        },
        "seed": 4,
        **({} if tower is None else {"tower": tower}),
    }  # fmt: skip
    options: dict[str, Any] = {"device": "cpu", "progress": False, "held_out": np.arange(0), "inputs_identity": "one"}
    return TrainingTask(run, data_of(spec), folder / "work", folder / "out", needs or {}, **options)


def released(spec: TowerSpec) -> dict[str, Any]:
    return {"model": spec.model, "weights": spec.weights, "training": None}


def trained_here(spec: TowerSpec) -> tuple[dict[str, Any], dict[str, EarlierTraining]]:
    """What the workflow says of a tower that it trains: no weights in the section, a training in the role."""
    run = {"method": "clip", "encoder": {"model": spec.model}}
    return {"model": spec.model, "weights": None}, {"tower": EarlierTraining(run, {"clip": Path(spec.weights)})}


def method_of(task: TrainingTask) -> CrossMoST:
    method = new_method(task)
    assert isinstance(method, CrossMoST)
    return method


def test_a_released_tower_and_one_that_is_trained_here_start_alike(tmp_path: Path, write_tower: WriteTower) -> None:
    spec = write_tower()
    first = method_of(task_of(tmp_path, spec, released(spec)))
    tower, needs = trained_here(spec)
    second = method_of(task_of(tmp_path, spec, tower, needs))
    states = first.state_dict(), second.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    pictures: Any = first.adapted.student.pictures
    assert isinstance(pictures, ClipPatches)
    module: Any = open_clip_parts(spec)[0].module
    assert torch.equal(pictures.visual.proj, module.visual.proj)


def test_masks_have_the_towers_patches_and_every_part_learns(tmp_path: Path, write_tower: WriteTower) -> None:
    spec = write_tower()
    task = task_of(tmp_path, spec, released(spec))
    method = method_of(task)
    batch: Any = task.units.read(np.arange(8), torch.Generator().manual_seed(0))
    assert batch.pictures.masks.shape == (8, SIDE // PATCH, SIDE // PATCH)
    loss = method.loss(batch, torch.Generator().manual_seed(1))
    loss.total.backward()
    frozen = ("adapted.student.points.tokeniser",)
    for name, parameter in method.named_parameters():
        if name.startswith("adapted.student") and not name.startswith(frozen):
            assert parameter.grad is not None, name
        else:
            assert parameter.grad is None, name
    assert set(loss.terms) >= {"masked_pictures", "global_local/pictures", "cross_modal", "self_training/pictures"}


def test_rates_decay_from_the_last_block_to_the_embeddings(tmp_path: Path, write_tower: WriteTower) -> None:
    """Cross-MoST spec 4: 0.65 to the power (number of blocks + 1 - i), i = 0 for what lies below the first block."""
    spec = write_tower()
    method = method_of(task_of(tmp_path, spec, released(spec)))
    groups = method.parameter_groups()
    rate_of = {id(parameter): group.rate for group in groups for parameter in group.parameters}
    decay_of = {id(parameter): group.weight_decay for group in groups for parameter in group.parameters}
    lowest = ("conv1", "class_embedding", "positional_embedding", "ln_pre", "mask_token")
    for name, parameter in method.adapted.student.pictures.named_parameters():
        own = name.removeprefix("visual.")
        expected = 1.0
        if own.startswith(lowest):
            expected = 0.65**4
        elif own.startswith("transformer.resblocks."):
            expected = 0.65 ** (4 - (int(own.split(".")[2]) + 1))
        assert rate_of[id(parameter)] == pytest.approx(expected), name
        assert decay_of[id(parameter)] == (None if parameter.ndim > 1 else 0.0), name
    assert rate_of[id(method.adapted.student.classifier)] == 1.0


def test_a_trunk_that_is_not_there_cannot_be_frozen(tmp_path: Path, write_tower: WriteTower) -> None:
    spec = write_tower()
    method = method_of(task_of(tmp_path, spec, released(spec), trunk_rate=0.0))
    assert all(parameter.requires_grad for parameter in method.adapted.student.pictures.parameters())


def test_what_is_saved_is_built_again_without_the_towers_files(tmp_path: Path, write_tower: WriteTower) -> None:
    spec = write_tower()
    task = task_of(tmp_path, spec, released(spec))
    train(task)
    Path(spec.model).unlink()
    Path(spec.weights).unlink()
    weights = TrainingFolder(tmp_path / "out").weights("adapted")
    module: Any = saved_module(task.run, "adapted", weights)
    pictures = torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        said = module.student.of_pictures(pictures, False)
        assert said.logits.shape == (2, 3) and said.tokens.shape == (2, (SIDE // PATCH) ** 2, 16)
        assert not torch.equal(module.teacher.of_pictures(pictures, False).logits, said.logits)
    assert not module.training
    with pytest.raises(CheckpointCorrupt):
        save_weights(torch.nn.Linear(2, 2), weights)
        saved_module(task.run, "adapted", weights)


def test_a_tower_that_cannot_be_used_is_refused(tmp_path: Path, write_tower: WriteTower) -> None:
    spec = write_tower(layers=[1, 1, 1, 1], head_width=16)
    with pytest.raises(ConfigError, match="no patch tokens"):
        new_method(task_of(tmp_path, spec, released(spec)))
    with pytest.raises(ConfigError, match="trains the picture encoder of a tower"):
        new_method(task_of(tmp_path, write_tower(), None))

"""CrossOver's trainings in the loop of all methods, and how much work they are told to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.batches.scan_batches import InMemory, loose, object_batch, scene_batch
from tests.methods.crossover.small import INSTANCE_ENCODER, SCENE_ENCODER

from concord3d.commands.training_work import network_size
from concord3d.methods.interface import EarlierTraining, saved_module
from concord3d.methods.settings import method_settings
from concord3d.models.instance_encoder import InstanceEncoder
from concord3d.models.scene_encoder import SceneEncoder
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask
from concord3d.training.train import train

TRAINING = {"epochs": 4, "batch_size": 4, "learning_rate": 0.01, "optimizer": "adamw", "threads": 1, "num_held_out": 2}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def run_of(method: str, encoder: dict[str, Any], **objective: Any) -> dict[str, Any]:
    return {
        "experiment": method, "seed": 3, "scale": "smoke", "method": method, "encoder": encoder,
        "objective": objective, "data": {}, "training": TRAINING,
    }  # fmt: skip


def trained(folder: Path, run: dict[str, Any], data: InMemory, **needs: EarlierTraining) -> TrainingFolder:
    train(TrainingTask(run, data, folder / "work", folder / "out", needs, device="cpu", progress=False))
    return TrainingFolder(folder / "out")


@pytest.mark.parametrize("variant", ["anchor", "all_pairs", "uni_modal"])
def test_objects_then_scans(tmp_path: Path, variant: str) -> None:
    run = run_of("crossover_instance", INSTANCE_ENCODER)
    first = trained(tmp_path / "objects", run, InMemory(object_batch(10)))
    objects = saved_module(run, "objects", first.weights("objects"))
    assert isinstance(objects, InstanceEncoder)
    earlier = EarlierTraining(run, {"objects": first.weights("objects")})
    told = run_of("crossover_scene", SCENE_ENCODER, variant=variant)
    needs = {"instance": earlier, "extractor": earlier}
    second = trained(tmp_path / "scenes", told, InMemory(scene_batch(10)), **needs)
    scenes = saved_module(told, "scenes", second.weights("scenes"))
    assert isinstance(scenes, SceneEncoder)
    for name, expected in objects.state_dict().items():
        assert torch.equal(scenes.instance.state_dict()[name], expected), "frozen"
    history = json.loads((tmp_path / "scenes/out/train.json").read_text())
    assert history["num_steps"] == 8


def test_loose_objects(tmp_path: Path) -> None:
    run = run_of("crossover_instance", INSTANCE_ENCODER, spatial=False)
    folder = trained(tmp_path, run, InMemory(loose(object_batch(10)), unit="objects"))
    encoder = saved_module(run, "objects", folder.weights("objects"))
    assert isinstance(encoder, InstanceEncoder) and encoder.spatial is None


def test_work_is_counted(repository: Path) -> None:
    objects = run_of("crossover_instance", {"name": "instance_encoder"})
    loose_objects = {**objects, "objective": {"spatial": False}}
    scenes = run_of("crossover_scene", {"name": "scene_encoder", "points": {"name": "scene_resnet", "width": 8}})
    scenes["data"] = {"scene_points": 500}
    sizes = {}
    for name, run in {"objects": objects, "loose": loose_objects, "scenes": scenes}.items():
        [told] = method_settings(run["method"], run["objective"]).forward_passes(run)
        sizes[name] = network_size(repository, told)
    # Attention and heads; the baseline has heads alone, of which that of pictures is wider.
    assert sizes["objects"].num_parameters == 10_713_632 and sizes["loose"].num_parameters == 2_809_344
    assert sizes["objects"].flops > 10 * sizes["loose"].flops > 0
    assert sizes["scenes"].num_parameters > sizes["objects"].num_parameters and sizes["scenes"].flops > 0
    alone = method_settings("crossover_scene", {"variant": "uni_modal"}).forward_passes(scenes)
    assert network_size(repository, alone[0]).num_parameters < sizes["scenes"].num_parameters

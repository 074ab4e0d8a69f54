"""Small networks of CrossOver on scans in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.batches.scan_batches import InMemory, loose, object_batch, scene_batch

from concord3d.methods.crossover_instance.method import CrossOverInstance
from concord3d.methods.crossover_instance.method import build as build_instance
from concord3d.methods.crossover_instance.settings import CrossOverInstanceSettings
from concord3d.methods.crossover_scene.method import CrossOverScene
from concord3d.methods.crossover_scene.method import build as build_scene
from concord3d.methods.crossover_scene.settings import CrossOverSceneSettings
from concord3d.methods.interface import Context, EarlierTraining
from concord3d.models.weights import save_weights

INSTANCE_ENCODER: dict[str, Any] = {
    "name": "instance_encoder", "out_dim": 32, "num_layers": 2, "num_heads": 2, "mlp_width": 16,
}  # fmt: skip
SCENE_ENCODER: dict[str, Any] = {
    "name": "scene_encoder", "points": {"name": "scene_resnet", "voxel_mm": 200, "width": 4, "blocks": [1, 1]},
}  # fmt: skip


def instance_method(data: InMemory | None = None, **told: Any) -> CrossOverInstance:
    """The alignment of objects."""
    settings = CrossOverInstanceSettings(**told)
    objects = object_batch()
    data = data or InMemory(objects if settings.spatial else loose(objects))
    torch.manual_seed(0)
    return build_instance(settings, Context(INSTANCE_ENCODER, {}, data))


def saved(method: Any, name: str, run_method: str, folder: Path) -> EarlierTraining:
    """A method as a finished training."""
    path = folder / f"{name}.safetensors"
    save_weights(method.saved()[name], path, method.header(name))
    return EarlierTraining({"method": run_method, "encoder": {}, "objective": {}}, {name: path})


def scene_method(
    folder: Path, instance: CrossOverInstance | None = None, encoder: dict[str, Any] | None = None, **told: Any
) -> CrossOverScene:
    """The alignment of scans, around an untrained encoder of objects."""
    needs = {"instance": saved(instance or instance_method(), "objects", "crossover_instance", folder)}
    torch.manual_seed(1)
    context = Context(encoder or SCENE_ENCODER, {}, InMemory(scene_batch()), needs=needs)
    return build_scene(CrossOverSceneSettings(**told), context)


def draw(seed: int = 0) -> torch.Generator:
    """A generator."""
    return torch.Generator().manual_seed(seed)


def train(method: Any, batch: Any, num_steps: int, rate: float = 1e-2) -> list[float]:
    """Train on one batch and return the loss before each step."""
    torch.manual_seed(2)
    groups = [{"params": list(group.parameters)} for group in method.parameter_groups()]
    optimizer, losses = torch.optim.AdamW(groups, lr=rate), []
    method.train()
    for step in range(num_steps):
        optimizer.zero_grad()
        loss = method.loss(batch, draw(step)).total
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses

"""Batches of any form are moved whole to a device."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from concord3d.batches.interface import Batch, shuffled

META = torch.device("meta")


class Boxes(NamedTuple):
    """Boxes of all scenes, and where each scene's begin."""

    corners: Tensor
    offsets: Tensor


@dataclass(frozen=True)
class Sweep:
    """Points of several scans, each with its own number."""

    scans: tuple[Tensor, ...]
    poses: Tensor | None = None


@dataclass(frozen=True)
class SceneBatch(Batch):
    """Scenes of different sizes."""

    points: list[Tensor]
    boxes: Boxes
    sweep: Sweep
    names: tuple[str, ...]
    features: dict[str, Tensor] = field(default_factory=dict)
    labels: Tensor | None = None
    count: int = 0


def scene_batch() -> SceneBatch:
    return SceneBatch(
        [torch.ones(size, 3) for size in (5, 0, 2)],
        Boxes(torch.zeros(4, 6), torch.tensor([0, 1, 4])),
        Sweep((torch.rand(3, 4), torch.rand(7, 4))),
        ("office", "hall", "kitchen"),
        {"image": torch.rand(3, 2)},
        count=3,
    )


def leaves(value: Any, of: Callable[[Any], bool]) -> list[Any]:
    if of(value):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if hasattr(value, "__dataclass_fields__"):
        value = list(vars(value).values())
    return [leaf for item in value for leaf in leaves(item, of)] if isinstance(value, list | tuple) else []


def tensors(batch: Batch) -> list[Tensor]:
    return leaves(batch, lambda value: isinstance(value, Tensor))


def test_every_tensor_is_moved_and_everything_keeps_its_form() -> None:
    batch = scene_batch()
    moved = batch.to(META)
    assert len(tensors(moved)) == len(tensors(batch)) == 8
    assert {tensor.device for tensor in tensors(moved)} == {META}
    assert [tensor.shape for tensor in tensors(moved)] == [tensor.shape for tensor in tensors(batch)]
    assert type(moved) is SceneBatch and isinstance(moved.points, list) and isinstance(moved.sweep.scans, tuple)
    assert type(moved.boxes) is Boxes and type(moved.sweep) is Sweep
    assert (moved.names, moved.count, moved.labels, moved.sweep.poses) == (batch.names, 3, None, None)
    # The batch itself stays where it is.
    assert {tensor.device.type for tensor in tensors(batch)} == {"cpu"}


def test_on_the_device_already_nothing_is_copied() -> None:
    batch = scene_batch()
    pairs = zip(tensors(batch), tensors(batch.to(torch.device("cpu"))), strict=True)
    assert all(mine is theirs for mine, theirs in pairs)


def test_a_shuffled_index_holds_the_same_units() -> None:
    index = np.arange(30, 60)
    order = shuffled(index, torch.Generator().manual_seed(0))
    assert sorted(order) == index.tolist() and not np.array_equal(order, index)
    np.testing.assert_array_equal(order, shuffled(index, torch.Generator().manual_seed(0)))

"""Encoders of scans with random weights and an input of one scan, to count their work."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.models.instance_encoder import InstanceEncoder
from concord3d.models.scan_encoder_forms import (
    InstanceEncoderForm,
    InstanceEncoderShape,
    SceneEncoderForm,
    SceneEncoderShape,
)
from concord3d.models.scene_encoder import SceneEncoder

# About: features of the paper's extractors, a furnished room, and the points of its mesh.
_WIDTHS = {"image": 1536, "point": 384, "cad": 384, "referral": 768}
_NUM_OBJECTS, _NUM_FRAMES, _NUM_POINTS = 30, 10, 150_000
_ROOM = (6.0, 5.0, 2.5)


def of_objects(encoder: Mapping[str, Any], spatial: bool) -> tuple[nn.Module, tuple[Any, ...]]:
    """Return an encoder of objects with those of one scan, or with one object where they are loose.

    Args:
        encoder: The ``encoder`` section of a run.
        spatial: Whether the objects see one another.
    """
    shape = InstanceEncoderShape.model_validate(dict(encoder))
    network = InstanceEncoder(InstanceEncoderForm(shape=shape, widths=_WIDTHS, spatial=spatial))
    objects = _objects(_NUM_OBJECTS if spatial else 1)
    return network, (objects.features, objects.present, objects.locations)


def of_scene(
    encoder: Mapping[str, Any], fused_only: bool = False, num_points: int | None = None
) -> tuple[nn.Module, tuple[Any, ...]]:
    """Return an encoder of scans, around one of objects of the default size, and one scan.

    Args:
        encoder: The ``encoder`` section of a run.
        fused_only: Whether there is nothing but the fusion.
        num_points: Points of the scan; None takes all of a mesh, about.
    """
    form = SceneEncoderForm(
        shape=SceneEncoderShape.model_validate(dict(encoder)),
        instance=InstanceEncoderForm(shape=InstanceEncoderShape(), widths=_WIDTHS),
        pictures=2 * _WIDTHS["image"],
        floorplan=_WIDTHS["image"],
        referral=_WIDTHS["referral"],
        fused_only=fused_only,
    )
    points, colors = room_points(num_points or _NUM_POINTS, _seeded()).split(3, 1)
    scenes = SimpleNamespace(
        objects=_objects(_NUM_OBJECTS),
        points=[points],
        colors=[colors],
        has_points=torch.ones(1, dtype=torch.bool),
        pictures=torch.rand((1, _NUM_FRAMES, form.pictures), generator=_seeded()),
        has_pictures=torch.ones(1, _NUM_FRAMES, dtype=torch.bool),
        floorplan=torch.rand((1, form.floorplan), generator=_seeded()),
        has_floorplan=torch.ones(1, dtype=torch.bool),
        referral=torch.rand((1, form.referral), generator=_seeded()),
        has_referral=torch.ones(1, dtype=torch.bool),
    )
    return SceneEncoder(form), (scenes,)


def _objects(count: int) -> SimpleNamespace:
    there = torch.ones(1, count, dtype=torch.bool)
    return SimpleNamespace(
        features={name: torch.rand((1, count, width), generator=_seeded()) for name, width in _WIDTHS.items()},
        present=dict.fromkeys(_WIDTHS, there),
        locations={name: torch.rand((1, count, 6), generator=_seeded()) for name in ("point", "cad")},
    )


def room_points(num_points: int, draw: torch.Generator) -> Tensor:
    """Return (P, 6) points on the sides of a room, as a scan sees surfaces alone, with random colours.

    Args:
        num_points: P.
        draw: Source of all randomness.
    """
    points = torch.rand((num_points, 6), generator=draw)
    side = torch.randint(3, (num_points, 1), generator=draw)
    points[:, :3] = points[:, :3].scatter(1, side, points.gather(1, side).round()) * torch.tensor(_ROOM)
    return points


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)

"""How often a step of training runs which network: what estimates of work are made of. Read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ForwardPass:
    """A network that a step of training runs.

    Attributes:
        network: What it is called, e.g. ``pointnet``; speeds are looked up under this name.
        example: ``module:function`` that is called with ``arguments`` and returns the network with random weights, and
            its inputs for one unit of a batch.
        arguments: Plain JSON.
        times: How often it meets a unit in one epoch.
        is_trained: Whether gradients flow back through it.
    """

    network: str
    example: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    times: float = 1.0
    is_trained: bool = True


def point_pass(run: Mapping[str, Any], times: float = 1.0, is_trained: bool = True) -> ForwardPass:
    """Return the forward pass of a run's point encoder.

    Args:
        run: Resolved configuration.
        times: See :class:`ForwardPass`.
        is_trained: See :class:`ForwardPass`.
    """
    encoder, num_points = run["encoder"], run["data"]["num_points"]
    arguments = {"encoder": encoder, "num_points": num_points}
    return ForwardPass(encoder["name"], "concord3d.models.examples:of_points", arguments, times, is_trained)


def sweep_pass(run: Mapping[str, Any], num_points: int, times: float = 1.0, is_trained: bool = True) -> ForwardPass:
    """Return the forward pass of a run's encoder of sweeps.

    Args:
        run: Resolved configuration.
        num_points: Points of a sweep, about.
        times: See :class:`ForwardPass`.
        is_trained: See :class:`ForwardPass`.
    """
    encoder = run["encoder"]
    arguments = {"encoder": encoder, "num_points": num_points}
    return ForwardPass(encoder["name"], "concord3d.models.examples:of_sweep", arguments, times, is_trained)


def image_pass(name: str, image_size: int, times: float = 1.0) -> ForwardPass:
    """Return the forward pass of an image encoder.

    Args:
        name: One of the names of :mod:`concord3d.models.image_encoder_names`.
        image_size: Side of a picture in pixels.
        times: See :class:`ForwardPass`.
    """
    arguments = {"name": name, "image_size": image_size}
    return ForwardPass(name, "concord3d.models.examples:of_image", arguments, times)

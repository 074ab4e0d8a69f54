"""Random turns of LiDAR sweeps around the vertical axis, with mirroring.

Shape legend: P points, C channels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def draw_turn(draw: torch.Generator) -> Tensor:
    """Draw a rotation about z by an angle of U(0, 2 pi), then a mirroring of x and one of y, each with probability 1/2.

    Args:
        draw: CPU generator.

    Returns:
        (3, 3) float32 on the CPU; it turns column vectors.

    Source: CMCR spec 1.6, step 1.
    """
    angle, across, along = torch.rand(3, generator=draw, dtype=torch.float64).tolist()
    x_sign, y_sign = (-1.0 if number < 0.5 else 1.0 for number in (across, along))
    cosine, sine = math.cos(2 * math.pi * angle), math.sin(2 * math.pi * angle)
    return torch.tensor([[x_sign * cosine, -x_sign * sine, 0], [y_sign * sine, y_sign * cosine, 0], [0, 0, 1]])


def turned(points: Tensor, turn: Tensor) -> Tensor:
    """Return points in other directions, with their other channels as they are.

    Args:
        points: (P, C >= 3), x, y and z first.
        turn: (3, 3).

    Returns:
        (P, C).
    """
    return torch.cat([points[:, :3] @ turn.to(points).T, points[:, 3:]], 1)


def turned_boxes(boxes: Tensor, turn: Tensor) -> Tensor:
    """Return boxes as they lie among points that are turned.

    Args:
        boxes: (n, 9) centre, length, width, height, direction of the front in radians, and velocity along x and y.
        turn: (3, 3).

    Returns:
        (n, 9).
    """
    turn = turn.to(boxes)
    flat = turn[:2, :2]
    front = torch.stack([boxes[:, 6].cos(), boxes[:, 6].sin()], 1) @ flat.T
    yaw = torch.atan2(front[:, 1], front[:, 0])
    return torch.cat([boxes[:, :3] @ turn.T, boxes[:, 3:6], yaw[:, None], boxes[:, 7:9] @ flat.T], 1)

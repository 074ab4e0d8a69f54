"""Boxes as a centre head names them: a cell of a map, and ten numbers there (CMCR spec 4.3).

Shape legend: n boxes, 9 numbers of a box (:mod:`concord3d.batches.boxed_sweeps`), 10 numbers of a code: offset from the
cell along x and y, z, logarithms of length, width and height, sine and cosine of the direction, velocity; K classes,
H x W cells along x and y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

CODE_PARTS = {"offset": 2, "height": 1, "size": 3, "direction": 2, "velocity": 2}


@dataclass(frozen=True)
class MapFrame:
    """Where the cells of a map lie.

    Attributes:
        low: Least x and y.
        cell: Edge of a cell in metres.
        shape: H and W.
    """

    low: tuple[float, float]
    cell: float
    shape: tuple[int, int]

    def cells(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (n, 2) places of (n, 9) boxes in cells, and whether they lie on the map."""
        places = (boxes[:, :2] - boxes.new_tensor(self.low)) / self.cell
        inside = ((places >= 0) & (places < places.new_tensor(self.shape))).all(1)
        return places, inside


def encoded_boxes(boxes: Tensor, frame: MapFrame) -> tuple[Tensor, Tensor]:
    """Return the (n, 2) int64 cells of (n, 9) boxes that lie on the map, and their (n, 10) codes."""
    places, _ = frame.cells(boxes)
    cells = places.floor()
    direction = torch.stack([boxes[:, 6].sin(), boxes[:, 6].cos()], 1)
    code = torch.cat([places - cells, boxes[:, 2:3], boxes[:, 3:6].log(), direction, boxes[:, 7:9]], 1)
    return cells.long(), code


def decoded_boxes(cells: Tensor, code: Tensor, frame: MapFrame) -> Tensor:
    """Return the (n, 9) boxes of (n, 2) cells and (n, 10) codes."""
    places = (cells + code[:, :2]) * frame.cell + code.new_tensor(frame.low)
    yaw = torch.atan2(code[:, 6], code[:, 7])
    return torch.cat([places, code[:, 2:3], code[:, 3:6].exp(), yaw[:, None], code[:, 8:10]], 1)


def heat_radius(length: float, width: float, min_overlap: float) -> float:
    """Return how far, in cells, the corners of a rectangle may be moved so that it still overlaps the true one.

    Three cases: it is moved, lies inside, or lies around. The roots are those of the released code, which divides by
    two in all cases.

    Args:
        length: In cells.
        width: In cells.
        min_overlap: IoU.

    Source: CornerNet, CenterPoint.
    """
    around, area = length + width, length * width
    moved = around, area * (1 - min_overlap) / (1 + min_overlap), 1.0
    inside = 2 * around, (1 - min_overlap) * area, 4.0
    outside = -2 * min_overlap * around, (min_overlap - 1) * area, 4 * min_overlap
    roots = [(b + math.sqrt(max(0.0, b * b - 4 * a * c))) / 2 for b, c, a in (moved, inside, outside)]
    return min(roots)


def heat_maps(
    boxes: Tensor, classes: Tensor, num_classes: int, frame: MapFrame, min_overlap: float, min_radius: int
) -> Tensor:
    """Draw a Gaussian around the cell of each box, on the map of its class; of several the highest counts.

    Args:
        boxes: (n, 9) on the map.
        classes: (n,) int64.
        num_classes: K.
        frame: The map.
        min_overlap: See :func:`heat_radius`.
        min_radius: Of small boxes, in cells.

    Returns:
        (K, H, W) from 0 to 1, 1 in the cells of boxes.
    """
    maps = boxes.new_zeros(num_classes, *frame.shape)
    rows, columns = (torch.arange(side, device=boxes.device) for side in frame.shape)
    cells = frame.cells(boxes)[0].floor().long()
    for box, cell, number in zip(boxes.tolist(), cells.tolist(), classes.tolist(), strict=True):
        radius = max(min_radius, int(heat_radius(box[3] / frame.cell, box[4] / frame.cell, min_overlap)))
        down, right = rows - cell[0], columns - cell[1]
        sigma = (2 * radius + 1) / 6
        drawn = torch.exp(-(down[:, None] ** 2 + right[None] ** 2) / (2 * sigma**2))
        drawn = drawn * (down.abs() <= radius)[:, None] * (right.abs() <= radius)[None]
        maps[number] = torch.maximum(maps[number], drawn.to(maps.dtype))
    return maps

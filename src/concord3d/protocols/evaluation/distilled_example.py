"""What figures show of one sweep and a distillation's network (CMCR spec 8, figures 2, 3, 7 and 9).

Shape legend: P points, V cameras of which v are shown, H x W a picture, h x w a picture as it is shown, H' x W' patches
of a picture, D channels of a head, g cells of a grid along each side.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from concord3d.batches.sweeps import Queries, SweepBatch
from concord3d.geometry.occupancy_queries import near_pairs
from concord3d.methods.cmcr.forward import Seen, decoded_queries, see
from concord3d.protocols.evaluation.distilled_sweeps import Distillation, DrawnSweep, rebuilt_pictures

# Pictures are shown of so many cameras, and at most this wide.
SHOWN_CAMERAS, SHOWN_WIDTH = 3, 208
# Metres: half the side of the map of occupancy, the side of its cells, and its height above the sensor, which stands
# higher than the bonnets of cars.
MAP_REACH, MAP_CELL, MAP_HEIGHT = 24.0, 0.25, -1.0
# Metres: returns that are so near the map's height are about what stands there.
MAP_BAND = 0.5


@torch.inference_mode()
def example_arrays(told: Distillation, drawn: DrawnSweep) -> dict[str, NDArray[Any]]:
    """Return what figures show of a sweep, as far as the network has parts for it.

    Args:
        told: The network.
        drawn: The sweep.

    Returns:
        By name. Of networks that reconstruct pictures: ``pictures`` and ``rebuilt`` (v, h, w, 3) uint8 and
        ``hidden`` (v, H', W') bool. Of those that decode occupancy: ``points`` (P, 3) float16, ``occupancy`` (g, g)
        float16, rows by y and columns by x, NaN where no point is near, and ``map_place`` (3,) float32: its reach, its
        height and the band of returns about it. Of those with shared and specific features: ``channel_cosines`` (D, D)
        float16, rows by shared channels; with pictures also ``cosine_points`` (2, P) and ``cosine_pixels`` (2, h, w)
        float16 of the shared and of the specific features with those of the point ``asked_point``, which lies at
        ``asked_pixel`` (3,) camera, row and column.
    """
    network, batch = told.network, drawn.batch
    whole = see(network, told.trunk, batch, torch.zeros_like(drawn.masks), torch.eye(3)[None])
    found: dict[str, NDArray[Any]] = {}
    if network.settings.masked_pictures:
        found |= {"pictures": _colours(batch.pictures), "rebuilt": _colours(rebuilt_pictures(told, drawn))}
        patch = network.settings.patch
        found["hidden"] = drawn.masks[:SHOWN_CAMERAS, ::patch, ::patch].numpy()
    if network.settings.occupancy:
        found |= {"points": _half(batch.points[0][:, :3]), "occupancy": _half(_occupancy(told, batch, whole))}
        found["map_place"] = np.array([MAP_REACH, MAP_HEIGHT, MAP_BAND], np.float32)
    if network.settings.decoupled:
        found["channel_cosines"] = _half(_channel_cosines(*whole.of_voxels))
        if whole.of_pixels is not None:
            found |= _cosines_of_one_point(batch, whole)
    return found


def _half(values: Tensor) -> NDArray[np.float16]:
    return np.asarray(values.cpu().numpy(), np.float16)


def _shown(pictures: Tensor) -> Tensor:
    """Return (n, C, h, w) pictures as they are shown, of (n, C, H, W)."""
    factor = -(-pictures.shape[3] // SHOWN_WIDTH)
    return functional.avg_pool2d(pictures, factor).cpu()


def _colours(pictures: Tensor) -> NDArray[np.uint8]:
    shown = _shown(pictures[:SHOWN_CAMERAS])
    return np.asarray((255 * shown).round().clamp(0, 255).permute(0, 2, 3, 1).numpy(), np.uint8)


def _occupancy(told: Distillation, batch: SweepBatch, whole: Seen) -> Tensor:
    """Return the (g, g) probability that places in a level plane are occupied, the mean over the points near each."""
    points = batch.points[0][:, :3].cpu()
    middles = torch.arange(-MAP_REACH + MAP_CELL / 2, MAP_REACH, MAP_CELL)
    ys, xs = torch.meshgrid(middles, middles, indexing="ij")
    places = torch.stack([xs, ys, torch.full_like(xs, MAP_HEIGHT)], 2).view(-1, 3)
    near = near_pairs(places, points)
    ways, nothing = places[near.queries] - points[near.points], torch.zeros(len(near.queries))
    queries = Queries(torch.zeros_like(near.points), near.points, ways, nothing.bool(), nothing)
    asked = replace(batch, queries=replace(queries, **{k: v.to(told.device) for k, v in vars(queries).items()}))
    quantised = told.network.quantised(whole.of_voxels.shared)
    occupied = decoded_queries(told.network, asked, whole, quantised)[:, 0].sigmoid().cpu()
    counts = torch.bincount(near.queries, minlength=len(places))
    # Without a point the mean is 0 / 0, which is NaN.
    return (torch.bincount(near.queries, occupied, len(places)) / counts).view(len(middles), len(middles))


def _channel_cosines(shared: Tensor, specific: Tensor) -> Tensor:
    """Return the (D, D) cosines of channels over voxels, of (M, D) features made length 1."""
    ours, other = (functional.normalize(functional.normalize(part, dim=1), dim=0) for part in (shared, specific))
    return ours.T @ other


def _cosines_of_one_point(batch: SweepBatch, whole: Seen) -> dict[str, NDArray[Any]]:
    """Compare one point with all points and with the pixels of its picture, see :func:`example_arrays`."""
    assert whole.of_pixels is not None
    pair = _asked_pair(batch)
    point, (camera, row, column) = batch.pairs.points[pair], batch.pairs.pixels[pair].tolist()
    everywhere = torch.arange(len(batch.points[0]), device=point.device)
    voxels = whole.voxels.rows(torch.zeros_like(everywhere), everywhere)
    with_points, with_pixels = [], []
    for of_voxels, of_pixels in zip(whole.of_voxels, whole.of_pixels, strict=True):
        of_points = of_voxels[voxels]
        with_points.append(functional.cosine_similarity(of_points, of_points[point][None]))
        with_pixels.append(functional.cosine_similarity(of_pixels[camera], of_points[point][:, None, None], dim=0))
    pixels = _shown(torch.stack(with_pixels)[None])[0]
    down = batch.pictures.shape[3] // pixels.shape[2]
    return {
        "cosine_points": _half(torch.stack(with_points)),
        "cosine_pixels": _half(pixels),
        "asked_point": np.array(int(point)),
        "asked_pixel": np.array([camera, row // down, column // down]),
    }


def _asked_pair(batch: SweepBatch) -> int:
    """Return the pair of the nearest point at the height of the map that is in a shown picture, else of any pair."""
    places = batch.points[0][batch.pairs.points, :3]
    distance = places[:, :2].norm(dim=1)
    stands = (places[:, 2] - MAP_HEIGHT).abs() <= MAP_BAND
    shown = batch.pairs.pixels[:, 0] < SHOWN_CAMERAS
    return int((distance + 1e3 * ~stands + 1e6 * ~shown).argmin())

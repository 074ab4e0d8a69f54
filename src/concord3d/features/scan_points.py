"""What a trained point encoder makes of the objects of scans: of their vertices, and of their CAD models.

Shape legend: S scans, O objects of all scans, V vertices of one object, P points drawn, C channels, D feature width.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.data.scans.object_vertices import vertices_of_objects
from concord3d.data.stores.scans import ScanSplit
from concord3d.features.clouds import GREY, cloud_channels, encode_batches
from concord3d.features.open_clip_adapter import resolve_device
from concord3d.features.scan_features import ScanPoints, identity_arrays
from concord3d.geometry.augment import normalise_unit_sphere
from concord3d.models.factory import load_point_encoder

Cloud = NDArray[np.float32]
_BATCH = 32
_POINT, _CAD = 0, 1


@dataclass(frozen=True)
class ObjectClouds:
    """How the cloud of an object is made (CrossOver spec 2).

    Attributes:
        num_points: P, drawn at random; with replacement where there are fewer.
        min_points: Objects with fewer vertices have no cloud.
        y_up: Whether vertices, which are z up, are turned to y up, as the clouds of single objects are.
        seed: Decides the draws, with the numbers of scan and object.
    """

    num_points: int = 1024
    min_points: int = 50
    y_up: bool = True
    seed: int = 0

    def vertices(self, points: Cloud, *place: int) -> Cloud:
        """Return (P, 3) float32 of (V, 3) vertices."""
        x, y, z = points.T
        return self._drawn(np.stack([x, z, -y], axis=1) if self.y_up else points, (*place, _POINT))

    def surface(self, points: Cloud, *place: int) -> Cloud:
        """Return (P, 3) float32 of the points on a CAD model, which lie in its own frame."""
        return self._drawn(points, (*place, _CAD))

    def _drawn(self, points: Cloud, place: tuple[int, ...]) -> Cloud:
        draw = np.random.default_rng([self.seed, *place])
        return points[draw.choice(len(points), self.num_points, replace=len(points) < self.num_points)]


def open_extractor(
    run: str, rebuilt_by: str | None, weights: Path, device: str = "auto", weights_folder: Path | None = None
) -> nn.Module:
    """Build the module ``point`` of a training, in evaluation mode on a device.

    Args:
        run: Resolved configuration of the training, as JSON.
        rebuilt_by: See :class:`concord3d.methods.settings.MethodSettings`.
        weights: Its file.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        weights_folder: Not used: the weights are those of the training.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    settings = json.loads(run)
    if rebuilt_by is None:
        encoder = load_point_encoder(settings["encoder"], weights)
    else:
        encoder = import_module(rebuilt_by).rebuilt(settings, "point", weights)
    return encoder.eval().to(resolve_device(device))


def scan_points(split: ScanSplit, encoder: nn.Module, clouds: ObjectClouds) -> ScanPoints:
    """Encode the objects of scans; the clouds of one scan are in memory at a time.

    Args:
        split: The scans.
        encoder: From (B, P, C) clouds to (B, D) features, with ``feature_dim`` D; it computes on the device that it is
            on. Clouds of six channels are grey.
        clouds: How a cloud is made.

    Raises:
        EvaluationError: The encoder returned values that are not finite.
    """
    rows: dict[str, list[int]] = {"point": [], "cad": []}
    found: dict[str, list[Cloud]] = {"point": [], "cad": []}
    channels, device = cloud_channels(encoder), str(next(encoder.parameters()).device)
    for number in range(len(split)):
        scan, first = split.scan(number), int(split.object_offsets[number])
        points = {
            row: clouds.vertices(scan.points[own], number, row)
            for row, own in enumerate(vertices_of_objects(scan.object_rows(), scan.num_objects))
            if len(own) >= max(clouds.min_points, 1)
        }
        models = {
            int(row): clouds.surface(model, number, int(row))
            for row, model in zip(scan.cad_objects, scan.cad_points, strict=True)
        }
        for name, own in (("point", points), ("cad", models)):
            if own:
                rows[name] += [first + row for row in own]
                batches = _batches(list(own.values()), channels)
                found[name].append(encode_batches(encoder, batches, device))
    count, width = len(split.object_ids), encoder.feature_dim
    assert isinstance(width, int)
    filled = {name: _filled(rows[name], found[name], count, width) for name in found}
    (point, has_point), (cad, has_cad) = filled["point"], filled["cad"]
    return ScanPoints(**identity_arrays(split), point=point, has_point=has_point, cad=cad, has_cad=has_cad)


def _batches(clouds: Sequence[Cloud], channels: int) -> Iterator[Tensor]:
    for start in range(0, len(clouds), _BATCH):
        points = normalise_unit_sphere(torch.from_numpy(np.stack(clouds[start : start + _BATCH])))
        yield points if channels == 3 else torch.cat([points, torch.full_like(points, GREY)], dim=2)


def _filled(
    rows: Sequence[int], parts: Sequence[Cloud], count: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return (O, D) features and (O,) which rows are there."""
    features, mask = np.zeros((count, width), np.float32), np.zeros(count, np.bool_)
    if rows:
        features[rows], mask[rows] = np.concatenate(parts), True
    return features, mask

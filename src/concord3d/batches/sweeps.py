"""Sweeps of a LiDAR with the pictures of cameras around it, and which pixel shows which point.

Shape legend: S sweeps trained on, B sweeps of a batch, P_i points of sweep i, V cameras, H and W a picture as the
network sees it, n pairs of a point and a pixel, Q queries, m pairs of a query and a point near it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as pictures_of

from concord3d.batches.interface import Batch, IntArray, shuffled
from concord3d.data.nuscenes_splits import pretraining_sweeps
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import ConfigError
from concord3d.features.superpixels import read_superpixels, require_fit
from concord3d.geometry.occupancy_queries import OccupancyQueries, near_pairs, occupancy_queries
from concord3d.geometry.picture_crops import Crop, CropRanges, cropped_pixels, drawn_crop, whole_picture
from concord3d.geometry.projection import project_points

PER_SWEEP = ("pictures", "camera_from_lidar", "intrinsics")


@dataclass(frozen=True)
class Pairs:
    """Points and the pixels that show them.

    Attributes:
        sweeps: (n,) int64 sweep of the batch.
        points: (n,) int64 number of the point in its sweep.
        pixels: (n, 3) int64 picture of the batch, row and column.
    """

    sweeps: Tensor
    points: Tensor
    pixels: Tensor


@dataclass(frozen=True)
class Queries:
    """Places whose occupancy a sweep tells, each with a point near it.

    Attributes:
        sweeps: (m,) int64 sweep of the batch.
        points: (m,) int64 number of the point in its sweep.
        ways: (m, 3) float32 query minus point.
        occupied: (m,) bool.
        intensity: (m,) float32; negative where it is unknown.
    """

    sweeps: Tensor
    points: Tensor
    ways: Tensor
    occupied: Tensor
    intensity: Tensor


_Part = TypeVar("_Part", Pairs, Queries)


@dataclass(frozen=True)
class SweepBatch(Batch):
    """One batch, its points as stored but for the intensity, its pictures cropped.

    Attributes:
        points: B tensors (P_i, 4) float32: x, y, z in metres and the intensity in [0, 1].
        pictures: (B V, 3, H, W) float32 in [0, 1]: those of the first sweep, then those of the second, ...
        pairs: Their pairs.
        queries: None where the method asks for none.
        superpixels: (B V, H, W) int64 numbers from 0 in each picture, or None where the method asks for none.
    """

    points: list[Tensor]
    pictures: Tensor
    pairs: Pairs
    queries: Queries | None
    superpixels: Tensor | None = None


class _Shown(NamedTuple):
    """The (V, 3, H, W) pictures of a sweep, its pairs, and the (V, H, W) superpixels."""

    pictures: Tensor
    pairs: Pairs
    superpixels: Tensor | None


@dataclass(frozen=True)
class SweepData:
    """The sweeps that a training may learn from; no label of theirs is read.

    Attributes:
        split: Sweeps with ``pictures``, ``camera_from_lidar`` and ``intrinsics``.
        rows: (S,) which of them are trained on.
        size: H and W.
        crops: How pictures are cropped; None shows them whole.
        num_queries: Q of each sweep; 0 asks for none.
        superpixels: Those of the pictures of all sweeps of ``split``, as large as the pictures; None asks for none.
    """

    split: SweepSplit
    rows: IntArray
    size: tuple[int, int]
    crops: CropRanges | None = None
    num_queries: int = 0
    superpixels: NDArray[np.uint8] | None = None
    unit: str = field(default="sweeps", init=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def num_cameras(self) -> int:
        """V."""
        return int(self.split.per_sweep["pictures"].shape[1])

    @property
    def identity(self) -> str:
        """See :meth:`concord3d.batches.interface.TrainingData.identity`; a workflow knows the files."""
        raise ConfigError("Trainings on sweeps run within a workflow", where=self.split.dataset)

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        """Return an epoch's order."""
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> SweepBatch:
        """Return some sweeps, with freshly drawn crops and queries."""
        points, shown, queries = [], list[_Shown](), []
        for number, row in enumerate(self.rows[units].tolist()):
            cloud = torch.from_numpy(self.split.network_points(row))
            points.append(cloud)
            shown.append(self._shown(row, cloud.numpy(), number, draw))
            if self.num_queries:
                asked = occupancy_queries(cloud[:, :3], cloud[:, 3], draw, self.num_queries)
                queries.append(_near(asked, cloud[:, :3], number))
        superpixels = [one.superpixels for one in shown if one.superpixels is not None]
        return SweepBatch(
            points,
            torch.cat([one.pictures for one in shown]),
            _joined([one.pairs for one in shown]),
            _joined(queries) if queries else None,
            torch.cat(superpixels) if superpixels else None,
        )

    def _shown(self, row: int, points: NDArray[np.float32], number: int, draw: torch.Generator) -> _Shown:
        """Return what the cameras of a sweep show; a picture and its superpixels are cropped alike."""
        stored, (matrices, intrinsics) = self.split.per_sweep["pictures"][row], self._cameras(row)
        found = project_points(points, matrices, intrinsics, *stored.shape[1:3])
        shown, pairs, superpixels = [], [], []
        for camera in range(self.num_cameras):
            picture = torch.from_numpy(np.array(stored[camera])).permute(2, 0, 1)
            own = torch.from_numpy(np.flatnonzero(found.camera == camera))
            pixels = torch.from_numpy(np.stack([found.row, found.column], 1))[own]
            crop = whole_picture((picture.shape[1], picture.shape[2]))
            if self.crops is not None:
                crop = drawn_crop(pixels, (crop.height, crop.width), self.crops, draw)
            shown.append(self._cropped(picture, crop, InterpolationMode.BILINEAR).float() / 255)
            if self.superpixels is not None:
                numbers = torch.from_numpy(np.array(self.superpixels[row, camera]))[None]
                superpixels.append(self._cropped(numbers, crop, InterpolationMode.NEAREST_EXACT)[0].long())
            kept, places = cropped_pixels(pixels, crop, self.size)
            point = torch.from_numpy(found.point)[own[kept]]
            which = torch.full((len(kept), 1), number * self.num_cameras + camera)
            pairs.append(Pairs(torch.full_like(point, number), point, torch.cat([which, places], 1)))
        return _Shown(torch.stack(shown), _joined(pairs), torch.stack(superpixels) if superpixels else None)

    def _cropped(self, picture: Tensor, crop: Crop, interpolation: InterpolationMode) -> Tensor:
        """Return a (c, H, W) crop of a picture."""
        part = pictures_of.resized_crop(picture, *crop[:4], list(self.size), interpolation, antialias=True)
        return part.flip(2) if crop.mirrored else part

    def _cameras(self, row: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.split.per_sweep["camera_from_lidar"][row], self.split.per_sweep["intrinsics"][row]

    def validated(self) -> None:
        """Check points and cameras.

        Raises:
            BadCloud: Arrays that do not fit each other, values that are not finite, sweeps without intensities, or
                superpixels of another size than the pictures.
            ConfigError: There are no pictures.
        """
        self.split.validated()
        missing = [name for name in PER_SWEEP if name not in self.split.per_sweep]
        if missing:
            raise ConfigError(
                "Sweeps without pictures cannot be distilled into",
                where=f"{self.split.dataset}/{self.split.split}",
                expected=", ".join(PER_SWEEP),
                found=f"no {', '.join(missing)}",
            )
        self.split.network_points(0)
        if self.superpixels is not None:
            where = f"{self.split.dataset}/{self.split.split}"
            require_fit(self.superpixels, self.split.per_sweep["pictures"], where)


def _near(asked: OccupancyQueries, points: Tensor, number: int) -> Queries:
    near = near_pairs(asked.positions, points)
    ways = asked.positions[near.queries] - points[near.points]
    sweeps = torch.full_like(near.points, number)
    return Queries(sweeps, near.points, ways, asked.occupied[near.queries], asked.intensity[near.queries])


def _joined(parts: Sequence[_Part]) -> _Part:
    names = list(vars(parts[0]))
    return type(parts[0])(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def opened(run: Mapping[str, Any], settings: Any, files: Mapping[str, Sequence[Path]]) -> SweepData:
    """Open the files of a training.

    Args:
        run: Resolved configuration.
        settings: Settings of the method, whose ``num_queries`` are asked for.
        files: ``sweeps``, and ``superpixels`` where the method asks for them.

    Raises:
        UnreadableFile: A file is absent, damaged or of another kind.
        ConfigError: No scene is left.
    """
    [path] = files["sweeps"]
    split, data = SweepSplit.load(path), run["data"]
    rows = np.arange(len(split)) if data["verifying_scenes"] else pretraining_sweeps(split.names)
    if not len(rows):
        raise ConfigError("No sweep is left to train on", where="data.verifying_scenes", found=f"{len(split)} sweeps")
    crops = CropRanges(**data["crops"]) if data.get("crops") else None
    height, width = data["picture_size"]
    superpixels = read_superpixels(files["superpixels"][0]) if "superpixels" in files else None
    return SweepData(split, rows, (height, width), crops, settings.num_queries, superpixels)

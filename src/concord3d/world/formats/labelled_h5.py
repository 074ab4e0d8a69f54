"""Labelled clouds of one split, and HDF5 files of them that have the same bytes for the same arrays.

Shape legend: S shapes, P points per shape.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import BadCloud
from concord3d.files import write_bytes

SHAPES_PER_FILE = 2048
_H5_CHUNK_SHAPES = 64


@dataclass(frozen=True)
class LabelledClouds:
    """The clouds of one split, before they are written.

    Attributes:
        points: (S, P, 3) float32.
        labels: (S,) int64 class index.
        names: One identifier per shape.
        point_labels: (S, P) int64 part number, or mask with -1 on background, or None.
    """

    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    point_labels: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        size = len(self.points)
        if self.points.ndim != 3 or self.points.shape[2] != 3 or size == 0:
            raise BadCloud("Clouds to write have the wrong shape", expected="(S, P, 3), S > 0", found=self.points.shape)
        if not size == len(self.labels) == len(self.names):
            found = (size, len(self.labels), len(self.names))
            raise BadCloud("Clouds, labels and names differ in number", expected=size, found=found)
        if self.point_labels is not None and self.point_labels.shape != self.points.shape[:2]:
            found = self.point_labels.shape
            raise BadCloud("Point labels do not fit the points", expected=self.points.shape[:2], found=found)


def rows_of_files(num_shapes: int, shapes_per_file: int) -> list[slice]:
    """Return the shapes that each of several files holds."""
    return [slice(start, min(start + shapes_per_file, num_shapes)) for start in range(0, num_shapes, shapes_per_file)]


def write_h5(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write named arrays, compressed, without the time stamps that would make bytes differ."""
    import h5py

    # In memory, because HDF5 crashes where it finds the disk full.
    content = io.BytesIO()
    with h5py.File(content, "w", libver=("earliest", "v110")) as store:
        for name, array in arrays.items():
            chunks = (min(len(array), _H5_CHUNK_SHAPES), *array.shape[1:])
            options = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if array.ndim == 3 else {}
            store.create_dataset(name, data=array, chunks=chunks, track_times=False, **options)
    write_bytes(path, content.getvalue())

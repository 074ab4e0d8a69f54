"""ScanObjectNN as HDF5 files: ``data`` (n, P, 3), ``label`` (n,), ``mask`` (n, P) with -1 on background points.

The variant is in the patterns of the splits (MM-Point spec 1.2).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.hdf5 import as_labels, as_points, census, numbered_names, read_h5, stack
from concord3d.data.layout import split_files
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import UnreadableFile


class ScanObjectNNH5(Reader):
    """Clouds with classes, and which points are background."""

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        files = split_files(spec, root, split)
        stores = [read_h5(path, ("data", "label"), ("mask",)) for path in files]
        data = stack([store["data"] for store in stores], "data", files)
        foreground = None
        if all("mask" in store for store in stores):
            mask = stack([store["mask"] for store in stores], "mask", files)
            if mask.shape != data.shape[:2]:
                raise UnreadableFile(
                    "'mask' does not fit 'data'", where=files[0], expected=data.shape[:2], found=mask.shape
                )
            foreground = np.asarray(mask != -1)
        labels = [as_labels(store["label"], path) for path, store in zip(files, stores, strict=True)]
        clouds = CloudSplit(
            spec.id,
            split,
            data_kind,
            points=as_points(data, files[0]),
            labels=stack(labels, "label", files),
            class_names=(),
            names=numbered_names(files, [len(part) for part in labels]),
            foreground=foreground,
        )
        return Reading(clouds, data.dtype.name, data.shape[1])

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        return census(split_files(spec, root, split))


READER = ScanObjectNNH5()

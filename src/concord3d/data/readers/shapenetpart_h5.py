"""ShapeNetPart as HDF5 files: ``data`` (n, P, 3), ``label`` (n, 1), ``pid`` (n, P) part number of each point."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.hdf5 import as_labels, as_points, census, numbered_names, read_h5, stack
from concord3d.data.layout import split_files
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import UnreadableFile


class ShapeNetPartH5(Reader):
    """Clouds with classes and a part number per point."""

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        files = split_files(spec, root, split)
        stores = [read_h5(path, ("data", "label", "pid")) for path in files]
        data = stack([store["data"] for store in stores], "data", files)
        parts = stack([store["pid"] for store in stores], "pid", files)
        if parts.shape != data.shape[:2] or not np.issubdtype(parts.dtype, np.integer):
            raise UnreadableFile(
                "'pid' does not fit 'data'", where=files[0], expected=data.shape[:2], found=(parts.shape, parts.dtype)
            )
        labels = [as_labels(store["label"], path) for path, store in zip(files, stores, strict=True)]
        clouds = CloudSplit(
            spec.id,
            split,
            data_kind,
            points=as_points(data, files[0]),
            labels=stack(labels, "label", files),
            class_names=(),
            names=numbered_names(files, [len(part) for part in labels]),
            part_labels=parts.astype(np.int64),
        )
        return Reading(clouds, data.dtype.name, data.shape[1])

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        return census(split_files(spec, root, split))


READER = ShapeNetPartH5()

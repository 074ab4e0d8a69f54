"""ShapeNetPart as HDF5 files: ``data`` (n, P, 3), ``label`` (n, 1), ``pid`` (n, P) part number of each point."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from concord3d.data.catalog import DatasetSpec
from concord3d.data.readers.layout import as_labels, as_points, read_h5, split_files, stack
from concord3d.data.readers.raw import RawClouds
from concord3d.errors import UnreadableFile


def read(spec: DatasetSpec, root: Path, split: str) -> RawClouds:
    """Read one split (MM-Point spec 1.2).

    Args:
        spec: The data set.
        root: Folder that holds the layout.
        split: ``train``, ``val`` or ``test``.

    Raises:
        DatasetMissing: A file is missing.
        UnreadableFile: A file is truncated or lacks a key, or the part numbers do not fit the clouds.
    """
    files = split_files(spec, root, split)
    stores = [read_h5(path, ("data", "label", "pid")) for path in files]
    data = stack([store["data"] for store in stores], "data", files)
    parts = stack([store["pid"] for store in stores], "pid", files)
    if parts.shape != data.shape[:2] or not np.issubdtype(parts.dtype, np.integer):
        raise UnreadableFile(
            "'pid' does not fit 'data'", where=files[0], expected=data.shape[:2], found=(parts.shape, parts.dtype)
        )
    labels = [as_labels(store["label"], path) for path, store in zip(files, stores, strict=True)]
    names = [f"{path.stem}_{index:05d}" for path, part in zip(files, labels, strict=True) for index in range(len(part))]
    return RawClouds(
        points=as_points(data, files[0]),
        labels=stack(labels, "label", files),
        names=tuple(names),
        dtype=data.dtype.name,
        part_labels=parts.astype(np.int64),
    )

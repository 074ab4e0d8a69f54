"""ModelNet40 and ModelNet10 as HDF5 files: ``data`` (n, P, 3), ``label`` (n, 1), ``name`` where present."""

from __future__ import annotations

import re
from pathlib import Path

from concord3d.data.catalog import DatasetSpec
from concord3d.data.readers.layout import (
    as_labels,
    as_points,
    layout_folder,
    read_h5,
    read_lines,
    read_names_json,
    split_files,
    stack,
)
from concord3d.data.readers.raw import RawClouds
from concord3d.errors import UnreadableFile


def read(spec: DatasetSpec, root: Path, split: str) -> RawClouds:
    """Read one split (MM-Point spec 1.2).

    Args:
        spec: The data set.
        root: Folder that holds the layout.
        split: ``train`` or ``test``.

    Raises:
        DatasetMissing: A file is missing.
        UnreadableFile: A file is truncated or lacks a key.
    """
    files = split_files(spec, root, split)
    stores = [read_h5(path, ("data", "label"), ("name",)) for path in files]
    data = stack([store["data"] for store in stores], "data", files)
    names: list[str] = []
    for path, store in zip(files, stores, strict=True):
        count = len(store["data"])
        if "name" in store:
            names += _decode(list(store["name"]), path)
            continue
        # ply_data_train0.h5 has ply_data_train_0_id2file.json beside it, train0.h5 has train0_id2file.json.
        spaced = re.sub(r"(\d+)$", r"_\1", path.stem)
        listed = read_names_json(path.with_name(f"{spaced}_id2file.json"), count)
        listed = listed or read_names_json(path.with_name(f"{path.stem}_id2file.json"), count)
        names += listed or [f"{path.stem}_{index:05d}" for index in range(count)]
    labels = [as_labels(store["label"], path) for path, store in zip(files, stores, strict=True)]
    shape_names = layout_folder(spec, root) / "shape_names.txt"
    return RawClouds(
        points=as_points(data, files[0]),
        labels=stack(labels, "label", files),
        names=tuple(names),
        dtype=data.dtype.name,
        class_names=tuple(read_lines(shape_names)) if shape_names.is_file() else None,
    )


def _decode(names: list[object], path: Path) -> list[str]:
    try:
        return [name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in names]
    except UnicodeDecodeError as error:
        raise UnreadableFile("'name' is not UTF-8", where=path, found=error) from error

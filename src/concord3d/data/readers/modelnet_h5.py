"""ModelNet40 and ModelNet10 as HDF5: ``data`` (n, P, 3), ``label`` (n, 1), perhaps ``name`` (MM-Point spec 1.2)."""

from __future__ import annotations

import re
from pathlib import Path

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.hdf5 import as_labels, as_points, census, read_h5, read_names_json, stack
from concord3d.data.layout import layout_folder, read_lines, split_files
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import UnreadableFile


class ModelNetH5(Reader):
    """Clouds with classes; ``shape_names.txt`` states the classes, and a JSON list beside a file names its shapes."""

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
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
        clouds = CloudSplit(
            spec.id,
            split,
            data_kind,
            points=as_points(data, files[0]),
            labels=stack(labels, "label", files),
            class_names=(),
            names=tuple(names),
        )
        stated = tuple(read_lines(shape_names)) if shape_names.is_file() else ()
        return Reading(clouds, data.dtype.name, data.shape[1], stated)

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        return census(split_files(spec, root, split))


def _decode(names: list[object], path: Path) -> list[str]:
    try:
        return [name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in names]
    except UnicodeDecodeError as error:
        raise UnreadableFile("'name' is not UTF-8", where=path, found=error) from error


READER = ModelNetH5()

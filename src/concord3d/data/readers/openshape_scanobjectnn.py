"""The ScanObjectNN evaluation shapes of the OpenShape release (OBJ_ONLY).

Layout below the root (MM-Mixing spec 1.2): ``meta_data/scanobjectnn/xyz_label.npy``, a dictionary with ``xyz`` (S,
2,048, 3) and ``label``. By the paper S is 581, the test split; by a user's count of the released file 2,890, training
and test split together (MM-Mixing spec 1.4). Both are accepted, and the manifest records which it was.

Shape legend: S shapes, P points.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.hdf5 import as_labels
from concord3d.data.formats.npy_objects import another_form, read_objects
from concord3d.data.layout import find_split, layout_folder, required_file
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.stores.objects import NO_COLOR, CloudSplit

POINTS = "meta_data/scanobjectnn/xyz_label.npy"


class OpenShapeScanObjectNN(Reader):
    """Clouds with classes; where they have no colour they become grey."""

    has_colors = True

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read the test shapes; arguments as in :meth:`Reader.read`.

        Raises:
            DatasetMissing: The file is absent.
            UnreadableFile: It is truncated, of another form, or asks for more than plain data.
        """
        find_split(spec, split)
        path = required_file(spec, layout_folder(spec, root), POINTS)
        content = read_objects(path)
        try:
            points = np.asarray(content["xyz"], dtype=np.float32)
            labels = as_labels(np.asarray(content["label"]), path)
            if points.ndim != 3 or points.shape[2] != 3 or len(labels) != len(points):
                raise ValueError(f"xyz {points.shape} and label {labels.shape} where (S, P, 3) and (S,) belong")
            colors = np.full(points.shape, NO_COLOR, np.uint8)
            if "rgb" in content:
                shades = np.asarray(content["rgb"], dtype=np.float64)
                if shades.shape != points.shape or not (shades.min() >= 0 and shades.max() <= 1):
                    raise ValueError(f"rgb {shades.shape}, {shades.min():g} to {shades.max():g}, where [0, 1] belongs")
                colors = (255 * shades).round().astype(np.uint8)
        except (TypeError, KeyError, ValueError, IndexError) as error:
            raise another_form(path, "a dictionary with xyz (S, P, 3) and label (S,)", error) from error
        names = tuple(f"{path.stem}_{index:05d}" for index in range(len(points)))
        clouds = CloudSplit(
            spec.id, split, data_kind, points=points, labels=labels, class_names=(), names=names, colors=colors
        )
        return Reading(clouds, num_points=points.shape[1])

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        """Count the test shapes; the file is small enough to be read."""
        reading = self.read(spec, root, split, "real")
        return Census(len(reading.store), reading.num_points)


READER = OpenShapeScanObjectNN()

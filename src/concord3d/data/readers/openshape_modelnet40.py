"""The ModelNet40 test shapes of the OpenShape release.

Layout below the root (MM-Mixing spec 1.2): ``meta_data/modelnet40/test_split.json`` (name and category of each shape)
and ``test_pc.npy`` (dictionaries with ``xyz`` (10,000, 3) and ``rgb``, constant 100 of 255).

Shape legend: S shapes, P points.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.npy_objects import another_form, read_objects
from concord3d.data.layout import find_split, layout_folder, required_file
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import WrongRelease
from concord3d.files import read_json

LIST = "meta_data/modelnet40/test_split.json"
POINTS = "meta_data/modelnet40/test_pc.npy"


class OpenShapeModelNet40(Reader):
    """Coloured clouds; the class names of the catalogue decide the labels."""

    has_colors = True

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read the test shapes; arguments as in :meth:`Reader.read`.

        Raises:
            DatasetMissing: A file is absent.
            UnreadableFile: A file is truncated, of another form, or asks for more than plain data.
            WrongRelease: A category is not in the catalogue.
        """
        folder = layout_folder(spec, root)
        rows, path = _rows(spec, folder, split), required_file(spec, folder, POINTS)
        content = read_objects(path)
        try:
            if len(content) != len(rows):
                raise ValueError(f"{len(content)} clouds for {len(rows)} shapes of the list")
            points = np.stack([np.asarray(cloud["xyz"], dtype=np.float32) for cloud in content])
            shades = np.stack([np.asarray(cloud["rgb"], dtype=np.float64) for cloud in content])
            if points.ndim != 3 or points.shape[2] != 3 or shades.shape != points.shape:
                raise ValueError(f"xyz {points.shape} and rgb {shades.shape} where both are (S, P, 3)")
            if not (shades.min() >= 0 and shades.max() <= 255):
                raise ValueError(f"rgb from {shades.min():g} to {shades.max():g} where [0, 255] belongs")
        except (TypeError, KeyError, ValueError, IndexError) as error:
            raise another_form(path, "dictionaries with xyz and rgb, (P, 3) each", error) from error
        clouds = CloudSplit(
            spec.id,
            split,
            data_kind,
            points=points,
            labels=np.array([spec.class_names.index(category) for _, category in rows], dtype=np.int64),
            class_names=(),
            names=tuple(f"{category}/{name}" for name, category in rows),
            colors=shades.round().astype(np.uint8),
        )
        return Reading(clouds, num_points=points.shape[1])

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        """Count the test shapes listed, after a look whether their clouds are there."""
        folder = layout_folder(spec, root)
        required_file(spec, folder, POINTS)
        return Census(len(_rows(spec, folder, split)))


def _rows(spec: DatasetSpec, folder: Path, split: str) -> list[tuple[str, str]]:
    """Name and category of every test shape, in the spelling of the catalogue."""
    find_split(spec, split)
    path = required_file(spec, folder, LIST)
    try:
        rows = [(str(row["name"]), str(row["category"]).strip().replace(" ", "_")) for row in read_json(path)]
    except (TypeError, KeyError) as error:
        raise another_form(path, "objects with name and category", error) from error
    strangers = sorted({category for _, category in rows} - set(spec.class_names))
    if strangers or not rows:
        raise WrongRelease(
            "The list of test shapes does not fit the catalogue",
            where=path,
            expected=", ".join(spec.class_names),
            found=", ".join(strangers) or "no shapes",
        )
    return rows


READER = OpenShapeModelNet40()

"""Common Objects in 3D, the 42 categories of Cross-MoST (Cross-MoST spec 1.1 and 1.2).

Layout: ``<category>/<sequence>/`` with ``images/`` (frames) and ``pointcloud1.npy`` (as the paper preprocessed it) or
``pointcloud.ply`` (as released), below the layout folder or its ``data_preprocessed``. Where they are there,
``train_set_80.txt`` and ``test_set_80.txt`` beside it name the sequences of the splits.

The columns (x, y, z) become (y, x, z), so that y is up (Cross-MoST spec 1.4); this is a reflection.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.clouds import read_npy_cloud, sampled
from concord3d.data.formats.ply import read_ply_points
from concord3d.data.framed_objects import NUM_POINTS, FramedObject, FramedObjects, clouds_by
from concord3d.errors import WrongRelease, nearest

# Categories of CO3D that Cross-MoST leaves out (Cross-MoST spec 1.1).
LEFT_OUT = ("frisbee", "tv", "cellphone", "toybus", "car", "parkingmeter", "hotdog", "kite", "baseballbat")
FRAMES = "images"
UP_AXES = [1, 0, 2]


class Co3d(FramedObjects):
    """Sequences with a reconstructed cloud, of any number of points, of which some are drawn."""

    def objects(self, spec: DatasetSpec, folder: Path) -> list[FramedObject]:
        found: dict[str, FramedObject] = {}
        for cloud in clouds_by(spec, folder):
            category, sequence = cloud.parent.parent.name, cloud.parent.name
            if category in LEFT_OUT:
                continue
            if category not in spec.class_names:
                raise WrongRelease(
                    f"A class folder is not in the catalogue{nearest(category, spec.class_names)}",
                    where=cloud.parent.parent,
                    expected=", ".join(spec.class_names),
                    found=category,
                )
            key = f"{category}/{sequence}"
            found.setdefault(key, FramedObject(key, category, cloud, cloud.parent / FRAMES))
        return sorted(found.values(), key=lambda item: spec.class_names.index(item.category))

    def cloud(self, path: Path, num_points: int | None, name: str) -> NDArray[np.float32]:
        points = read_ply_points(path) if path.suffix == ".ply" else read_npy_cloud(path)
        drawn = sampled(points, num_points or min(NUM_POINTS, len(points)), name, path)
        return np.ascontiguousarray(drawn[:, UP_AXES])


READER = Co3d()

"""nuScenes v1.0-trainval with lidarseg and panoptic labels, keyframes only (CMCR spec 1.1).

Layout: ``v1.0-trainval/*.json`` (tables), ``samples/LIDAR_TOP/*.pcd.bin`` (P, 5) float32 x, y, z, intensity, ring,
``samples/CAM_*/*.jpg``, ``lidarseg/v1.0-trainval/<token>_lidarseg.bin`` (P,) uint8,
``panoptic/v1.0-trainval/<token>_panoptic.npz``. The official lists decide which scenes a split has.

Shape legend: S sweeps, N points of all sweeps together, P points of one, V cameras, H and W height and width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_array
from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.nuscenes_boxes import read_boxes
from concord3d.data.formats.nuscenes_sweeps import (
    count_points,
    label_file,
    missing_file,
    read_classes,
    read_points,
    require_as_many,
)
from concord3d.data.formats.nuscenes_tables import CAMERAS, VERSION, Keyframe, NuScenesTables
from concord3d.data.formats.pictures import read_resized, resized_intrinsics
from concord3d.data.layout import find_split, layout_folder, required_file
from concord3d.data.nuscenes_splits import SCENES
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.storage import scratch_array
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import DatasetMissing, WrongRelease


class NuScenes(Reader):
    """Sweeps with the six pictures of their keyframes.

    Points have x, y, z in metres in the sensor's frame and an intensity from 0 to 255. ``extra`` has ``panoptic``, 1000
    times the general category plus the instance, 0 everywhere where the panoptic labels are absent; ``per_sweep`` has
    ``pictures`` (S, 6, H, W, 3) uint8, ``camera_from_lidar`` (S, 6, 4, 4) and ``intrinsics`` (S, 6, 3, 3) of the stored
    pictures, the centres of whose pixels have whole coordinates, ``global_from_lidar`` and ``global_from_ego``
    (S, 4, 4). There are boxes where the release has annotations.
    """

    kind = "sweeps"
    has_labels = False

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split; arguments as in :meth:`Reader.read`.

        Pictures larger than the catalogue's ``picture_size`` are resized to it.

        Raises:
            DatasetMissing: A table, a sweep, a picture or a file of labels is absent.
            UnreadableFile: A file is truncated or of another format, or a chain of tokens is broken.
            DatasetCorrupt: Labels are not as many as points.
            WrongRelease: A label is no general category, pictures have different sizes, or a box has several
                attributes.
            BadCloud: A sweep has no points.
        """
        folder = layout_folder(spec, root)
        keyframes = list(self._tables(spec, root).keyframes(self._scenes(spec, split)))
        if not keyframes:
            raise DatasetMissing(
                f"No scene of {spec.id}/{split}", where=folder / VERSION / "scene.json",
                expected=f"scenes of the official split '{split}'", found="none",
            )  # fmt: skip
        sizes = [count_points(folder / keyframe.sweep) for keyframe in keyframes]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        points = scratch_array((int(offsets[-1]), 4), np.float32)
        labels = scratch_array((int(offsets[-1]),), np.int64)
        panoptic = scratch_array((int(offsets[-1]),), np.int32)
        for keyframe, start, stop in zip(keyframes, offsets[:-1], offsets[1:], strict=True):
            rows = slice(int(start), int(stop))
            points[rows] = read_points(folder / keyframe.sweep)
            labels[rows] = read_classes(label_file(folder, keyframe.labels, keyframe.name), rows.stop - rows.start)
            panoptic[rows] = _panoptic(folder, keyframe, rows.stop - rows.start)
        store = SweepSplit(
            spec.id,
            split,
            data_kind,
            offsets,
            points,
            (),
            tuple(keyframe.name for keyframe in keyframes),
            labels,
            {"panoptic": panoptic},
            _camera_arrays(spec, folder, keyframes) | _pose_arrays(keyframes),
            spec.intensity_range,
            read_boxes(folder, [keyframe.token for keyframe in keyframes]),
        )
        return Reading(store, "float32")

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        return Census(self._tables(spec, root).num_keyframes(self._scenes(spec, split)), dtype="float32")

    def _tables(self, spec: DatasetSpec, root: Path) -> NuScenesTables:
        folder = layout_folder(spec, root)
        required_file(spec, folder, f"{VERSION}/scene.json")
        return NuScenesTables(folder)

    def _scenes(self, spec: DatasetSpec, split: str) -> frozenset[str]:
        find_split(spec, split)
        return frozenset(SCENES[split])


def _camera_arrays(spec: DatasetSpec, folder: Path, keyframes: Sequence[Keyframe]) -> dict[str, NDArray[Any]]:
    found = {size for keyframe in keyframes for size in keyframe.sizes}
    if len(found) != 1:
        raise WrongRelease(
            f"Pictures of '{spec.id}' have different sizes", where=folder, expected="one height and width", found=found
        )
    size = found.pop()
    stored = _stored_size(size, spec.picture_size)
    pictures = scratch_array((len(keyframes), len(CAMERAS), *stored, 3), np.uint8)
    for number, keyframe in enumerate(keyframes):
        for camera, path in enumerate(keyframe.pictures):
            if not (folder / path).is_file():
                raise missing_file("A picture", folder / path)
            pictures[number, camera] = read_resized(folder / path, size, stored)
    return {
        "pictures": pictures,
        "camera_from_lidar": np.stack([keyframe.camera_from_lidar for keyframe in keyframes]),
        "intrinsics": resized_intrinsics(np.stack([keyframe.intrinsics for keyframe in keyframes]), size, stored),
    }


def _pose_arrays(keyframes: Sequence[Keyframe]) -> dict[str, NDArray[Any]]:
    return {
        "global_from_lidar": np.stack([keyframe.global_from_lidar for keyframe in keyframes]),
        "global_from_ego": np.stack([keyframe.global_from_ego for keyframe in keyframes]),
    }


def _stored_size(size: tuple[int, int], largest: tuple[int, int] | None) -> tuple[int, int]:
    """Return the size of the files, or the catalogue's where the files are larger."""
    return largest if largest and (size[0] > largest[0] or size[1] > largest[1]) else size


def _panoptic(folder: Path, keyframe: Keyframe, num_points: int) -> NDArray[np.int32]:
    if keyframe.panoptic is None:
        return np.zeros(num_points, np.int32)
    path = label_file(folder, keyframe.panoptic, keyframe.name)
    panoptic = read_array(path, "data", "panoptic labels")
    require_as_many(path, num_points, len(panoptic))
    return panoptic.astype(np.int32)


READER = NuScenes()

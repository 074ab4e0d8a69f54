"""nuScenes-C: corrupted sweeps of the val split of nuScenes beside the recorded ones (CMCR spec 1.8).

Layout: ``nuScenes-C/<corruption>/<severity>/`` has ``samples/LIDAR_TOP`` and ``lidarseg/v1.0-trainval`` with the names
of files that nuScenes has for the same sweeps, and ``nuscenes/`` has its tables, its recorded sweeps and their labels.
Points that no surface returned have labels of their own.

Shape legend: S sweeps, those of one condition behind one another, N points of all sweeps together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from concord3d.data.catalog import DatasetSpec
from concord3d.data.corruptions import CLEAN, CROSSTALK_LABEL, FOG_LABEL, SNOW_LABEL, condition_name, conditions
from concord3d.data.formats.nuscenes_sweeps import count_points, label_file, read_classes, read_points
from concord3d.data.formats.nuscenes_tables import VERSION, Keyframe, NuScenesTables
from concord3d.data.layout import find_split, layout_folder, required_file
from concord3d.data.nuscenes_splits import SCENES
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.storage import scratch_array
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import DatasetMissing

RECORDED, CORRUPTED = "nuscenes", "nuScenes-C"
_NO_CLASS = (FOG_LABEL, SNOW_LABEL, CROSSTALK_LABEL)


class NuScenesC(Reader):
    """Sweeps named ``<scene>/<number of the keyframe>/<condition>``: the recorded ones first (``clean``), then others.

    Points have x, y, z in metres in the sensor's frame and an intensity from 0 to 255.
    """

    kind = "sweeps"
    has_labels = False

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split; arguments as in :meth:`Reader.read`.

        Raises:
            DatasetMissing: A table, a sweep or a file of labels is absent.
            UnreadableFile: A file is truncated, or a chain of tokens is broken.
            DatasetCorrupt: Labels are not as many as points.
            WrongRelease: A label is neither a general category nor that of a corruption.
            BadCloud: A sweep has no points.
        """
        keyframes = list(self._tables(spec, root).keyframes(_scenes(spec, split)))
        if not keyframes:
            raise DatasetMissing(
                f"No scene of {spec.id}/{split}", where=layout_folder(spec, root) / RECORDED / VERSION / "scene.json",
                expected=f"scenes of the official split '{split}'", found="none",
            )  # fmt: skip
        files = list(_files(layout_folder(spec, root), keyframes))
        offsets = np.cumsum([0, *(count_points(sweep) for _, sweep, _ in files)], dtype=np.int64)
        points = scratch_array((int(offsets[-1]), 4), np.float32)
        labels = scratch_array((int(offsets[-1]),), np.int64)
        for (_, sweep, classes), start, stop in zip(files, offsets[:-1], offsets[1:], strict=True):
            points[start:stop] = read_points(sweep)
            labels[start:stop] = read_classes(classes, int(stop - start), _NO_CLASS)
        names = tuple(name for name, _, _ in files)
        store = SweepSplit(
            spec.id, split, data_kind, offsets, points, (), names, labels, intensity_range=spec.intensity_range
        )
        return Reading(store, "float32")

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        num_conditions = 1 + len(list(conditions()))
        num_keyframes = self._tables(spec, root).num_keyframes(_scenes(spec, split))
        return Census(num_conditions * num_keyframes, dtype="float32")

    def _tables(self, spec: DatasetSpec, root: Path) -> NuScenesTables:
        folder = layout_folder(spec, root)
        required_file(spec, folder, f"{RECORDED}/{VERSION}/scene.json")
        return NuScenesTables(folder / RECORDED)


def _scenes(spec: DatasetSpec, split: str) -> frozenset[str]:
    find_split(spec, split)
    return frozenset(SCENES[split])


def _files(folder: Path, keyframes: Sequence[Keyframe]) -> Iterator[tuple[str, Path, Path]]:
    """Yield the name, the file of points and the file of labels of every sweep."""
    places = {CLEAN: folder / RECORDED}
    places |= {condition_name(*pair): folder / CORRUPTED / condition_name(*pair) for pair in conditions()}
    for condition, place in places.items():
        for keyframe in keyframes:
            labels = label_file(place, keyframe.labels, keyframe.name)
            yield f"{keyframe.name}/{condition}", place / keyframe.sweep, labels


READER = NuScenesC()

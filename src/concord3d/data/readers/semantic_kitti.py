"""SemanticKITTI and data sets that are written as it is: scans with a label for every point (CMCR spec 1.2, 1.3).

Layout: ``<sequence>/<points>/<scan>.bin`` (P, values) float32 x, y, z, remission, and
``<sequence>/<labels>/<scan>.label`` (P,) uint32, the label in the lower 16 bits, the instance above. The catalogue
names folders and labels. Where a split has a list, each of its lines begins with the path of a file of points.

Shape legend: S scans, N points of all scans together, P points of one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.float_sweeps import count_points, read_points
from concord3d.data.formats.label_numbers import classes_of, told_labels
from concord3d.data.layout import NEXT_STEP, find_split, layout_folder, read_lines, required_file, split_files
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.scan_labels import ScanLabels
from concord3d.data.storage import scratch_array
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import DatasetCorrupt, DatasetMissing

_LABEL_BYTES = 4


class SemanticKITTI(Reader):
    """Scans named ``<sequence>/<scan>``, in the order of their paths or of the list.

    Points have x, y, z in metres in the sensor's frame and the remission; ``extra`` has ``instance``, 0 where there is
    none.
    """

    kind = "sweeps"
    has_labels = False

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split; arguments as in :meth:`Reader.read`.

        Raises:
            DatasetMissing: A list, a file of points or a file of labels is absent.
            UnreadableFile: A file is truncated.
            DatasetCorrupt: Labels are not as many as points.
            WrongRelease: A label is none of the catalogue.
            BadCloud: A scan has no points.
        """
        told, files = told_labels(spec), _files(spec, root, split)
        offsets = np.cumsum([0, *(count_points(path, told.values) for path in files)], dtype=np.int64)
        points = scratch_array((int(offsets[-1]), 4), np.float32)
        labels = scratch_array((int(offsets[-1]),), np.int64)
        instance = scratch_array((int(offsets[-1]),), np.int32)
        for path, start, stop in zip(files, offsets[:-1], offsets[1:], strict=True):
            points[start:stop] = read_points(path, told.values)[:, :4]
            raw = _raw_labels(told, split, path, int(stop - start))
            labels[start:stop] = classes_of(told, np.bitwise_and(raw, np.uint32(0xFFFF)), path)
            instance[start:stop] = raw >> 16
        store = SweepSplit(
            spec.id,
            split,
            data_kind,
            offsets,
            points,
            (),
            tuple(f"{path.parent.parent.name}/{path.stem}" for path in files),
            labels,
            {"instance": instance},
            intensity_range=spec.intensity_range,
        )
        return Reading(store, "float32")

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        return Census(len(_files(spec, root, split)), dtype="float32")


def _files(spec: DatasetSpec, root: Path, split: str) -> list[Path]:
    chosen, folder = find_split(spec, split), layout_folder(spec, root)
    if chosen.list_file is None:
        return split_files(spec, root, split)
    path = required_file(spec, folder, chosen.list_file)
    files = [folder / line.split()[0] for line in read_lines(path)]
    missing = [file for file in files if not file.is_file()]
    if missing or not files:
        raise DatasetMissing(
            f"Scans of {spec.id}/{split} are missing", where=path, expected=f"all {len(files)} files that it lists",
            found=f"absent: {missing[0]}" if missing else "an empty list", next_step=f"obtain '{spec.id}' again",
        )  # fmt: skip
    return files


def _raw_labels(told: ScanLabels, split: str, points: Path, num_points: int) -> NDArray[np.uint32]:
    folder = told.labels_of.get(split, told.labels)
    path = points.parent.parent / folder / f"{points.stem}.label"
    if not path.is_file():
        raise DatasetMissing("A scan has no labels", where=path, next_step="unpack points and labels into one folder")
    size = path.stat().st_size
    if size != num_points * _LABEL_BYTES:
        raise DatasetCorrupt(
            "Labels are not as many as points", where=path, expected=f"{num_points} of {_LABEL_BYTES} bytes",
            found=f"{size} bytes", next_step=NEXT_STEP,
        )  # fmt: skip
    return np.fromfile(path, "<u4")


READER = SemanticKITTI()

"""Synth4D: scans of a simulator as arrays of numpy, with a label for every point (CMCR spec 1.3).

Layout: ``<set>/<town>/velodyne/<scan>.npy`` (P, 4 or more) x, y, z and intensity, and
``<set>/<town>/labels/<scan>.npy`` (P,) or (P, 1) whole numbers. A pickled list of each split has the names of the scans
by town. Facts of the format: ``utils/dataset.py`` and ``utils/_resources/synthetic.yaml`` of the repository
saltoricristiano/gipso-sfouda.

Shape legend: N points of all scans together, P points of one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.label_numbers import classes_of, told_labels
from concord3d.data.formats.npy_objects import read_pickled
from concord3d.data.layout import NEXT_STEP, find_split, layout_folder, natural_order, required_file
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.storage import ScratchRows
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, ConfigError, DatasetCorrupt, DatasetMissing, UnreadableFile

_VALUES = 4


class Synth4D(Reader):
    """Scans named ``<town>/<scan>``, town by town in the order of their names; points have x, y, z and intensity."""

    kind = "sweeps"
    has_labels = False

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split; arguments as in :meth:`Reader.read`.

        Raises:
            DatasetMissing: The list, a scan of it or its labels are absent.
            UnreadableFile: A file is truncated, of another format, or the list holds something else.
            DatasetCorrupt: Labels are not as many as points.
            WrongRelease: A label is none of the catalogue.
            BadCloud: A scan has no points, or not four values of each.
        """
        told, files, sizes = told_labels(spec), _files(spec, root, split), [0]
        points, labels = ScratchRows(np.float32, (_VALUES,)), ScratchRows(np.int64)
        for path in files:
            own = _points(path)
            points.append(own)
            labels.append(classes_of(told, _labels(path, len(own)), path))
            sizes.append(len(own))
        names = tuple(f"{path.parent.parent.name}/{path.stem}" for path in files)
        store = SweepSplit(
            spec.id, split, data_kind, np.cumsum(sizes, dtype=np.int64), points.array(), (), names, labels.array(),
            intensity_range=spec.intensity_range,
        )  # fmt: skip
        return Reading(store)

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        return Census(len(_files(spec, root, split)))


def _files(spec: DatasetSpec, root: Path, split: str) -> list[Path]:
    """Return the scans that the list of a split names."""
    chosen, folder = find_split(spec, split), layout_folder(spec, root)
    if chosen.list_file is None:
        raise ConfigError("The catalogue names no list of a split", where=f"{spec.id}/{split}", expected="list_file")
    path = required_file(spec, folder, chosen.list_file)
    towns = read_pickled(path)
    if not isinstance(towns, dict) or not all(isinstance(own, list | tuple | np.ndarray) for own in towns.values()):
        raise UnreadableFile(
            "A list of a split has another form", where=path, expected="names of scans by town",
            found=f"{type(towns).__name__} {towns!r:.80}", next_step=NEXT_STEP,
        )  # fmt: skip
    scans = folder / chosen.patterns[0].split("/")[0]
    files = [scans / str(town) / "velodyne" / f"{name}.npy" for town, own in towns.items() for name in own]
    missing = [file for file in files if not file.is_file()]
    if missing or not files:
        raise DatasetMissing(
            f"Scans of {spec.id}/{split} are missing", where=path, expected=f"all {len(files)} scans that it lists",
            found=f"{len(missing)} absent, first: {missing[0]}" if missing else "an empty list",
            next_step=f"obtain '{spec.id}' again",
        )  # fmt: skip
    return sorted(files, key=lambda file: natural_order(file.relative_to(scans)))


def _array(path: Path, what: str) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
            raise ValueError(f"no array of numbers: {getattr(array, 'dtype', type(array).__name__)}")
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise UnreadableFile(f"Cannot read {what}", where=path, found=error, next_step=NEXT_STEP) from error
    return array


def _points(path: Path) -> NDArray[np.float32]:
    array = _array(path, "a scan")
    if array.ndim != 2 or array.shape[1] < _VALUES or not len(array):
        raise BadCloud(
            "A scan has the wrong shape", where=path, expected="(P, 4): x, y, z, intensity", found=array.shape,
            next_step=NEXT_STEP,
        )  # fmt: skip
    return array[:, :_VALUES].astype(np.float32)


def _labels(scan: Path, num_points: int) -> NDArray[Any]:
    path = scan.parent.parent / "labels" / scan.name
    if not path.is_file():
        raise DatasetMissing("A scan has no labels", where=path, next_step="unpack points and labels into one folder")
    array = _array(path, "labels")
    whole = array.astype(np.int64)
    if array.size != num_points or not (whole == array).all():
        raise DatasetCorrupt(
            "Labels are not as many whole numbers as there are points", where=path,
            expected=f"{num_points} whole numbers", found=f"{array.dtype} {array.shape}", next_step=NEXT_STEP,
        )  # fmt: skip
    return whole.reshape(-1)


READER = Synth4D()

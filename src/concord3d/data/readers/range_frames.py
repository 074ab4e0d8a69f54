"""Labelled LiDAR frames, one a file, as range images or as their returns (ika-rwth-aachen/PCLSegmentation).

``<folder>/<frame>.npy`` is (H, W, 6): x, y, z in metres, intensity, distance, label; a cell without a return has the
distance 0. ``<folder>/<frame>.npz`` has the returns alone: ``points`` (P, 4) and ``label`` (P,). Labels count the
classes of the catalogue and, among them, its ``no_class``, which says that a point has none.

Shape legend: S frames, N points of all frames together, P points of one, H and W rows and columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays
from concord3d.data.catalog import DatasetSpec
from concord3d.data.layout import NEXT_STEP, split_files
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, UnreadableFile, WrongRelease

_CHANNELS = 6
_DTYPES = {".npy": "float64", ".npz": "float32"}


class RangeFrames(Reader):
    """Frames named ``<folder>/<frame>``, in the order of their numbers: the folder stands for the drive they are of.

    Points have x, y, z in metres and the intensity; cells without a return are left out.
    """

    kind = "sweeps"
    has_labels = False

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split; arguments as in :meth:`Reader.read`.

        Raises:
            DatasetMissing: The split has no files.
            UnreadableFile: A file is truncated or of another format, or an array has another shape.
            WrongRelease: A label is neither a class nor ``no_class``, or files have both forms.
            BadCloud: A frame has no return, or values that are not finite.
        """
        files = split_files(spec, root, split)
        dtype = _dtype(spec, files)
        frames = [_frame(spec, path) for path in files]
        store = SweepSplit(
            spec.id,
            split,
            data_kind,
            np.cumsum([0, *(len(points) for points, _ in frames)], dtype=np.int64),
            np.concatenate([points for points, _ in frames]),
            (),
            tuple(f"{path.parent.name}/{path.stem}" for path in files),
            np.concatenate([labels for _, labels in frames]),
            intensity_range=spec.intensity_range,
        )
        return Reading(store, dtype)

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        files = split_files(spec, root, split)
        return Census(len(files), dtype=_dtype(spec, files))


def _dtype(spec: DatasetSpec, files: list[Path]) -> str:
    forms = {path.suffix for path in files}
    if len(forms) > 1 or not forms <= _DTYPES.keys():
        raise WrongRelease(
            f"Frames of '{spec.id}' have several forms", where=files[0].parent, expected=" or ".join(_DTYPES),
            found=", ".join(sorted(forms)),
        )  # fmt: skip
    return _DTYPES[forms.pop()]


def _frame(spec: DatasetSpec, path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return (P, 4) points and (P,) classes, -1 where there is none."""
    values, labels = _returns(path)
    if not len(values):
        raise BadCloud("A frame has no return", where=path, expected="at least one", found=0, next_step=NEXT_STEP)
    highest = len(spec.class_names) - (spec.no_class is None)
    strange = np.unique(labels[(labels != np.rint(labels)) | (labels < 0) | (labels > highest)])
    if len(strange):
        raise WrongRelease(
            "A label of a frame is no class", where=path, expected=f"0 to {highest}",
            found=", ".join(f"{label:g}" for label in strange),
        )  # fmt: skip
    return values.astype(np.float32), _classes(labels.astype(np.int64), spec.no_class)


def _classes(labels: NDArray[np.int64], no_class: int | None) -> NDArray[np.int64]:
    if no_class is None:
        return labels
    return np.where(labels == no_class, -1, labels - (labels > no_class))


def _returns(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (P, 4) x, y, z, intensity, and (P,) labels of the cells that have a return."""
    if path.suffix == ".npz":
        stored = read_arrays(path, "a frame")
        lacking = {"points", "label"} - stored.keys()
        if lacking:
            raise UnreadableFile(
                "A frame lacks an array", where=path, expected="points, label", found=", ".join(stored)
            )
        points, labels = stored["points"], stored["label"]
        _require_shape(path, points.ndim == 2 and points.shape[1:] == (4,) and labels.shape == points.shape[:1],
            "points (P, 4), label (P,)", (points.shape, labels.shape))  # fmt: skip
        _require_finite(path, np.column_stack([points, labels]))
        return points, labels
    try:
        image = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UnreadableFile("Cannot read a range image", where=path, found=error, next_step=NEXT_STEP) from error
    _require_shape(path, image.ndim == 3 and image.shape[2] == _CHANNELS, f"(H, W, {_CHANNELS})", image.shape)
    # What is not finite is no 0 either: it is kept, and named.
    returned = image[image[..., 4] != 0]
    _require_finite(path, returned)
    return returned[:, :4], returned[:, 5]


def _require_finite(path: Path, returns: NDArray[Any]) -> None:
    bad = np.flatnonzero(~np.isfinite(returns).all(axis=1))
    if len(bad):
        raise BadCloud(
            "A frame holds values that are not finite", where=path, expected="finite values",
            found=f"{len(bad)} of {len(returns)} points", next_step=NEXT_STEP,
        )  # fmt: skip


def _require_shape(path: Path, fits: bool, expected: str, found: object) -> None:
    if not fits:
        raise UnreadableFile(
            "A frame has another shape", where=path, expected=expected, found=found, next_step=NEXT_STEP
        )


READER = RangeFrames()

"""Files of what frozen encoders make of scans; what is missing has a row of zeros and False in the mask beside it.

Of published encoders that do not run here, such as those of ULIP-2 and Point-Bind, such files are given, in
``data/raw/scan_features/<encoder>/<data set>__<split>.npz`` (:mod:`concord3d.features.scan_encoders` has the names). A
file is written by :func:`numpy.savez` and holds the arrays of one class of this module, under their names: ``names``
and ``object_ids`` as the store of the split has them, float32 features and bool masks.

Shape legend: S scans, O objects of all scans behind one another, K key frames, D feature width.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays, write_arrays
from concord3d.data.stores.interface import not_finite
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import UnreadableFile

Features = NDArray[np.float32]
Mask = NDArray[np.bool_]
_AGAIN = "run the encoding step again"


@dataclass(frozen=True)
class ScanFeatures:
    """Base of the files; each array of features has a mask of the same name.

    Attributes:
        names: (S,) identifiers of the scans.
        object_ids: (O,) int64 identifiers of the objects.
    """

    # Name of an array of features, and what its rows are.
    ROWS: ClassVar[dict[str, str]] = {}
    WHAT: ClassVar[str]

    names: NDArray[np.str_]
    object_ids: NDArray[np.int64]

    def write(self, path: Path) -> None:
        """Write the arrays, complete or not at all."""
        write_arrays(path, self.__dict__)

    @classmethod
    def read(cls, path: Path, split: ScanSplit) -> Self:
        """Read what :meth:`write` wrote; large arrays are mapped.

        Args:
            path: The file.
            split: The scans that the features must be of.

        Raises:
            UnreadableFile: The file is absent, damaged, holds something else, or features of other scans.
        """
        arrays = read_arrays(path, cls.WHAT)
        names = [field.name for field in fields(cls)]
        problem = f"arrays {', '.join(sorted(arrays))}" if sorted(arrays) != sorted(names) else None
        found = None if problem else cls(**arrays)
        problem = problem or (found._fault(split) if found else None)
        if found is None or problem:
            raise UnreadableFile(
                f"Not {cls.WHAT} of these scans",
                where=path,
                expected=f"{', '.join(names)} of {len(split)} scans with {len(split.object_ids)} objects",
                found=problem,
                next_step=_AGAIN,
            )
        return found

    def _fault(self, split: ScanSplit) -> str | None:
        if self.names.tolist() != list(split.names) or not np.array_equal(self.object_ids, split.object_ids):
            return "other scans or objects"
        counts = {"scans": len(split), "objects": len(split.object_ids)}
        for name, rows in self.ROWS.items():
            values, mask = getattr(self, name), getattr(self, f"has_{name}")
            if values.dtype != np.float32 or mask.dtype != np.bool_ or values.shape[:-1] != mask.shape:
                return f"{name}: {values.dtype} {values.shape} with a mask of {mask.dtype} {mask.shape}"
            if len(values) != counts[rows]:
                return f"{name}: {len(values)} rows for {counts[rows]} {rows}"
            if len(bad := not_finite(values)):
                return f"{name}: {len(bad)} rows are not finite"
            if values.size and values[~mask].any():
                return f"{name}: missing rows are not zero"
        return None


@dataclass(frozen=True)
class ScanPictures(ScanFeatures):
    """What a frozen picture encoder makes of objects' crops, of key frames and of floorplans.

    Attributes:
        image: (O, D) float32, the mean over the levels of the crops and then over the frames that show an object.
        has_image: (O,) bool.
        frames: (S, K, 2 D) float32, two summaries of each key frame, in the order in which they were chosen.
        has_frames: (S, K) bool.
        floorplan: (S, D) float32.
        has_floorplan: (S,) bool.
    """

    ROWS: ClassVar[dict[str, str]] = {"image": "objects", "frames": "scans", "floorplan": "scans"}
    WHAT: ClassVar[str] = "features of pictures"

    image: Features
    has_image: Mask
    frames: Features
    has_frames: Mask
    floorplan: Features
    has_floorplan: Mask


@dataclass(frozen=True)
class ScanTexts(ScanFeatures):
    """What a frozen sentence encoder makes of referrals.

    Attributes:
        referral: (O, D) float32, the mean over the referrals of an object.
        has_referral: (O,) bool.
        scene_referral: (S, D) float32, of some referrals joined into one text.
        has_scene_referral: (S,) bool.
    """

    ROWS: ClassVar[dict[str, str]] = {"referral": "objects", "scene_referral": "scans"}
    WHAT: ClassVar[str] = "features of texts"

    referral: Features
    has_referral: Mask
    scene_referral: Features
    has_scene_referral: Mask


@dataclass(frozen=True)
class ScanPoints(ScanFeatures):
    """What a trained point encoder makes of objects' vertices and of their CAD models.

    Attributes:
        point: (O, D) float32.
        has_point: (O,) bool.
        cad: (O, D) float32.
        has_cad: (O,) bool.
    """

    ROWS: ClassVar[dict[str, str]] = {"point": "objects", "cad": "objects"}
    WHAT: ClassVar[str] = "features of points"

    point: Features
    has_point: Mask
    cad: Features
    has_cad: Mask


def identity_arrays(split: ScanSplit) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file that say which scans and objects it is of."""
    return {"names": np.array(split.names, dtype=np.str_), "object_ids": np.asarray(split.object_ids)}

"""``3RScan.json``: which scans show the same space, and what moved between them (CrossOver spec 1.2, 1.4).

Transformations are 16 numbers, column after column. Their lengths are metres or, as the makers' FAQ says, millimetres:
which, the lengths of all translations of the file decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.json_files import form_named, read_json
from concord3d.errors import WrongRelease, nearest
from concord3d.geometry.rigid import Matrix

TYPE_OF_SPLIT = {"train": "train", "val": "validation"}
# Rooms are some metres large, so that translations between scans of one, in metres, have a median far below this.
_LARGEST_METRES = 50.0


@dataclass(frozen=True)
class Moved:
    """An object that moved as a whole.

    Attributes:
        reference_id: Its identifier in the reference scan.
        rescan_id: Its identifier in the rescan.
        transform: (4, 4) between the raw frames of the two scans, lengths in metres.
    """

    reference_id: int
    rescan_id: int
    transform: Matrix


@dataclass(frozen=True)
class Recording:
    """One scan.

    Attributes:
        name: Its identifier.
        space: Identifier of its reference scan.
        reference_from_scan: (4, 4) in metres, or None where it is not known.
        moved: What moved since the reference scan.
    """

    name: str
    space: str
    reference_from_scan: Matrix | None
    moved: tuple[Moved, ...]


def read_recordings(path: Path, split: str) -> list[Recording]:
    """Read the scans of a split: each reference scan, then its rescans, in the order of the file.

    Args:
        path: ``3RScan.json``.
        split: ``train`` or ``val``.

    Raises:
        DatasetMissing: The file is absent.
        UnreadableFile: It is truncated or of another form.
        WrongRelease: A space is of an unknown type.
    """
    spaces = read_json(path)
    with form_named(path):
        types = {str(space["type"]) for space in spaces}
        unknown = sorted(types - {*TYPE_OF_SPLIT.values(), "test"})
        if unknown:
            known = (*TYPE_OF_SPLIT.values(), "test")
            raise WrongRelease(
                f"A space is of an unknown type{nearest(unknown[0], known)}",
                where=path,
                expected=", ".join(known),
                found=unknown[0],
            )
        scale = _metres_per_unit(spaces)
        found = []
        for space in spaces:
            if space["type"] == TYPE_OF_SPLIT[split]:
                reference = str(space["reference"])
                found.append(Recording(reference, reference, np.eye(4), ()))
                found += [_rescan(scan, reference, scale) for scan in space["scans"]]
    return found


def _rescan(scan: dict[str, Any], reference: str, scale: float) -> Recording:
    moved = tuple(
        Moved(int(one["instance_reference"]), int(one["instance_rescan"]), _matrix(one["transform"], scale))
        for one in scan.get("rigid", ())
    )
    transform = scan.get("transform")
    return Recording(str(scan["reference"]), reference, _matrix(transform, scale) if transform else None, moved)


def _matrix(numbers: list[float], scale: float) -> Matrix:
    matrix: NDArray[np.float64] = np.array(numbers, dtype=np.float64).reshape(4, 4, order="F")
    if not np.isfinite(matrix).all() or not np.allclose(matrix[3], [0, 0, 0, 1], atol=1e-4):
        raise ValueError(f"no transformation, column after column: {numbers}")
    matrix[:3, 3] *= scale
    return matrix


def _metres_per_unit(spaces: list[dict[str, Any]]) -> float:
    transforms = [
        entry["transform"]
        for space in spaces
        for scan in space["scans"]
        for entry in (scan, *scan.get("rigid", ()))
        if entry.get("transform")
    ]
    lengths = np.array([np.linalg.norm(_matrix(numbers, 1.0)[:3, 3]) for numbers in transforms])
    lengths = lengths[lengths > 1e-6]
    return 1e-3 if len(lengths) and float(np.median(lengths)) > _LARGEST_METRES else 1.0

"""What readers of scans share: objects, pictures that are kept, and the store of a split (CrossOver spec 1.4 to 1.8).

Shape legend: O objects, F candidate frames, H and W height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.clouds import rng_of
from concord3d.data.scans.cad_models import PlacedModel
from concord3d.data.scans.key_frames import key_frames
from concord3d.data.scans.options import ScanOptions
from concord3d.data.scans.votes import chosen_votes, frame_votes
from concord3d.geometry.mesh import sample_surface


@dataclass(frozen=True)
class Frame:
    """A frame that may be kept.

    Attributes:
        number: Its number in the recording.
        pose: (4, 4) from the camera to the frame of the scan's points, finite.
        mask: Returns (h, w) identifiers of objects in the upright picture, 0 for none; called once.
        picture: Returns its encoded picture; called where the frame is kept.
    """

    number: int
    pose: NDArray[np.float64]
    mask: Callable[[], NDArray[np.integer]]
    picture: Callable[[], bytes]


@dataclass(frozen=True)
class Referral:
    """A sentence about an object, which is named by its identifier in the scan."""

    object_id: int
    text: str


def tracked(pose: NDArray[np.float64]) -> bool:
    """Whether a pose (4, 4) is one: finite, and with a rotation. Scanners write others where they lost track."""
    return bool(np.isfinite(pose).all()) and float(np.linalg.det(pose[:3, :3])) > 0


def frame_columns(
    frames: Sequence[Frame], size: tuple[int, int], object_ids: NDArray[np.int64], options: ScanOptions, name: str
) -> dict[str, Any]:
    """Choose frames by votes and by poses, and read the pictures of those.

    Args:
        frames: F candidates, numbers rising.
        size: H, W of the upright pictures.
        object_ids: (O,) identifiers, rising.
        options: How much is kept.
        name: Of the scan, which decides the first key frame.

    Returns:
        What a :class:`concord3d.data.scans.scan.Scan` says of frames, key frames and votes, by name.
    """
    poses = np.array([frame.pose for frame in frames], dtype=np.float64).reshape(-1, 4, 4)
    seen = {row: frame_votes(frame.mask(), size) for row, frame in enumerate(frames)}
    votes = chosen_votes(seen, object_ids, options.views)
    chosen = key_frames(poses, options.key_frames, rng_of(f"{name} key frames"))
    kept = np.union1d(votes.frames, chosen).astype(np.int64)
    files = [frames[row].picture() for row in kept]
    return {
        "frame_bytes": np.frombuffer(b"".join(files), np.uint8),
        "frame_byte_offsets": np.cumsum([0, *map(len, files)]).astype(np.int64),
        "frame_numbers": np.array([frames[row].number for row in kept], dtype=np.int64),
        "poses": poses[kept],
        "key_frames": np.searchsorted(kept, chosen).astype(np.int64),
        "vote_objects": votes.objects,
        "vote_frames": np.searchsorted(kept, votes.frames).astype(np.int64),
        "vote_boxes": votes.boxes,
        "vote_pixels": votes.pixels,
    }


def cad_columns(models: Mapping[int, PlacedModel], num_points: int) -> dict[str, Any]:
    """Draw points on CAD models, in their own frames.

    Args:
        models: By row of object.
        num_points: C.

    Returns:
        ``cad_objects`` and ``cad_points`` of a scan.

    Raises:
        BadMesh: A model has no area.
    """
    rows = sorted(models)
    clouds = [
        sample_surface(models[row].mesh, num_points, rng_of(models[row].name), models[row].name).points for row in rows
    ]
    return {
        "cad_objects": np.array(rows, dtype=np.int64),
        "cad_points": np.array(clouds, dtype=np.float32).reshape(-1, num_points, 3),
    }


def referral_columns(referrals: Sequence[Referral], object_ids: NDArray[np.int64]) -> tuple[dict[str, Any], int]:
    """Put sentences in the order of their objects.

    Args:
        referrals: In the order of the file.
        object_ids: (O,) identifiers, rising.

    Returns:
        ``referral_objects`` and ``referrals`` of a scan, and how many sentences name an object that it lacks.
    """
    row_of = {int(identifier): row for row, identifier in enumerate(object_ids)}
    known = sorted(
        ((row_of[one.object_id], one.text) for one in referrals if one.object_id in row_of), key=lambda pair: pair[0]
    )
    columns = {
        "referral_objects": np.array([row for row, _ in known], dtype=np.int64),
        "referrals": tuple(text for _, text in known),
    }
    return columns, len(referrals) - len(known)

"""One scan: a recording of one space with its reconstruction, objects, pictures and texts (CrossOver spec 1).

Shape legend: N vertices, O objects, F kept frames, K key frames, A votes, M CAD models, C points of one, R referrals, J
objects that moved since the reference scan, H and W height and width.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import UnreadableFile


@dataclass(frozen=True)
class Scan:
    """One scan. Rows of objects and frames are those of this scan, whether or not it was taken out of a store.

    Attributes:
        name: Identifier of the recording.
        space: Identifier of the space: scans of one space have the same.
        scene_type: What the space is, such as ``Bathroom``; empty where unknown.
        reference: Whether it is the space's first scan, whose frame its rescans are moved to.
        aligned: Whether it lies in the frame of its reference scan; true of a reference.
        points: (N, 3) float32 vertices in metres, z up.
        colors: (N, 3) uint8 RGB as reconstructed.
        instance: (N,) int32 identifier of each vertex's object in the scan, 0 for none.
        object_ids: (O,) int64 identifiers, rising, from 1.
        labels: (O,) int64 class index, -1 for none.
        object_names: O labels in the annotator's words.
        locations: (O, 6) float32 mean and extents of the object's vertices, zeros without vertices.
        cad_objects: (M,) int64 rows of objects, rising.
        cad_points: (M, C, 3) float32 on the surface of each model, in the model's own frame.
        intrinsics: (3, 3) float64 of the pictures as they lie in the files; pixel centres have whole coordinates.
        quarter_turns: Counter-clockwise turns by 90 degrees after which the pictures stand upright.
        frame_bytes: uint8 encoded pictures behind one another, as they lie in the files.
        frame_byte_offsets: (F + 1,) int64 where each picture begins.
        frame_numbers: (F,) int64 number of each frame in its recording, rising.
        poses: (F, 4, 4) float64 from the camera (x right, y down, z forward; before the turn) to the points' frame.
        key_frames: (at most K,) int64 rows of frames in the order in which they were chosen.
        floorplan: (H, W, 3) uint8, or None.
        vote_objects: (A,) int64 rows of objects, rising.
        vote_frames: (A,) int64 rows of frames; of one object those with most pixels first.
        vote_boxes: (A, 4) int32 x0, y0, x1, y1 around the object in the upright picture, the last two exclusive.
        vote_pixels: (A,) int64 pixels of the object's mask.
        referral_objects: (R,) int64 rows of objects, rising.
        referrals: R sentences about them.
        change_ids: (J,) int64 identifiers, in the reference scan, of objects that moved as a whole.
        change_angles: (J,) float32 degrees that each turned.
        change_shifts: (J,) float32 metres that each shifted.
    """

    name: str
    space: str
    scene_type: str
    reference: bool
    aligned: bool
    points: NDArray[np.float32]
    colors: NDArray[np.uint8]
    instance: NDArray[np.int32]
    object_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    object_names: tuple[str, ...]
    locations: NDArray[np.float32]
    cad_objects: NDArray[np.int64]
    cad_points: NDArray[np.float32]
    intrinsics: NDArray[np.float64]
    quarter_turns: int
    frame_bytes: NDArray[np.uint8]
    frame_byte_offsets: NDArray[np.int64]
    frame_numbers: NDArray[np.int64]
    poses: NDArray[np.float64]
    key_frames: NDArray[np.int64]
    floorplan: NDArray[np.uint8] | None
    vote_objects: NDArray[np.int64]
    vote_frames: NDArray[np.int64]
    vote_boxes: NDArray[np.int32]
    vote_pixels: NDArray[np.int64]
    referral_objects: NDArray[np.int64]
    referrals: tuple[str, ...]
    change_ids: NDArray[np.int64]
    change_angles: NDArray[np.float32]
    change_shifts: NDArray[np.float32]

    @property
    def num_objects(self) -> int:
        """O."""
        return len(self.object_ids)

    @property
    def num_frames(self) -> int:
        """F."""
        return len(self.frame_numbers)

    def encoded_picture(self, frame: int) -> bytes:
        """Return the file of one picture.

        Args:
            frame: 0 to F - 1.

        Raises:
            IndexError: There is no such frame.
        """
        if not 0 <= frame < self.num_frames:
            raise IndexError(f"frame {frame} of {self.num_frames}")
        return self.frame_bytes[self.frame_byte_offsets[frame] : self.frame_byte_offsets[frame + 1]].tobytes()

    def picture(self, frame: int) -> NDArray[np.uint8]:
        """Decode one picture and turn it upright.

        Args:
            frame: 0 to F - 1.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            IndexError: There is no such frame.
            UnreadableFile: The picture is damaged.
        """
        picture = decoded(self.encoded_picture(frame), f"frame {frame} of {self.name}")
        return np.ascontiguousarray(np.rot90(picture, self.quarter_turns))

    def object_rows(self) -> NDArray[np.int64]:
        """Return (N,) the row of each vertex's object, -1 for none."""
        if not self.num_objects:
            return np.full(len(self.points), -1, np.int64)
        rows = np.searchsorted(self.object_ids, self.instance).clip(0, self.num_objects - 1)
        return np.where(self.object_ids[rows] == self.instance, rows, -1)


def decoded(content: bytes, where: object) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 RGB of an encoded picture.

    Raises:
        UnreadableFile: The picture is damaged; ``where`` is named.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels: NDArray[Any] = np.asarray(image.convert("RGB"))
            return pixels
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableFile("Cannot decode a picture of a scan", where=where, found=error) from error

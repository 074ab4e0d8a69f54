"""What a frozen picture encoder makes of scans: of objects' crops, of key frames and of floorplans.

Shape legend: S scans, O objects of one scan, K key frames, B pictures, D feature width, s side of the encoder's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from concord3d.data.scans.votes import object_crops
from concord3d.data.stores.scans import ScanSplit
from concord3d.features.efficientnet_adapter import BATCHES, preprocess_at
from concord3d.features.frozen_encoders import PictureEncoder
from concord3d.features.scan_features import ScanPictures, identity_arrays

Picture = NDArray[np.uint8]


class ScanPictureEncoder(Protocol):
    """A frozen encoder of pictures of any size; they are resized to a square."""

    @property
    def dim(self) -> int:
        """D."""
        ...

    def summaries(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """Return (B, D) of (H, W, 3) uint8 pictures."""
        ...

    def frames(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """Return (B, 2 D): the summary of each picture, and another one of its parts."""
        ...


@dataclass(frozen=True)
class MapEncoder:
    """A convolutional encoder, whose map has a feature at each place of the picture.

    It has no class token. The mean over the map takes its place, and the maximum over the map that of the mean over
    the other tokens, which would be the same vector again (CrossOver spec 3.4).

    Attributes:
        encoder: The encoder.
    """

    encoder: PictureEncoder

    @property
    def dim(self) -> int:
        """D."""
        return self.encoder.dim

    def summaries(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """Return (B, D) means over the map."""
        return self.encoder.encode_images(self._squares(pictures))

    def frames(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """Return (B, 2 D): mean and maximum over the map."""
        preprocess, found = preprocess_at(self.encoder.image_size), []
        network: Any = self.encoder.network
        device = next(network.parameters()).device
        with torch.inference_mode():
            for part in torch.from_numpy(self._squares(pictures)).split(BATCHES[device.type]):
                pixels = preprocess.normalize(preprocess.resize(part.to(device)).float() / 255)
                maps = network.forward_features(pixels.contiguous(memory_format=torch.channels_last))
                found.append(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1).cpu().numpy())
        return np.concatenate(found)

    def _squares(self, pictures: Sequence[Picture]) -> Picture:
        """Return (B, s, s, 3) uint8."""
        preprocess = preprocess_at(self.encoder.image_size)
        resized = [preprocess.resize(torch.from_numpy(np.array(picture[None]))) for picture in pictures]
        return torch.cat(resized).permute(0, 2, 3, 1).contiguous().numpy()


def scan_pictures(split: ScanSplit, encoder: ScanPictureEncoder, num_levels: int) -> ScanPictures:
    """Encode the pictures of scans; one scan is in memory at a time, and each of its frames is decoded once.

    Args:
        split: The scans.
        encoder: A frozen encoder.
        num_levels: Levels of the crops of an object.

    Raises:
        UnreadableFile: A picture is damaged.
    """
    num_frames = split.key_frames.shape[1]
    image = np.zeros((len(split.object_ids), encoder.dim), np.float32)
    frames = np.zeros((len(split), num_frames, 2 * encoder.dim), np.float32)
    floorplan = np.zeros((len(split), encoder.dim), np.float32)
    has_image, has_frames = np.zeros(len(image), np.bool_), np.zeros(frames.shape[:2], np.bool_)
    for row in range(len(split)):
        scan, objects = split.scan(row), slice(*split.object_offsets[row : row + 2].tolist())
        sums, shown = np.zeros((scan.num_objects, encoder.dim)), np.zeros(scan.num_objects, np.int64)
        place_of = {frame: place for place, frame in enumerate(scan.key_frames.tolist())}
        for frame in np.union1d(scan.vote_frames, scan.key_frames).tolist():
            votes, picture = np.flatnonzero(scan.vote_frames == frame), scan.picture(frame)
            if len(votes):
                crops = [crop for box in scan.vote_boxes[votes] for crop in object_crops(picture, box, num_levels)]
                found = encoder.summaries(crops).reshape(len(votes), num_levels, -1)
                np.add.at(sums, scan.vote_objects[votes], found.mean(axis=1))
                np.add.at(shown, scan.vote_objects[votes], 1)
            if frame in place_of:
                frames[row, place_of[frame]] = encoder.frames([picture])[0]
        image[objects], has_image[objects] = sums / np.maximum(shown, 1)[:, None], shown > 0
        has_frames[row, : len(scan.key_frames)] = True
        if scan.floorplan is not None:
            floorplan[row] = encoder.summaries([scan.floorplan])[0]
    return ScanPictures(
        **identity_arrays(split),
        image=image,
        has_image=has_image,
        frames=frames,
        has_frames=has_frames,
        floorplan=floorplan,
        has_floorplan=np.array(split.has_floorplan),
    )

"""Aligned towers: a frozen picture encoder and a frozen sentence encoder with a projection between them.

After "locked" image-text tuning (LiT), with both encoders locked. Features of pictures are projections without the
intercept; features of texts are those of the sentence encoder minus the mean text of the training. Both are therefore
centred alike, and a feature never depends on what else is encoded.

Shape legend: B batch, E width of picture features, D width of sentence features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from concord3d.config.validation import validate
from concord3d.features import frozen_encoders
from concord3d.features.frozen_encoders import PictureEncoder, SentenceEncoder
from concord3d.features.projection import Projection
from concord3d.features.tower import TowerSpec
from concord3d.features.tower_config import AlignedTowerConfig, feature_widths
from concord3d.features.tower_file import encoders_header, plain_json, require_encoders, require_fp32
from concord3d.files import read_json, sha256_file
from concord3d.models.weights import load_weights


@dataclass(frozen=True)
class FrozenPair:
    """The two frozen encoders of an aligned tower, each opened at its first use.

    Stored features of pictures need no picture encoder, and features of texts never do.

    Attributes:
        config: Which encoders.
        device: ``auto``, ``cpu`` or ``cuda``.
        weights_folder: Where their weights may lie; None for installed packages and the hub alone.
    """

    config: AlignedTowerConfig
    device: str = "auto"
    weights_folder: Path | None = None

    @cached_property
    def pictures(self) -> PictureEncoder:
        """The picture encoder; see :func:`concord3d.features.frozen_encoders.open_picture_encoder`."""
        side = self.config.pictures
        return frozen_encoders.open_picture_encoder(side.encoder, side.image_size, self.device, self.weights_folder)

    @cached_property
    def texts(self) -> SentenceEncoder:
        """The sentence encoder; see :func:`concord3d.features.frozen_encoders.open_sentence_encoder`."""
        return frozen_encoders.open_sentence_encoder(self.config.texts.encoder, self.device, self.weights_folder)

    @property
    def widths(self) -> tuple[int, int]:
        """E and D."""
        return feature_widths(self.config)

    @cached_property
    def described(self) -> dict[str, Any]:
        """Identities of both encoders and the shape of the projection, as plain JSON."""
        described = {
            "pictures": frozen_encoders.picture_identity(self.config.pictures.encoder, self.config.pictures.image_size),
            "texts": frozen_encoders.sentence_identity(self.config.texts.encoder),
            "projection": self.config.projection.model_dump(),
        }
        return plain_json(described)

    def new_projection(self) -> Projection:
        """Return a projection of the configured shape with random weights, drawn from torch's global generator."""
        return Projection(*self.widths, self.config.projection.hidden_width)

    def header(self) -> dict[str, str]:
        """Return the header entry of a projection between these encoders."""
        return encoders_header(self.described)


class AlignedTower:
    """Two frozen encoders with a projection; see :func:`concord3d.features.open_tower.open_tower`.

    Args:
        pair: The encoders.
        projection: The projection with its weights.
        weights_sha256: Digest of the projection's file.
    """

    def __init__(self, pair: FrozenPair, projection: Projection, weights_sha256: str) -> None:
        self._pair, self._projection = pair, projection
        self.dim = pair.widths[1]
        self.image_size = pair.config.pictures.image_size
        described = pair.described
        projected = {"shape": described["projection"], "weights_sha256": weights_sha256}
        self.identity: dict[str, Any] = {**described, "projection": projected}

    @classmethod
    def open(cls, spec: TowerSpec, device: str, weights_folder: Path | None) -> AlignedTower:
        """Build a tower from its specification; what lacks for an encoder shows when something is encoded by it.

        Raises:
            ConfigError: The configuration is not one of an aligned tower, or half precision is asked for.
            TowerMismatch: The projection was trained between other encoders, or has another shape.
            TowerWeightsMissing: There is no file of the projection.
            CheckpointCorrupt: The file of the projection cannot be read, or is none.
        """
        require_fp32(spec)
        config = validate(AlignedTowerConfig, read_json(Path(spec.model)), Path(spec.model))
        pair, path = FrozenPair(config, device, weights_folder), Path(spec.weights)
        return cls(pair, open_projection(pair, path), sha256_file(path))

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised, of (B, H, W, C) uint8 pictures, C = 3 or 1 (repeated).

        Raises:
            BadPictures: Another form of array.
            TowerWeightsMissing: The weights of the picture encoder are not there.
        """
        return self.project(self._pair.pictures.encode_images(images))

    def project(self, pictures: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised, of pictures by their (B, E) features from the picture encoder."""
        features = torch.from_numpy(np.asarray(pictures, np.float32)).to(self._projection.mean.device)
        with torch.inference_mode():
            projected: NDArray[np.float32] = self._projection(features).cpu().numpy()
        return projected

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised; of a long text only the beginning is read.

        Raises:
            BadText: A text holds nothing to read.
            TowerWeightsMissing: The weights of the sentence encoder are not there.
        """
        centred: NDArray[np.float32] = self._pair.texts.encode_texts(texts) - self._projection.text_mean.cpu().numpy()
        return centred


def open_projection(pair: FrozenPair, path: Path) -> Projection:
    """Read the projection between two frozen encoders, in evaluation mode on the CPU.

    Args:
        pair: The encoders.
        path: Weights of the projection.

    Raises:
        TowerMismatch: It was trained between other encoders, or has another shape.
        TowerWeightsMissing: There is no such file.
        CheckpointCorrupt: The file cannot be read, or is no projection.
    """
    require_encoders(path, pair.described)
    projection = pair.new_projection()
    load_weights(projection, path)
    return projection.eval()

"""Aligned towers: a frozen picture encoder and a frozen sentence encoder with a projection between them.

After "locked" image-text tuning (LiT), with both encoders locked. Features of pictures are projections without the
intercept; features of texts are those of the sentence encoder minus the mean text of the training. Both are therefore
centred alike, and a feature never depends on what else is encoded.

Shape legend: B batch, D width of sentence features.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from concord3d.config.validation import validate
from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.features import frozen_encoders
from concord3d.features.frozen_encoders import PictureEncoder, SentenceEncoder
from concord3d.features.projection import Projection
from concord3d.features.tower import TowerMismatch, TowerSpec, TowerWeightsMissing
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.files import canonical_json, differing_keys, read_json, sha256_file
from concord3d.models.weights import load_weights, read_tensors

# Header entry of a projection: the encoders that it was trained between, and its shape.
ENCODERS_ENTRY = "aligned_encoders"


@dataclass(frozen=True)
class FrozenPair:
    """The two frozen encoders of an aligned tower.

    Attributes:
        config: What they were opened from.
        pictures: The picture encoder.
        texts: The sentence encoder.
    """

    config: AlignedTowerConfig
    pictures: PictureEncoder
    texts: SentenceEncoder

    @classmethod
    def open(cls, config: AlignedTowerConfig, device: str = "auto", weights_folder: Path | None = None) -> FrozenPair:
        """Open both encoders; see :mod:`concord3d.features.frozen_encoders` for what it raises."""
        pictures, texts = config.pictures, config.texts
        return cls(
            config,
            frozen_encoders.open_picture_encoder(pictures.encoder, pictures.image_size, device, weights_folder),
            frozen_encoders.open_sentence_encoder(texts.encoder, device, weights_folder),
        )

    @property
    def described(self) -> dict[str, Any]:
        """Identities of both encoders and the shape of the projection, as plain JSON."""
        described = {
            "pictures": self.pictures.identity,
            "texts": self.texts.identity,
            "projection": self.config.projection.model_dump(),
        }
        plain: dict[str, Any] = json.loads(canonical_json(described))
        return plain

    def new_projection(self) -> Projection:
        """Return a projection of the configured shape with random weights, drawn from torch's global generator."""
        return Projection(self.pictures.dim, self.texts.dim, self.config.projection.hidden_width)

    def header(self) -> dict[str, str]:
        """Return the header entry of a projection between these encoders."""
        return {ENCODERS_ENTRY: canonical_json(self.described)}


class AlignedTower:
    """Two frozen encoders with a projection; see :func:`concord3d.features.open_tower.open_tower`.

    Args:
        pair: The encoders.
        projection: The projection with its weights.
        weights_sha256: Digest of the projection's file.
    """

    def __init__(self, pair: FrozenPair, projection: Projection, weights_sha256: str) -> None:
        self._pair, self._projection = pair, projection
        self.dim = pair.texts.dim
        self.image_size = pair.pictures.image_size
        described = pair.described
        projected = {"shape": described["projection"], "weights_sha256": weights_sha256}
        self.identity: dict[str, Any] = {**described, "projection": projected}

    @classmethod
    def open(cls, spec: TowerSpec, device: str, weights_folder: Path | None) -> AlignedTower:
        """Build a tower from its specification.

        Raises:
            ConfigError: The configuration is not one of an aligned tower, or half precision is asked for.
            TowerMismatch: The projection was trained between other encoders, or has another shape.
            TowerWeightsMissing: There is no file of the projection, or an encoder's weights are not there.
            CheckpointCorrupt: The file of the projection cannot be read, or is none.
        """
        if spec.precision != "fp32":
            raise ConfigError("Aligned towers compute in fp32", where=spec.model, found=spec.precision)
        path = Path(spec.weights)
        _require_file(path)
        config = validate(AlignedTowerConfig, read_json(Path(spec.model)), Path(spec.model))
        pair = FrozenPair.open(config, device, weights_folder)
        return cls(pair, open_projection(pair, path), sha256_file(path))

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised, of (B, H, W, C) uint8 pictures, C = 3 or 1 (repeated).

        Raises:
            BadPictures: Another form of array.
        """
        features = torch.from_numpy(self._pair.pictures.encode_images(images))
        with torch.inference_mode():
            projected: NDArray[np.float32] = self._projection(features.to(self._device)).cpu().numpy()
        return projected

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised; of a long text only the beginning is read.

        Raises:
            BadText: A text holds nothing to read.
        """
        centred: NDArray[np.float32] = self._pair.texts.encode_texts(texts) - self._projection.text_mean.cpu().numpy()
        return centred

    @property
    def _device(self) -> torch.device:
        return self._projection.mean.device


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
    _require_file(path)
    _, header = read_tensors(path)
    _check_encoders(path, header, pair.described)
    projection = pair.new_projection()
    load_weights(projection, path)
    return projection.eval()


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise TowerWeightsMissing(
            "The projection of an aligned tower does not exist",
            where=path,
            next_step="correct 'weights', or make the file: the tower step trains it",
        )


def _check_encoders(path: Path, header: Mapping[str, str], described: Mapping[str, Any]) -> None:
    if ENCODERS_ENTRY not in header:
        raise CheckpointCorrupt(
            "Not the projection of an aligned tower",
            where=path,
            expected=f"a header entry '{ENCODERS_ENTRY}'",
            found=sorted(header),
            next_step="use the file 'projection' of the tower's training",
        )
    differing = differing_keys(json.loads(header[ENCODERS_ENTRY]), described)
    if differing:
        raise TowerMismatch(
            "The projection was trained between other encoders",
            where=path,
            expected={key: pair[0] for key, pair in differing.items()},
            found={key: pair[1] for key, pair in differing.items()},
            next_step="use the configuration that it was trained with, or train the tower again",
        )

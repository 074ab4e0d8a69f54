"""Patch towers: a picture encoder with patch tokens, trained in the space of a frozen sentence encoder.

Features of pictures stand for sentences minus the mean text of the training, as those of aligned towers do
(:mod:`concord3d.features.aligned_tower`). Other trainings take the picture side further: it has a mask token, and says
what each patch is.

Shape legend: B batch, H and W image height and width, C channels, s side of the encoder's input, g patches per side,
D width of sentence features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.config.validation import validate
from concord3d.features import frozen_encoders
from concord3d.features.efficientnet_adapter import preprocess_at
from concord3d.features.frozen_encoders import SentenceEncoder
from concord3d.features.open_clip_adapter import resolve_device
from concord3d.features.preprocess import Preprocess
from concord3d.features.tower import TowerSpec, check_pictures
from concord3d.features.tower_config import PatchTowerConfig, encoder_checksums
from concord3d.features.tower_file import encoders_header, plain_json, require_encoders, require_fp32
from concord3d.files import read_json, sha256_file
from concord3d.models.hybrid_vit import HybridViT, TokenFeatures
from concord3d.models.weights import load_weights, read_tensors, size_in

# Pictures that pass through the blocks together.
BATCH = 64


class PatchEncoder(nn.Module):
    """The picture side of a patch tower: what is trained, and saved.

    Args:
        vit: Trunk and transformer.

    Attributes:
        vit: The same.
        text_mean: (D,) mean of the training objects' text features, which texts are measured from.
    """

    text_mean: Tensor

    def __init__(self, vit: HybridViT) -> None:
        super().__init__()
        self.vit = vit
        self.register_buffer("text_mean", torch.zeros(vit.out_dim))

    def forward(self, pixels: Tensor, mask: Tensor | None = None) -> TokenFeatures:
        """Encode (B, 3, s, s) normalised pixels; see :meth:`concord3d.models.hybrid_vit.HybridViT.forward`."""
        features: TokenFeatures = self.vit(pixels, mask)
        return features


@dataclass(frozen=True)
class PatchTowerParts:
    """What a patch tower consists of besides the weights that are trained.

    Attributes:
        config: What it is opened from.
        texts: The frozen sentence encoder.
    """

    config: PatchTowerConfig
    texts: SentenceEncoder

    @classmethod
    def open(
        cls, config: PatchTowerConfig, device: str = "auto", weights_folder: Path | None = None
    ) -> PatchTowerParts:
        """Open the sentence encoder; see :mod:`concord3d.features.frozen_encoders` for what it raises."""
        return cls(config, frozen_encoders.open_sentence_encoder(config.texts.encoder, device, weights_folder))

    @property
    def preprocess(self) -> Preprocess:
        """What happens to pictures before the trunk sees them."""
        return preprocess_at(self.config.trunk.image_size)

    @property
    def described(self) -> dict[str, Any]:
        """The trunk with the release that it starts from, the shape of the tokens, and the texts, as plain JSON."""
        trunk = self.config.trunk.encoder
        return plain_json(
            {
                "trunk": {
                    "encoder": trunk,
                    "release_sha256": encoder_checksums(self.config)[trunk],
                    "preprocess": self.preprocess.to_config(),
                },
                "tokens": self.config.tokens.model_dump(),
                "texts": self.texts.identity,
            }
        )

    def new_encoder(self, weights_folder: Path | None = None, dropout: float = 0.0) -> PatchEncoder:
        """Return the picture side as a training starts: the trunk's release below random weights.

        The latter are drawn from torch's global generator.

        Args:
            weights_folder: See :func:`concord3d.features.frozen_encoders.open_trunk`, also for what it raises.
            dropout: Of the transformer.
        """
        trunk = frozen_encoders.open_trunk(self.config.trunk.encoder, weights_folder)
        return PatchEncoder(hybrid_vit(self.config, trunk, self.texts.dim, dropout))

    def header(self) -> dict[str, str]:
        """Return the header entry of the weights of such a picture side."""
        return encoders_header(self.described)


def hybrid_vit(config: PatchTowerConfig, trunk: Any, out_dim: int, dropout: float = 0.0) -> HybridViT:
    """Return the transformer of a configuration above a trunk, with random weights.

    Args:
        config: The tower.
        trunk: Module with the attributes ``channels`` and ``patch_size``.
        out_dim: D.
        dropout: Of the transformer.
    """
    shape = config.tokens.model_dump()
    return HybridViT(trunk, trunk.channels, trunk.patch_size, **shape, out_dim=out_dim, dropout=dropout)


def saved_encoder(config: PatchTowerConfig, path: Path) -> PatchEncoder:
    """Return the picture side that a training saved, in evaluation mode; no release is looked for.

    Args:
        config: The tower.
        path: File of its weights.

    Raises:
        CheckpointCorrupt: The file cannot be read or does not fit the configuration.
        DependencyMissing: timm is not installed.
    """
    out_dim = size_in(read_tensors(path)[0], "text_mean", path)
    with torch.random.fork_rng():
        encoder = PatchEncoder(hybrid_vit(config, frozen_encoders.new_trunk(config.trunk.encoder), out_dim))
    load_weights(encoder, path)
    return encoder.eval()


class PatchTower:
    """A patch tower as a frozen pair; see :func:`concord3d.features.open_tower.open_tower`.

    Args:
        parts: Configuration and sentence encoder.
        encoder: The picture side with its weights, in evaluation mode.
        weights_sha256: Digest of its file.
        masks: Gives (B, g, g) bool masks of patches to hide for B and g; None hides nothing.
    """

    def __init__(
        self,
        parts: PatchTowerParts,
        encoder: PatchEncoder,
        weights_sha256: str,
        masks: Callable[[int, int], Tensor] | None = None,
    ) -> None:
        self._parts, self._encoder, self._masks = parts, encoder, masks
        self.dim, self.image_size = parts.texts.dim, parts.config.trunk.image_size
        self.identity: dict[str, Any] = {**parts.described, "weights_sha256": weights_sha256}

    @classmethod
    def open(cls, spec: TowerSpec, device: str, weights_folder: Path | None) -> PatchTower:
        """Build a tower from its specification.

        Raises:
            ConfigError: The configuration is not one of a patch tower, or half precision is asked for.
            TowerMismatch: The weights were trained with other encoders, or have another shape.
            TowerWeightsMissing: There is no file of the weights, or the sentence encoder's are not there.
            CheckpointCorrupt: The file of the weights cannot be read, or is none.
        """
        require_fp32(spec)
        config = validate(PatchTowerConfig, read_json(Path(spec.model)), Path(spec.model))
        path, target = Path(spec.weights), resolve_device(device)
        parts = PatchTowerParts.open(config, device, weights_folder)
        require_encoders(path, parts.described)
        return cls(parts, saved_encoder(config, path).to(target), sha256_file(path))

    @torch.inference_mode()
    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised, of (B, H, W, C) uint8 pictures, C = 3 or 1 (repeated).

        Raises:
            BadPictures: Another form of array.
        """
        check_pictures(images)
        preprocess, features = self._parts.preprocess, np.empty((len(images), self.dim), np.float32)
        for start in range(0, len(images), BATCH):
            rows = slice(start, start + BATCH)
            pixels = torch.from_numpy(np.ascontiguousarray(images[rows])).to(self._device)
            ready = preprocess.normalize(preprocess.resize(pixels).float() / 255)
            mask = self._mask(len(ready))
            features[rows] = self._encoder(ready, mask).pooled.cpu().numpy()
        return features

    def _mask(self, count: int) -> Tensor | None:
        if self._masks is None:
            return None
        return self._masks(count, self.image_size // self._encoder.vit.patch_size).to(self._device)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (B, D) features, not normalised; of a long text only the beginning is read.

        Raises:
            BadText: A text holds nothing to read.
        """
        centred: NDArray[np.float32] = self._parts.texts.encode_texts(texts) - self._encoder.text_mean.cpu().numpy()
        return centred

    @property
    def _device(self) -> torch.device:
        return self._encoder.text_mean.device

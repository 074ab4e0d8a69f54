"""A point encoder with all that its use needs besides the module.

Shape legend: S clouds, P points per cloud, N points that the encoder takes, D feature width, C classes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from concord3d.errors import EvaluationError
from concord3d.features.cache import text_features
from concord3d.features.cloud_form import CloudForm, Layer
from concord3d.features.clouds import cloud_channels, extract_features
from concord3d.features.open_clip_adapter import resolve_device
from concord3d.features.open_tower import open_tower
from concord3d.features.prompts import all_class_prompts, class_features
from concord3d.features.stored import open_features
from concord3d.features.tower import TowerSpec


@dataclass(frozen=True)
class PretrainedEncoder:
    """A point encoder, and what it was trained with.

    Attributes:
        name: As it was asked for.
        module: Maps (B, N, 3 or 6) float32 to (B, D); its ``in_channels`` says which, 3 where it does not say.
        run: Resolved configuration of its training; of a user's own module what stands for it.
        origin: Where it comes from, in words.
        weights: The file of its weights; None for a user's own module.
        sha256: Checksum of that file.
        tower: The frozen tower that it is aligned with, if any.
        tower_folder: Where weights of released towers lie.
        protocols: Settings of the protocols that its paper evaluates it by, by protocol.
    """

    name: str
    module: nn.Module
    run: Mapping[str, Any]
    origin: str
    weights: Path | None = None
    sha256: str | None = None
    tower: TowerSpec | None = None
    tower_folder: Path | None = None
    protocols: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def num_points(self) -> int:
        """N of its training."""
        return int(self.run["data"]["num_points"])

    def num_points_for(self, protocols: Sequence[str] = ()) -> int:
        """Return the points per cloud that the encoder reads, and these protocols as its paper has them."""
        asked = [self.protocols.get(name, {}).get("num_points") or 0 for name in protocols]
        return max(self.num_points, *asked, 0)

    @property
    def num_channels(self) -> int:
        """3 for coordinates, 6 for coordinates and colour."""
        return cloud_channels(self.module)

    @property
    def is_aligned(self) -> bool:
        """Whether its features lie in the space of a tower, so that sentences can be compared with them."""
        return self.run["data"].get("tower") is not None or self.speaks

    @property
    def speaks(self) -> bool:
        """Whether the module of a user encodes texts itself."""
        return hasattr(self.module, "encode_texts")

    def require_tower(self) -> None:
        """Refuse an encoder with which no texts can be compared.

        Raises:
            EvaluationError: It is aligned with no tower that is known, and encodes no texts itself.
        """
        if self.tower is None and not self.speaks:
            raise EvaluationError(
                "Names of classes say nothing to this encoder: it is aligned with no tower",
                where=self.name,
                expected="an encoder that was aligned with a tower, or a module of yours with encode_texts",
                next_step="use linear_probe, knn or retrieval, which need no names",
            )

    def embed(
        self,
        points: NDArray[np.float32],
        colors: NDArray[np.uint8] | None = None,
        num_points: int | None = None,
        batch_size: int = 32,
        device: str = "cpu",
        layer: Layer = "output",
    ) -> NDArray[np.float32]:
        """Encode clouds: the first N points of each, as the protocols of its paper do.

        Encoders that are aligned with a tower get them centred and in the unit sphere, all others as they are.

        Args:
            points: (S, P, 3), y up, zero-mean in the unit sphere, P at least N.
            colors: (S, P, 3) uint8, or None, which is grey to an encoder of six channels. Others do not read them.
            num_points: N; None for that of the training.
            batch_size: Clouds per forward pass.
            device: ``cpu``, ``cuda`` or ``auto``.
            layer: ``output``, or ``backbone`` for the features before the projection into a tower's space.

        Returns:
            (S, D) float32.

        Raises:
            BadCloud: No clouds, fewer points than asked, or coordinates that are not finite.
            ConfigError: A GPU is asked for and there is none.
            EvaluationError: The encoder lacks the layer, or returned no finite (S, D).
        """
        asked, clouds = num_points or self.num_points, np.asarray(points, dtype=np.float32)
        form = CloudForm(normalise=self.is_aligned and not self.speaks, layer=layer)
        where = str(resolve_device(device))
        return extract_features(self.module, clouds, asked, batch_size, where, colors, form)

    def class_features(self, class_names: Sequence[str], device: str = "cpu") -> NDArray[np.float32]:
        """Return what the tower says of names of classes: the mean over 64 sentences of each (MM-Mixing spec 5.1).

        Args:
            class_names: C names; underscores stand for spaces.
            device: Torch device.

        Returns:
            (C, D) float32.

        Raises:
            EvaluationError: The encoder is aligned with no tower.
            TowerError: The tower's weights are absent, or do not belong to it.
        """
        self.require_tower()
        if self.tower is None:
            return class_features(_OwnTexts(self.module), class_names)
        tower = open_tower(self.tower, device, self.tower_folder)
        # By way of stored features, which have half precision: the pipeline compares with these.
        with tempfile.TemporaryDirectory() as folder:
            index = Path(folder) / "classes.json"
            text_features(all_class_prompts(class_names), tower, Path(folder) / "store", index)
            return class_features(open_features(index, tower.identity), class_names)


@dataclass(frozen=True)
class _OwnTexts:
    """The texts of a user's own module."""

    module: Any

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.asarray(self.module.encode_texts(list(texts)), dtype=np.float32)

"""Objects of scans in a space that pictures, clouds and texts share, by the features that frozen encoders have of them.

Shape legend: B scans, N objects, D_m width of the features of modality m, D width of the tower's space.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.config.validation import validate
from concord3d.errors import ConfigError
from concord3d.features.aligned_tower import FrozenPair, open_projection
from concord3d.features.projection import Projection
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.models.scan_encoder_forms import OBJECT_MODALITIES
from concord3d.models.weights import size_in

FLOORPLAN = "floorplan"


class ObjectProjections(nn.Module):
    """Pictures through the tower's projection, sentences less its mean text, point features as they are.

    The point encoder must have been aligned with the same tower: its features lie in the tower's space already. The
    mean of an object's features is projected, which for a linear projection is nearly the mean of the projections.

    Args:
        projection: The tower's.

    Attributes:
        out_dim: D.
        modalities: What it has vectors of.

    Source: the object averages of ULIP-2 and Point-Bind (CrossOver spec 0 and 6).
    """

    def __init__(self, projection: Projection) -> None:
        super().__init__()
        self.projection = projection
        self.out_dim = len(projection.text_mean)
        self.modalities = OBJECT_MODALITIES
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> ObjectProjections:
        """Stay as it is: nothing here is trained."""
        return super().train(False)

    def forward(
        self, features: Mapping[str, Tensor], present: Mapping[str, Tensor], locations: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return (B, N, D) unit vectors by modality; those of missing ones mean nothing.

        Args:
            features: (B, N, D_m) by modality: ``image``, ``point``, ``cad``, ``referral``.
            present: As of any encoder of objects; not looked at.
            locations: Not looked at.

        Raises:
            ConfigError: Features of another width than the tower's or its point encoder's.
        """
        return {
            name: functional.normalize(self._in_space(name, features[name]), dim=-1)
            for name in self.modalities
            if name in features
        }

    def pictures(self, features: Tensor) -> Tensor:
        """Return (B, D) unit vectors of (B, D_image) features of any pictures, such as those of floorplans."""
        return functional.normalize(self._in_space("image", features), dim=-1)

    def _in_space(self, name: str, features: Tensor) -> Tensor:
        expected = len(self.projection.mean) if name == "image" else self.out_dim
        if features.shape[-1] != expected:
            raise ConfigError(
                f"Features of '{name}' do not lie in the space of the tower",
                expected=f"width {expected}",
                found=f"width {features.shape[-1]}",
                next_step="use the tower's own encoders, and a point encoder that was aligned with it",
            )
        if name == "image":
            projected: Tensor = self.projection(features.flatten(0, -2)).view(*features.shape[:-1], self.out_dim)
            return projected
        return features - self.projection.text_mean if name == "referral" else features


class GivenProjections(nn.Module):
    """Features that lie in one space as they are given, such as those of ULIP-2 or Point-Bind.

    Args:
        out_dim: D.

    Attributes:
        out_dim: D.
        modalities: What it has vectors of.

    Source: the object averages of ULIP-2 and Point-Bind (CrossOver spec 0 and 6).
    """

    def __init__(self, out_dim: int) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.modalities = OBJECT_MODALITIES
        # A file of weights says by it what it is.
        self.register_buffer("width", torch.tensor([out_dim]))

    def forward(
        self, features: Mapping[str, Tensor], present: Mapping[str, Tensor], locations: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return (B, N, D) unit vectors by modality; arguments and errors as of :class:`ObjectProjections`."""
        return {name: self._unit(name, features[name]) for name in self.modalities if name in features}

    def pictures(self, features: Tensor) -> Tensor:
        """Return (B, D) unit vectors of (B, D) features of any pictures, such as those of floorplans."""
        return self._unit("image", features)

    def _unit(self, name: str, features: Tensor) -> Tensor:
        if features.shape[-1] != self.out_dim:
            raise ConfigError(
                f"Features of '{name}' have another width than the space that they shall lie in",
                expected=f"width {self.out_dim}, the out_dim of the encoder",
                found=f"width {features.shape[-1]}",
                next_step="give the features of one model for pictures, texts and points",
            )
        return functional.normalize(features, dim=-1)


class CentredProjections(nn.Module):
    """Vectors less the mean that those of their modality have over the training scans, brought to unit length again.

    What all objects have in common, and what all vectors of one modality have, says nothing of an object.

    Args:
        projections: What the vectors come from.
        centres: (D,) mean by modality, ``floorplan`` among them; of one that is not named nothing is taken.

    Attributes:
        out_dim: D.
        modalities: What it has vectors of.
    """

    def __init__(self, projections: ObjectProjections, centres: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.projections = projections
        self.out_dim, self.modalities = projections.out_dim, projections.modalities
        for name in (*OBJECT_MODALITIES, FLOORPLAN):
            self.register_buffer(f"centre_{name}", centres.get(name, torch.zeros(self.out_dim)))

    def forward(
        self, features: Mapping[str, Tensor], present: Mapping[str, Tensor], locations: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return (B, N, D) unit vectors by modality; arguments and errors as of :class:`ObjectProjections`."""
        found = self.projections(features, present, locations)
        return {name: self._centred(name, vectors) for name, vectors in found.items()}

    def pictures(self, features: Tensor) -> Tensor:
        """Return (B, D) unit vectors of (B, D_image) features of floorplans."""
        return self._centred(FLOORPLAN, self.projections.pictures(features))

    def _centred(self, name: str, vectors: Tensor) -> Tensor:
        return functional.normalize(vectors - getattr(self, f"centre_{name}"), dim=-1)


def tower_projections(
    encoder: Mapping[str, Any], weights: Path, device: str, weights_folder: Path | None
) -> ObjectProjections:
    """Take the projection of the training of an aligned tower.

    Args:
        encoder: The ``encoder`` section of that training.
        weights: Its projection.
        device: ``auto``, ``cpu`` or ``cuda``.
        weights_folder: Where the weights of frozen encoders may lie, or None.

    Raises:
        TowerMismatch: The projection was trained between other encoders.
        TowerWeightsMissing: The file is not there.
        CheckpointCorrupt: The file cannot be read.
    """
    config = validate(AlignedTowerConfig, dict(encoder), "tower")
    return ObjectProjections(open_projection(FrozenPair(config, device, weights_folder), weights))


def empty_projections(tensors: Mapping[str, Tensor], weights: Path, prefix: str = "") -> ObjectProjections:
    """Return projections that weights of a training fit, before they are loaded.

    Args:
        tensors: The weights.
        weights: Their file, for messages.
        prefix: What the names of the tensors begin with.

    Raises:
        CheckpointCorrupt: They are no projections.
    """
    start = f"{prefix}projection"
    picture_dim, text_dim = (size_in(tensors, f"{start}.{name}", weights) for name in ("mean", "text_mean"))
    bias = tensors.get(f"{start}.hidden.0.bias")
    return ObjectProjections(Projection(picture_dim, text_dim, None if bias is None else len(bias)))

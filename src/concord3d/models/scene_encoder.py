"""Whole scans in one space, whatever is known of them: the unified encoders of CrossOver.

Shapes: B scans, N objects, K frames, P_i points of scan i, D width of the shared space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from concord3d.errors import ConfigError
from concord3d.models.factory import build_point_encoder
from concord3d.models.heads import UnitHead
from concord3d.models.instance_encoder import InstanceEncoder
from concord3d.models.mink_unet import MinkUNet
from concord3d.models.scan_encoder_forms import FUSED, SceneEncoderForm
from concord3d.models.scene_fusion import SceneFusion, masked_mean
from concord3d.models.scene_resnet import scan_means
from concord3d.models.sparse_conv import SparseTensor

# What a batch norm needs.
_LEAST_SCANS = 2
_MIDDLE = 0.5


class Objects(Protocol):
    """Objects of scans; see :class:`concord3d.batches.scan_objects.ScanObjectBatch`."""

    @property
    def features(self) -> Mapping[str, Tensor]: ...

    @property
    def present(self) -> Mapping[str, Tensor]: ...

    @property
    def locations(self) -> Mapping[str, Tensor]: ...


class Scenes(Protocol):
    """Whole scans; see :class:`concord3d.batches.scan_scenes.ScanSceneBatch`."""

    @property
    def objects(self) -> Objects: ...

    @property
    def points(self) -> Sequence[Tensor]: ...

    @property
    def colors(self) -> Sequence[Tensor]: ...

    @property
    def has_points(self) -> Tensor: ...

    @property
    def pictures(self) -> Tensor: ...

    @property
    def has_pictures(self) -> Tensor: ...

    @property
    def floorplan(self) -> Tensor: ...

    @property
    def has_floorplan(self) -> Tensor: ...

    @property
    def referral(self) -> Tensor: ...

    @property
    def has_referral(self) -> Tensor: ...


class SceneEncoder(nn.Module):
    """Encoders of referrals, of pictures and of points, and the fusion of all that is known of the objects.

    Args:
        form: All sizes and switches.

    Attributes:
        form: The same.
        instance: The encoder of objects inside; who trains the others freezes it.

    Source: CrossOver spec 3.3 and 3.4.
    """

    def __init__(self, form: SceneEncoderForm) -> None:
        super().__init__()
        self.form = form
        self.instance = InstanceEncoder(form.instance)
        width = form.instance.shape.out_dim
        self.fusion = SceneFusion(width, form.fusion)
        if form.fused_only:
            return
        half = max(1, width // 2)
        self.referral_head = UnitHead(form.referral, half, width)
        middle = form.floorplan
        self.frames = nn.Sequential(nn.Linear(form.pictures, middle), nn.GELU(), nn.Linear(middle, middle))
        self.picture_head = UnitHead(middle, half, width)
        points: Any = build_point_encoder(form.shape.points)
        self.points, features = points, int(points.feature_dim)
        self.point_head = UnitHead(features, max(1, features // 2), width)

    @property
    def modalities(self) -> tuple[str, ...]:
        """What it has vectors of, ``fused`` last."""
        return self.form.modalities

    def forward(self, scenes: Scenes) -> dict[str, Tensor]:
        """Return (B, D) unit vectors of every modality; see :meth:`present`."""
        objects = self.instance_vectors(scenes.objects)
        return {name: self._vectors(name, scenes, objects) for name in self.modalities}

    def encode(self, modality: str, scenes: Scenes) -> Tensor:
        """Return (B, D) unit vectors of one modality; those of scans that lack it mean nothing.

        Raises:
            ConfigError: It has no such modality.
        """
        if modality not in self.modalities:
            raise ConfigError("Unknown modality of scans", expected=", ".join(self.modalities), found=modality)
        needs_objects = modality == FUSED or self.form.fused_only
        objects = self.instance_vectors(scenes.objects) if needs_objects else {}
        return self._vectors(modality, scenes, objects)

    def present(self, scenes: Scenes) -> dict[str, Tensor]:
        """Return (B,) bool by modality: which scans have it; in training a single cloud of points is not encoded."""
        of_objects = {name: scenes.objects.present[name].any(1) for name in self._known(scenes.objects)}
        found = {
            "image": scenes.has_pictures.any(1),
            "point": scenes.has_points & self._sees_points(scenes),
            "referral": scenes.has_referral,
            "floorplan": scenes.has_floorplan,
        }
        nowhere = torch.zeros_like(scenes.has_referral)
        found = {name: of_objects.get(name, nowhere) for name in self.modalities} if self.form.fused_only else found
        return {**found, FUSED: torch.stack([nowhere, *of_objects.values()]).any(0)}

    def instance_vectors(self, objects: Objects) -> dict[str, Tensor]:
        """Return (B, N, D) unit vectors of the objects by modality; without gradients where the encoder is frozen."""
        is_trained = any(parameter.requires_grad for parameter in self.instance.parameters())
        with torch.set_grad_enabled(torch.is_grad_enabled() and is_trained):
            vectors: dict[str, Tensor] = self.instance(objects.features, objects.present, objects.locations)
        return vectors

    def fused(self, vectors: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """Return the (B, D) fused vectors of what :meth:`instance_vectors` says, or of some modalities of it alone."""
        result: Tensor = self.fusion(vectors, present)
        return result

    def _known(self, objects: Objects) -> list[str]:
        return [name for name in self.instance.modalities if name in objects.features]

    def _vectors(self, name: str, scenes: Scenes, objects: Mapping[str, Tensor]) -> Tensor:
        if name == FUSED:
            return self.fused(objects, scenes.objects.present)
        if self.form.fused_only:
            present = scenes.objects.present
            if name in objects:
                return self.fused({name: objects[name]}, present)
            some = next(iter(objects.values()))
            return self.fused({name: torch.zeros_like(some)}, {name: torch.zeros_like(some[..., 0], dtype=torch.bool)})
        if name == "referral":
            referral: Tensor = self.referral_head(scenes.referral)
            return referral
        if name == "point":
            points: Tensor = self.point_head(self._point_features(scenes))
            return points
        pictures: Tensor = self.picture_head(
            self._frame_features(scenes) if name == "image" else self._floorplan_features(scenes)
        )
        return pictures

    def _frame_features(self, scenes: Scenes) -> Tensor:
        return masked_mean(self.frames(scenes.pictures), scenes.has_pictures)

    def _floorplan_features(self, scenes: Scenes) -> Tensor:
        """Return (B, D_F); as a frame, the pooled features stand for the mean of the map that is not stored."""
        if self.form.floorplan_path == "head":
            return scenes.floorplan
        doubled: Tensor = self.frames(torch.cat([scenes.floorplan, scenes.floorplan], 1))
        return doubled

    def _sees_points(self, scenes: Scenes) -> bool:
        """Tell whether there are points, in training of as many scans as statistics of a batch need."""
        return int(scenes.has_points.sum()) >= (_LEAST_SCANS if self.training else 1)

    def _point_features(self, scenes: Scenes) -> Tensor:
        """Return (B, C); zeros of scans whose points are not seen."""
        if not self._sees_points(scenes):
            # Every parameter takes part in every loss: several processes would else wait for each other.
            idle = sum(parameter.sum() for parameter in self.points.parameters())
            return 0 * idle + scenes.referral.new_zeros(len(scenes.points), int(self.points.feature_dim))
        clouds = [
            torch.cat([points, colors - _MIDDLE], 1)[: len(points) if known else 0]
            for points, colors, known in zip(scenes.points, scenes.colors, scenes.has_points.tolist(), strict=True)
        ]
        if isinstance(self.points, MinkUNet):
            voxels, features = self.points.encode(clouds)
            return scan_means(SparseTensor(voxels.coordinates, features), len(clouds))
        encoded: Tensor = self.points(clouds)
        return encoded

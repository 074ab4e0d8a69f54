"""InfoNCE between what is known of the same scan (Eq. 3 and 5, CrossOver spec 4).

Shape legend: B scans, N objects, D width of the shared space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from concord3d.batches.scan_scenes import ScanSceneBatch
from concord3d.errors import ConfigError
from concord3d.geometry.scan_augment import augmented_scan
from concord3d.losses.info_nce import LogitScale
from concord3d.losses.masked_symmetric_info_nce import (
    grouped_symmetric_info_nce,
    masked_symmetric_info_nce,
    matching_top1,
)
from concord3d.methods.crossover_scene.settings import INSTANCE, CrossOverSceneSettings
from concord3d.methods.interface import Context, LossTerms, Method, ParameterGroup
from concord3d.models.instance_encoder import InstanceEncoder
from concord3d.models.scan_encoder_files import form_header, load_scene_encoder
from concord3d.models.scan_encoder_forms import SceneEncoderForm, SceneEncoderShape
from concord3d.models.scene_encoder import SceneEncoder

_ANCHOR = "image"


class CrossOverScene(Method[ScanSceneBatch]):
    """The sum over pairs of modalities of the symmetric loss between matched scans.

    Args:
        settings: The switches.
        encoder: The encoder of scans, around that of objects.
    """

    def __init__(self, settings: CrossOverSceneSettings, encoder: SceneEncoder) -> None:
        super().__init__()
        self.settings, self.encoder = settings, encoder
        encoder.instance.requires_grad_(self._is_joint)
        self.scale = LogitScale(1 / settings.temperature)
        self.scale.requires_grad_(settings.learn_temperature)
        self._pairs = [pair for pair in settings.pairs if set(pair) <= set(encoder.modalities)]
        self.term_weights = nn.Parameter(torch.zeros(len(self._pairs)), requires_grad=settings.learn_term_weights)

    @property
    def _is_joint(self) -> bool:
        return self.settings.instance_weight > 0

    def train(self, mode: bool = True) -> CrossOverScene:
        """Change the mode; a frozen encoder of objects stays in evaluation mode but under ``release_quirks``."""
        super().train(mode)
        if not self._is_joint and not self.settings.release_quirks:
            self.encoder.instance.eval()
        return self

    def saved(self) -> dict[str, nn.Module]:
        """Return the encoder of scans, that of objects inside."""
        return {"scenes": self.encoder}

    def header(self, name: str) -> dict[str, str]:
        """Return all that is needed to build the encoder again."""
        return form_header(self.encoder.form)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the encoder without what is frozen, and the temperature and weights of terms without decay."""
        trained = [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]
        scalars = [each for each in (*self.scale.parameters(), self.term_weights) if each.requires_grad]
        return [ParameterGroup(trained), *([ParameterGroup(scalars, weight_decay=0.0)] if scalars else [])]

    def loss(self, batch: ScanSceneBatch, draw: torch.Generator) -> LossTerms:
        """Return the loss of one batch; pairs that no scan has both of count 0."""
        if self.settings.augment is not None:
            points = [augmented_scan(each, self.settings.augment, draw) for each in batch.points]
            batch = replace(batch, points=points)
        vectors, present, scale = self.encoder(batch), self.encoder.present(batch), self.scale()
        trained = [parameter.sum() for group in self.parameter_groups() for parameter in group.parameters]
        total, terms = 0 * torch.stack(trained).sum(), dict[str, Tensor]()
        weights = self.term_weights.softmax(0) * len(self._pairs)
        for (one, other), weight in zip(self._pairs, weights, strict=True):
            term = masked_symmetric_info_nce(
                vectors[one],
                vectors[other],
                scale,
                present[one],
                present[other],
                keep_missing=self.settings.release_quirks,
                gather=self.gather,
            )
            terms[f"{one}-{other}"], total = term.detach(), total + weight * term
        if self._is_joint:
            of_objects = self._objects_loss(batch, scale)
            terms["objects"], total = of_objects.detach(), total + self.settings.instance_weight * of_objects
        return LossTerms(total, {**terms, "scale": scale.detach()})

    def _objects_loss(self, batch: ScanSceneBatch, scale: Tensor) -> Tensor:
        """Return the loss of the objects within their scans, pictures with each other modality (Eq. 1)."""
        vectors, present = self.encoder.instance_vectors(batch.objects), batch.objects.present
        total = 0 * scale
        for name in vectors:
            if name != _ANCHOR and _ANCHOR in vectors:
                sides = vectors[_ANCHOR], vectors[name], scale, present[_ANCHOR], present[name]
                total = total + grouped_symmetric_info_nce(
                    *sides, keep_missing=self.settings.release_quirks, gather=self.gather
                )
        return total

    def held_out(self, batch: ScanSceneBatch, draw: torch.Generator) -> dict[str, float]:
        """Return the share of scans found among those of the batch, by pair, in percent."""
        vectors, present = self.encoder(batch), self.encoder.present(batch)
        found = dict[str, float]()
        for one, other in self._pairs:
            share = matching_top1(vectors[one][None], vectors[other][None], present[one][None], present[other][None])
            found |= {} if share is None else {f"matching_{one}-{other}": share}
        return found


def build(settings: CrossOverSceneSettings, context: Context) -> CrossOverScene:
    """Build the encoder around the earlier training's encoder of objects.

    Raises:
        ConfigError: The earlier training has no encoder of objects, or it saw other features.
        CheckpointCorrupt: Its weights cannot be read.
    """
    instance = context.needs[INSTANCE].module("objects")
    if not isinstance(instance, InstanceEncoder):
        raise ConfigError(
            "The earlier training has no trained encoder of objects",
            where=f"needs.{INSTANCE}",
            expected="a training by crossover_instance",
            found=context.needs[INSTANCE].run["method"],
        )
    # Any unit tells the widths.
    some: ScanSceneBatch = context.data.read(np.zeros(1, np.int64), torch.Generator())
    _require_same_features(instance, some)
    form = SceneEncoderForm(
        shape=SceneEncoderShape.model_validate(dict(context.encoder)),
        instance=instance.form,
        pictures=some.pictures.shape[-1],
        floorplan=some.floorplan.shape[-1],
        referral=some.referral.shape[-1],
        fusion=settings.fusion,
        floorplan_path=settings.floorplan_path,
        fused_only=settings.variant == "uni_modal",
    )
    encoder = SceneEncoder(form)
    encoder.instance.load_state_dict(instance.state_dict())
    return CrossOverScene(settings, encoder)


def _require_same_features(instance: InstanceEncoder, batch: ScanSceneBatch) -> None:
    widths = {name: features.shape[-1] for name, features in batch.objects.features.items()}
    other = {name: width for name, width in widths.items() if instance.form.widths.get(name, width) != width}
    if other:
        raise ConfigError(
            "The encoder of objects was trained on other features",
            where=f"needs.{INSTANCE}",
            expected=", ".join(f"{name}: width {instance.form.widths[name]}" for name in other),
            found=", ".join(f"{name}: width {width}" for name, width in other.items()),
            next_step="name the same extractor and the same frozen encoders in both trainings",
        )


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> SceneEncoder:
    """Build the encoder that a training saved.

    Raises:
        CheckpointCorrupt: The file cannot be read, or holds something else.
    """
    return load_scene_encoder(weights)

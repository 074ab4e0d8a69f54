"""Patch towers: patch tokens above a pre-trained trunk, trained towards the sentences about pictures.

Two losses bring a picture to its texts, which a frozen sentence encoder has encoded once: the cross-entropy over the
sentences about all classes, and the contrastive loss over the objects of a batch. With a frozen trunk, pictures without
hidden patches meet the transformer alone: their maps are computed once, before the first step, which makes a step
several times as cheap and leaves no room for augmentation.

Shape legend: B objects, s side of the encoder's input, g patches per side, C channels of the trunk's map.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.batches.pictures import PictureBatch
from concord3d.features import gate as gates
from concord3d.features.gate import measure_gate, require_measurable, top1_credit
from concord3d.features.open_clip_adapter import resolve_device
from concord3d.features.pairs import Pairs
from concord3d.features.patch_tower import PatchEncoder, PatchTower, PatchTowerParts, saved_encoder
from concord3d.features.text_targets import fitted_objects, unseen_labels
from concord3d.features.tower_config import PatchTowerConfig
from concord3d.features.unseen_classes import UnseenClasses
from concord3d.files import sha256_file
from concord3d.losses.info_nce import info_nce, unit_rows
from concord3d.losses.smoothed_cross_entropy import smoothed_cross_entropy
from concord3d.methods.alignment_gate import gate_report, gate_thresholds
from concord3d.methods.interface import Context, LossTerms, Method, ParameterGroup
from concord3d.methods.patch_tower.fitting_data import TextData, text_data, trunk_maps
from concord3d.methods.patch_tower.settings import PatchTowerSettings
from concord3d.models.patch_masks import random_masks

# Draws the patches that the gate hides.
_GATE_SEED = 0


class PatchTowerMethod(Method[PictureBatch]):
    """Cross-entropy over classes and InfoNCE, between pooled features of pictures and centred text features.

    Args:
        settings: See :class:`PatchTowerSettings`.
        parts: Configuration and sentence encoder.
        encoder: The picture side.
        texts: Texts of the objects that are fitted on; the others of a batch take no part in the losses.
        maps: (F, V, C, g, g) maps of a frozen trunk; None if the trunk is trained.
        pairs: All objects.
        held_out: Objects that are never fitted on.
        unseen: Labels of the classes that are never fitted on.
    """

    def __init__(
        self,
        settings: PatchTowerSettings,
        parts: PatchTowerParts,
        encoder: PatchEncoder,
        texts: TextData,
        maps: Tensor | None,
        pairs: Pairs,
        held_out: NDArray[np.int64],
        unseen: NDArray[np.int64],
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self._settings, self._parts, self._texts, self._maps = settings, parts, texts, maps
        self._pairs, self._held_out, self._unseen = pairs, held_out, unseen

    def saved(self) -> dict[str, nn.Module]:
        """Return the picture side."""
        return {"pictures": self.encoder}

    def header(self, name: str) -> dict[str, str]:
        """Return the encoders that the weights belong to."""
        return self._parts.header()

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return two groups, and two more for a trained trunk: vectors do not decay."""
        trunk = {id(parameter) for parameter in self.encoder.vit.trunk.parameters()}
        groups = []
        for in_trunk, rate in ((False, 1.0), (True, self._settings.trunk_rate)):
            chosen = [p for p in self.parameters() if p.requires_grad and (id(p) in trunk) == in_trunk]
            if chosen:
                groups.append(ParameterGroup([p for p in chosen if p.ndim > 1], rate))
                groups.append(ParameterGroup([p for p in chosen if p.ndim <= 1], rate, weight_decay=0.0))
        return groups

    def loss(self, batch: PictureBatch, draw: torch.Generator) -> LossTerms:
        """Return the loss of one batch; the units tell which pictures have maps."""
        device = batch.pixels.device
        rows = self._texts.row_of[batch.units.cpu()]
        # Objects that are not fitted on stand in the batch as the first object, and take no part.
        fitted = rows.clamp(min=0)
        mask = self._drawn_masks(len(rows), draw)
        pooled = self.encoder.vit.from_map(self._batch_maps(batch, fitted, mask), mask.to(device)).pooled
        labels = torch.where(rows >= 0, self._texts.labels[fitted], -1).to(device)
        class_loss = self._class_loss(pooled, labels)
        scale = torch.tensor(1 / self._settings.temperature, device=device)
        contrast = info_nce(pooled, self._texts.targets[fitted].to(device), scale, self.gather, (rows >= 0).to(device))
        total = self._settings.class_weight * class_loss + self._settings.contrast_weight * contrast
        return LossTerms(total, {"class": class_loss.detach(), "contrastive": contrast.detach()})

    def _class_loss(self, pooled: Tensor, labels: Tensor) -> Tensor:
        known = labels >= 0
        if not known.any() or len(self._texts.classes) < 2:
            return (pooled * 0).sum()
        cosines = unit_rows(pooled[known]) @ unit_rows(self._texts.classes.to(pooled.device)).T
        logits = cosines / self._settings.temperature
        return smoothed_cross_entropy(logits, labels[known], self._settings.label_smoothing)

    def _drawn_masks(self, count: int, draw: torch.Generator) -> Tensor:
        """Return (B, g, g) bool; a share of the pictures has hidden patches."""
        told = self._settings
        grid = self._parts.config.trunk.image_size // self.encoder.vit.patch_size
        chosen = torch.rand(count, generator=draw) < told.mask_share
        masks = random_masks(count, grid, told.mask_ratio, draw, min(told.mask_cell, grid))
        return masks & chosen[:, None, None]

    def _batch_maps(self, batch: PictureBatch, fitted: Tensor, mask: Tensor) -> Tensor:
        device, vit = batch.pixels.device, self.encoder.vit
        if self._maps is None:
            return vit.trunk_map(self._parts.preprocess.normalize(batch.pixels), mask.to(device))
        maps = self._maps[fitted, batch.views.cpu()].to(device)
        hidden = mask.flatten(1).any(1).nonzero().flatten()
        if len(hidden):
            with torch.no_grad():
                pixels = self._parts.preprocess.normalize(batch.pixels[hidden.to(device)])
                maps[hidden.to(device)] = vit.trunk_map(pixels, mask[hidden].to(device))
        return maps

    def held_out(self, batch: PictureBatch, draw: torch.Generator) -> dict[str, float]:
        """Return the retrieval of descriptions among those of the batch, one picture per object, in percent."""
        descriptions = [choice.description for choice in batch.texts]
        distinct = list(dict.fromkeys(descriptions))
        target = np.array([distinct.index(description) for description in descriptions])
        tower = PatchTower(self._parts, self.encoder, "")
        pictures = (batch.pixels * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        credit = top1_credit(tower.encode_images(pictures), tower.encode_texts(distinct), target)
        return {gates.RETRIEVAL: 100 * float(credit.mean()), "num_texts": len(distinct)}

    def reports(self, weights: Mapping[str, Path]) -> dict[str, Any]:
        """Return the identity of the tower, and its gate."""
        told = self._settings
        tower = PatchTower(self._parts, self.encoder, sha256_file(weights["pictures"]))
        masked = None
        if told.mask_share > 0:
            draw = torch.Generator().manual_seed(_GATE_SEED)
            hide = partial(_hidden, ratio=told.mask_ratio, cell=told.mask_cell, draw=draw)
            masked = PatchTower(self._parts, self.encoder, "", hide)
        gate = measure_gate(
            tower, self._pairs, self._held_out, gate_thresholds(told), self._unseen, masked_tower=masked
        )
        facts = {
            "identity": tower.identity,
            "num_without_text": self._pairs.num_without_text,
            "num_views": self._pairs.num_views,
            "num_fitted": len(self._texts.targets),
            "unseen_classes": [self._pairs.class_names[label] for label in self._unseen],
        }
        return {"tower": facts, "gate": gate_report(gate, self._parts.config.encoders)}


def _hidden(count: int, grid: int, ratio: float, cell: int, draw: torch.Generator) -> Tensor:
    return random_masks(count, grid, ratio, draw, min(cell, grid))


def build(settings: PatchTowerSettings, context: Context) -> PatchTowerMethod:
    """Open the encoders, and encode what is fitted on.

    Raises:
        ConfigError: There are too few objects or classes, or a threshold is set for what cannot be measured on them.
        TowerWeightsMissing: The weights of an encoder are not there.
    """
    pairs: Pairs = context.data.pairs
    unseen = unseen_labels(pairs, settings.unseen_classes, settings.unseen_seed)
    require_measurable(pairs, context.held_out, gate_thresholds(settings), unseen)
    config = PatchTowerConfig.model_validate(dict(context.encoder))
    parts = PatchTowerParts.open(config, context.device, context.weights_folder)
    encoder = parts.new_encoder(context.weights_folder, settings.dropout)
    encoder.vit.trunk.requires_grad_(settings.trunk_rate > 0)
    objects = np.setdiff1d(np.arange(pairs.num_objects), context.held_out)
    apart = UnseenClasses(pairs.class_names[label] for label in unseen)
    objects = objects[~np.isin(pairs.labels[objects], unseen)]
    objects = fitted_objects(pairs, objects, settings.class_share, apart)
    texts = text_data(parts, pairs, objects, settings.class_share, apart)
    encoder.text_mean.copy_(texts.mean)
    maps = None
    if settings.trunk_rate == 0:
        device = resolve_device(context.device)
        encoder.to(device)
        maps = trunk_maps(encoder, parts, pairs, objects, device)
    return PatchTowerMethod(settings, parts, encoder, texts, maps, pairs, context.held_out, unseen)


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> PatchEncoder:
    """Build the saved picture side; see :func:`concord3d.methods.interface.saved_module`."""
    return saved_encoder(PatchTowerConfig.model_validate(dict(run["encoder"])), weights)

"""Aligned towers: frozen pictures and sentences, and a projection that is fitted and then trained further.

The projection starts as the ridge regression of the objects' text features on the features of their pictures. Each step
of the loop then trains it with the contrastive loss between pictures and texts. With no epochs the regression remains.
Pictures are read as what the frozen encoder made of them; it is not opened.

Shape legend: B objects, D feature width.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.batches.picture_features import PictureFeatureBatch
from concord3d.features import gate as gates
from concord3d.features.aligned_tower import AlignedTower, FrozenPair
from concord3d.features.feature_pairs import FeaturePairs
from concord3d.features.gate import measure_gate, require_measurable, top1_credit
from concord3d.features.projection import Projection
from concord3d.features.text_targets import fitted_objects, unseen_labels
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.features.unseen_classes import NO_CLASSES, UnseenClasses
from concord3d.files import sha256_file
from concord3d.losses.info_nce import info_nce
from concord3d.methods.aligned.fitting_data import FittingData, fitting_data
from concord3d.methods.aligned.ridge import Ridge, fit_ridge
from concord3d.methods.aligned.settings import AlignedSettings
from concord3d.methods.alignment_gate import gate_report, gate_thresholds
from concord3d.methods.interface import Context, LossTerms, Method, ParameterGroup


class Aligned(Method[PictureFeatureBatch]):
    """InfoNCE between the projections of pictures and the centred text features of their objects.

    Args:
        settings: See :class:`AlignedSettings`.
        pair: The frozen encoders.
        projection: The projection, fitted.
        data: What the objects that are fitted on are; the others of a batch take no part in the loss.
        pairs: All objects.
        held_out: Objects that are never fitted on.
        unseen: Labels of the classes on which the gate measures an alignment without them.
        unseen_tower: That alignment, where ``projection`` is fitted on these classes too.
    """

    def __init__(
        self,
        settings: AlignedSettings,
        pair: FrozenPair,
        projection: Projection,
        data: FittingData,
        pairs: FeaturePairs,
        held_out: NDArray[np.int64],
        unseen: NDArray[np.int64],
        unseen_tower: AlignedTower | None = None,
    ) -> None:
        super().__init__()
        self.projection = projection
        self._settings, self._pair, self._pairs = settings, pair, pairs
        self._held_out, self._unseen, self._unseen_tower = held_out, unseen, unseen_tower
        self._targets, self._row_of = torch.from_numpy(data.targets), torch.from_numpy(data.row_of)

    def saved(self) -> dict[str, nn.Module]:
        """Return the projection."""
        return {"projection": self.projection}

    def header(self, name: str) -> dict[str, str]:
        """Return the encoders that the projection belongs to: between others its numbers mean nothing."""
        return self._pair.header()

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return two groups: vectors do not decay."""
        parameters = list(self.parameters())
        return [
            ParameterGroup([parameter for parameter in parameters if parameter.ndim > 1]),
            ParameterGroup([parameter for parameter in parameters if parameter.ndim <= 1], weight_decay=0.0),
        ]

    def loss(self, batch: PictureFeatureBatch, draw: torch.Generator) -> LossTerms:
        """Return the loss of one batch."""
        rows = self._row_of[batch.units.cpu()]
        device = batch.features.device
        # Objects that are not fitted on have the text of the first one that is, and are masked.
        texts = self._targets[rows.clamp(min=0)].to(device) - self.projection.text_mean
        scale = torch.tensor(1 / self._settings.temperature, device=device)
        loss = info_nce(self.projection(batch.features), texts, scale, self.gather, (rows >= 0).to(device))
        return LossTerms(loss, {"contrastive": loss.detach()})

    def held_out(self, batch: PictureFeatureBatch, draw: torch.Generator) -> dict[str, float]:
        """Return the retrieval of descriptions among those of the batch, one picture per object, in percent."""
        descriptions = [choice.description for choice in batch.texts]
        distinct = list(dict.fromkeys(descriptions))
        target = np.array([distinct.index(description) for description in descriptions])
        tower = AlignedTower(self._pair, self.projection, "")
        credit = top1_credit(tower.project(batch.features.cpu().numpy()), tower.encode_texts(distinct), target)
        return {gates.RETRIEVAL: 100 * float(credit.mean()), "num_texts": len(distinct)}

    def reports(self, weights: Mapping[str, Path]) -> dict[str, Any]:
        """Return the identity of the tower, and its gate."""
        tower = AlignedTower(self._pair, self.projection, sha256_file(weights["projection"]))
        thresholds = gate_thresholds(self._settings)
        gate = measure_gate(tower, self._pairs, self._held_out, thresholds, self._unseen, self._unseen_tower)
        facts = {
            "identity": tower.identity,
            "num_without_text": self._pairs.num_without_text,
            "num_views": self._pairs.num_views,
            "num_fitted": len(self._targets),
            "unseen_classes": [self._pairs.class_names[label] for label in self._unseen],
        }
        return {"tower": facts, "gate": gate_report(gate, self._pair.config.encoders)}


def start_from(projection: Projection, ridge: Ridge) -> None:
    """Set a projection to a ridge regression; its hidden layer adds nothing yet.

    Args:
        projection: Receives the values.
        ridge: The regression.
    """

    def put(tensor: Tensor, values: NDArray[np.float64]) -> None:
        tensor.copy_(torch.from_numpy(values.astype(np.float32)))

    with torch.no_grad():
        put(projection.mean, ridge.mean)
        put(projection.deviation, ridge.deviation)
        put(projection.text_mean, ridge.target)
        put(projection.linear.weight, ridge.weight)


def build(settings: AlignedSettings, context: Context) -> Aligned:
    """Encode the texts of what is fitted on, and fit the regression of these on the stored features of the pictures.

    Raises:
        ConfigError: There are too few objects or classes, or a threshold is set for what cannot be measured on them.
        TowerWeightsMissing: The weights of the sentence encoder are not there.
    """
    pairs: FeaturePairs = context.data.pairs
    unseen = unseen_labels(pairs, settings.unseen_classes, settings.unseen_seed)
    require_measurable(pairs, context.held_out, gate_thresholds(settings), unseen)
    config = AlignedTowerConfig.model_validate(dict(context.encoder))
    pair = FrozenPair(config, context.device, context.weights_folder)
    projection = pair.new_projection()
    objects = np.setdiff1d(np.arange(pairs.num_objects), context.held_out)
    seen = objects[~np.isin(pairs.labels[objects], unseen)]
    apart = NO_CLASSES
    if settings.unseen_apart:
        apart = UnseenClasses(pairs.class_names[label] for label in unseen)
        objects = fitted_objects(pairs, seen, settings.class_share, apart)
    data = fitting_data(pair.texts, pairs, objects, settings.class_share, apart)
    start_from(projection, fit_ridge(data.pictures, data.targets, settings.alpha))
    unseen_tower = None
    if len(unseen) and not settings.unseen_apart:
        rows, without = data.row_of[seen], pair.new_projection().requires_grad_(False)
        start_from(without, fit_ridge(data.pictures[rows], data.targets[rows], settings.alpha))
        unseen_tower = AlignedTower(pair, without, "")
    return Aligned(settings, pair, projection, data, pairs, context.held_out, unseen, unseen_tower)

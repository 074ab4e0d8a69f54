"""InfoNCE between what is known of the same object of a scan (Eq. 1 and 5, CrossOver spec 4).

Shape legend: B scans, N objects of the largest of them; B objects and N = 1 where they are loose.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from concord3d.batches.scan_objects import ScanObjectBatch
from concord3d.losses.info_nce import LogitScale
from concord3d.losses.masked_symmetric_info_nce import (
    grouped_symmetric_info_nce,
    masked_symmetric_info_nce,
    matching_top1,
)
from concord3d.methods.crossover_instance.settings import CrossOverInstanceSettings
from concord3d.methods.interface import Context, LossTerms, Method, ParameterGroup
from concord3d.models.instance_encoder import InstanceEncoder
from concord3d.models.scan_encoder_files import form_header, load_instance_encoder
from concord3d.models.scan_encoder_forms import InstanceEncoderForm, InstanceEncoderShape


class CrossOverInstance(Method[ScanObjectBatch]):
    """The sum over pairs of modalities of the symmetric loss between matched objects.

    Args:
        settings: The switches.
        encoder: The encoder of objects.
    """

    def __init__(self, settings: CrossOverInstanceSettings, encoder: InstanceEncoder) -> None:
        super().__init__()
        self.settings, self.encoder = settings, encoder
        self.scale = LogitScale(1 / settings.temperature)
        self.scale.requires_grad_(settings.learn_temperature)
        self._pairs = [pair for pair in settings.pairs if set(pair) <= set(encoder.form.widths)]

    def saved(self) -> dict[str, nn.Module]:
        """Return the encoder of objects."""
        return {"objects": self.encoder}

    def header(self, name: str) -> dict[str, str]:
        """Return all that is needed to build the encoder again."""
        return form_header(self.encoder.form)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the encoder, and the temperature without decay where it is trained."""
        groups = [ParameterGroup(list(self.encoder.parameters()))]
        if self.settings.learn_temperature:
            groups.append(ParameterGroup(list(self.scale.parameters()), weight_decay=0.0))
        return groups

    def loss(self, batch: ScanObjectBatch, draw: torch.Generator) -> LossTerms:
        """Return the loss of one batch; pairs that no object has both of count 0."""
        vectors, scale = self.encoder(batch.features, batch.present, batch.locations), self.scale()
        idle = sum(parameter.sum() for parameter in self.encoder.parameters())
        total, terms = 0 * (idle + scale), dict[str, Tensor]()
        for one, other in self._pairs:
            if one not in vectors or other not in vectors:
                continue
            term = self._term(vectors[one], vectors[other], scale, batch.present[one], batch.present[other])
            terms[f"{one}-{other}"], total = term.detach(), total + term
        return LossTerms(total, {**terms, "scale": scale.detach()})

    def _term(self, a: Tensor, b: Tensor, scale: Tensor, present_a: Tensor, present_b: Tensor) -> Tensor:
        keep_missing = self.settings.release_quirks
        if self.settings.spatial:
            return grouped_symmetric_info_nce(
                a, b, scale, present_a, present_b, keep_missing=keep_missing, gather=self.gather
            )
        a, b, present_a, present_b = (side.flatten(0, 1) for side in (a, b, present_a, present_b))
        return masked_symmetric_info_nce(
            a, b, scale, present_a, present_b, keep_missing=keep_missing, gather=self.gather
        )

    def held_out(self, batch: ScanObjectBatch, draw: torch.Generator) -> dict[str, float]:
        """Return the share of objects found among those of their scan, or of the batch, by pair, in percent."""
        vectors = self.encoder(batch.features, batch.present, batch.locations)
        found = dict[str, float]()
        for one, other in self._pairs:
            if one in vectors and other in vectors:
                sides = [vectors[one], vectors[other], batch.present[one], batch.present[other]]
                if not self.settings.spatial:
                    sides = [side.flatten(0, 1)[None] for side in sides]
                share = matching_top1(*sides)
                found |= {} if share is None else {f"matching_{one}-{other}": share}
        return found


def build(settings: CrossOverInstanceSettings, context: Context) -> CrossOverInstance:
    """Build the encoder for the widths of the features that the data have.

    Raises:
        ConfigError: The attention heads cannot share the width.
    """
    # Any unit tells the widths.
    some: ScanObjectBatch = context.data.read(np.zeros(1, np.int64), torch.Generator())
    form = InstanceEncoderForm(
        shape=InstanceEncoderShape.model_validate(dict(context.encoder)),
        widths={name: features.shape[-1] for name, features in some.features.items()},
        spatial=settings.spatial,
        cad_locations=settings.cad_locations,
        padded_distances=settings.release_quirks,
    )
    return CrossOverInstance(settings, InstanceEncoder(form))


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> InstanceEncoder:
    """Build the encoder that a training saved.

    Raises:
        CheckpointCorrupt: The file cannot be read, or holds something else.
    """
    return load_instance_encoder(weights)

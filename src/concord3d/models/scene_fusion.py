"""One vector of a scan from the vectors of its objects.

Shapes: B scans, N objects, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.models.heads import UnitHead
from concord3d.models.scan_encoder_forms import OBJECT_MODALITIES


def masked_mean(vectors: Tensor, present: Tensor) -> Tensor:
    """Return the (B, D) means over the present ones of (B, N, D) vectors, zeros where there is none."""
    kept = present[..., None].to(vectors)
    result: Tensor = (vectors * kept).sum(1) / kept.sum(1).clamp(min=1)
    return result


class SceneFusion(nn.Module):
    """A weighted sum of the mean objects of each modality, and a head.

    A modality that a scan lacks is a zero in the sum. Its weight is not given to the others: the head, which begins
    with a linear layer, and the final division by the length see a shorter sum.

    Args:
        width: D.
        weighting: ``softmax``: the weights add up to 1, as released; ``others``: the exponential of a weight over the
            sum of the others', as Eq. 2 has it.

    Source: CrossOver spec 3.3.
    """

    def __init__(self, width: int, weighting: Literal["softmax", "others"] = "softmax") -> None:
        super().__init__()
        self.weighting = weighting
        self.weights = nn.Parameter(torch.ones(len(OBJECT_MODALITIES)))
        self.head = UnitHead(width, max(1, width // 2), width)

    def modality_weights(self) -> Tensor:
        """Return the weights in the order of :data:`~concord3d.models.scan_encoder_forms.OBJECT_MODALITIES`."""
        shares = self.weights.softmax(0)
        return shares if self.weighting == "softmax" else shares / (1 - shares)

    def forward(self, vectors: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """Return (B, D) unit vectors; that of a scan without any object means nothing.

        Args:
            vectors: (B, N, D) of objects by modality; modalities may be left out.
            present: (B, N) bool by modality.
        """
        total = None
        for weight, name in zip(self.modality_weights(), OBJECT_MODALITIES, strict=True):
            if name in vectors:
                part = weight * functional.normalize(masked_mean(vectors[name], present[name]), dim=-1)
                total = part if total is None else total + part
        assert total is not None
        result: Tensor = self.head(total)
        return result

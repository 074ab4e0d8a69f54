"""Which modalities of a scan a training hides: of a whole data set, of a part of the scans, or at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch

from concord3d.models.scan_encoder_forms import OBJECT_MODALITIES

# Those of objects, and that of scenes alone.
MODALITIES = (*OBJECT_MODALITIES, "floorplan")

Hidden = frozenset[str]
NOTHING: Hidden = frozenset()


@dataclass(frozen=True)
class ScanMasks:
    """What is hidden of each scan.

    Attributes:
        always: Modalities that are hidden of each scan.
        shares: Probability with which a modality is hidden of a unit each time that it is read.
    """

    always: tuple[Hidden, ...]
    shares: Mapping[str, float]

    def hidden(self, scan: int, draw: torch.Generator) -> Hidden:
        """Return what is hidden of a scan that is read now."""
        dropped = {name for name, share in self.shares.items() if float(torch.rand((), generator=draw)) < share}
        return self.always[scan] | dropped

    @classmethod
    def none(cls, num_scans: int) -> ScanMasks:
        """Return masks that hide nothing."""
        return cls((NOTHING,) * num_scans, {})

    @classmethod
    def of_settings(cls, data: Mapping[str, Any], datasets: Sequence[str]) -> ScanMasks:
        """Return what a training's settings hide.

        Args:
            data: The run's ``data`` section, see :class:`concord3d.workflow.training_inputs.scan_objects`.
            datasets: Data set of each scan.
        """
        kept = data.get("modalities") or {}
        absent = {name: frozenset(MODALITIES) - frozenset(kept.get(name, MODALITIES)) for name in set(datasets)}
        parts = split_over_scans(data.get("only") or {}, len(datasets))
        return cls(
            tuple(absent[name] | part for name, part in zip(datasets, parts, strict=True)), data.get("dropped") or {}
        )


def split_over_scans(shares: Mapping[str, float], num_scans: int) -> list[Hidden]:
    """Divide scans into parts in each of which one of some modalities is seen and the others are hidden.

    Args:
        shares: Share of the scans in which a modality is seen, by modality; together 1. None hides nothing.
        num_scans: S; the parts are the same for every training.

    Returns:
        What is hidden of each scan (CrossOver spec 11, item 13).
    """
    hidden = [NOTHING] * num_scans
    order = np.random.default_rng(0).permutation(num_scans)
    ends = [round(end * num_scans) for end in accumulate(shares.values())]
    for name, (start, end) in zip(shares, pairwise([0, *ends]), strict=True):
        for scan in order[start:end].tolist():
            hidden[scan] = frozenset(shares) - {name}
    return hidden

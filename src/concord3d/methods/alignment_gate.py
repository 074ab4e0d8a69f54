"""What trainings of pictures towards a frozen sentence encoder say of the gate of their tower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from concord3d.features import gate as gates
from concord3d.features.gate import log_gate
from concord3d.features.packaged_weights import PACKAGED
from concord3d.methods.alignment_settings import AlignmentSettings


def gate_thresholds(settings: AlignmentSettings) -> dict[str, float | None]:
    """Return the lowest accepted value in percent per metric of :func:`concord3d.features.gate.measure_gate`."""
    return {
        gates.MEAN_OF_VIEWS: settings.min_mean_of_views_top1,
        gates.ZERO_SHOT: settings.min_zero_shot_top1,
        gates.RETRIEVAL: settings.min_image_to_text_r1,
        gates.CAPTION_CLASS: settings.min_caption_to_class_top1,
        gates.CATEGORY: settings.min_category_of_coloured_class,
        gates.UNSEEN: settings.min_unseen_class_top1,
    }


def gate_report(gate: Mapping[str, Any], encoders: Sequence[str]) -> dict[str, Any]:
    """Log a gate, and return it with origin and licence of the pre-trained encoders.

    A gate that is not passed is logged as a warning; the tower is kept so that it can be looked at.

    Args:
        gate: What was measured.
        encoders: Their names.
    """
    log_gate(gate)
    releases = [{"encoder": n, "origin": PACKAGED[n].origin, "licence": PACKAGED[n].licence} for n in encoders]
    return {**gate, "pretrained": releases}

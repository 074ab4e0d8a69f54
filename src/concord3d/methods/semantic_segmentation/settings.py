"""What the training of a semantic segmenter may be told: the ``objective`` section of a run."""

from __future__ import annotations

from typing import ClassVar

from concord3d.methods.settings import LabelMethodSettings, RoomMethodSettings


class SemanticSegmentationSettings(LabelMethodSettings, RoomMethodSettings):
    """Settings of semantic segmentation (MM-Point spec 6.5).

    Attributes:
        start: See :class:`concord3d.methods.settings.LabelMethodSettings`.
        label_smoothing: See there.
        left_out_area: See :class:`concord3d.methods.settings.RoomMethodSettings`.
    """

    saved: ClassVar[tuple[str, ...]] = ("segmenter",)
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.semantic_segmentation.method"
    encoders: ClassVar[tuple[str, ...] | None] = ("dgcnn_semseg",)


SETTINGS = SemanticSegmentationSettings

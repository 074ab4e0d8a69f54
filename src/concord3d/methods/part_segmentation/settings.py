"""What the training of a part segmenter may be told: the ``objective`` section of a run."""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveInt

from concord3d.methods.settings import LabelMethodSettings, ObjectMethodSettings


class PartSegmentationSettings(LabelMethodSettings, ObjectMethodSettings):
    """Settings of part segmentation (MM-Point spec 6.4).

    Attributes:
        start: See :class:`concord3d.methods.settings.LabelMethodSettings`.
        label_smoothing: See there.
        augment: Scale and shift per axis (the published recipe does not).
        num_parts: Part labels over all categories; null takes them from the training data.
    """

    saved: ClassVar[tuple[str, ...]] = ("segmenter",)
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.part_segmentation.method"
    reads_parts: ClassVar[bool] = True
    encoders: ClassVar[tuple[str, ...] | None] = ("dgcnn_partseg",)

    augment: bool = False
    num_parts: PositiveInt | None = None


SETTINGS = PartSegmentationSettings

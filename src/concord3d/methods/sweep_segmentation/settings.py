"""What the training of a segmenter of sweeps may be told: the ``objective`` section of a run."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, PositiveFloat, model_validator

from concord3d.methods.settings import StartedMethodSettings


class SweepSegmentationSettings(StartedMethodSettings):
    """Settings of the segmentation of sweeps (CMCR spec 4.2).

    Attributes:
        start: See :class:`concord3d.methods.settings.StartedMethodSettings`.
        trunk: ``trained`` fine-tunes the encoder, ``frozen`` trains the head alone on the encoder in evaluation mode,
            which is a linear probe.
        head_rate: Factor of the head's learning rate: 100 in fine-tuning, where the trunk has 0.02.
        cross_entropy_weight: Weight of the cross-entropy.
        lovasz_weight: Weight of the Lovasz-softmax loss.
        augment: Whether sweeps are turned about z and mirrored. A frozen trunk without it sees each sweep once.
    """

    data: ClassVar[str] = "labelled_sweeps"
    saved: ClassVar[tuple[str, ...]] = ("segmenter",)
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.sweep_segmentation.method"
    encoders: ClassVar[tuple[str, ...] | None] = ("mink_unet",)
    least_batch: ClassVar[int] = 1
    encodes: ClassVar[Literal["clouds", "sweeps"] | None] = "sweeps"

    trunk: Literal["trained", "frozen"] = "trained"
    head_rate: PositiveFloat = 1.0
    cross_entropy_weight: float = Field(default=1.0, ge=0)
    lovasz_weight: float = Field(default=1.0, ge=0)
    augment: bool = True

    @model_validator(mode="after")
    def _has_a_loss(self) -> SweepSegmentationSettings:
        if not self.cross_entropy_weight and not self.lovasz_weight:
            raise ValueError("'cross_entropy_weight' and 'lovasz_weight' may not both be 0")
        return self


SETTINGS = SweepSegmentationSettings

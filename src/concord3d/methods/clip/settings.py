"""What the training of a CLIP may be told: the ``objective`` section of a tower's run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, ClassVar

from pydantic import Field

from concord3d.config.validation import StrictModel, Where, validate
from concord3d.methods.settings import MethodSettings
from concord3d.models.forward_pass import ForwardPass


class ClipEncoder(StrictModel):
    """The ``encoder`` section of a tower's run.

    Attributes:
        model: Name of an open_clip model, or the path of a configuration of ours.
    """

    model: str


class ClipSettings(MethodSettings):
    """Texts, augmentation of pictures, and the thresholds of the gate.

    Attributes:
        raw_share: How often a raw text is learned from, relative to the other kinds that an object has.
        caption_share: The same for captions.
        retrieved_share: The same for retrieved texts, the noisiest kind.
        sentence_share: Probability that a raw text is put into one of the sentences for class names.
        crop_scale_low: Lower end of the area fraction of the random crop; 1 never crops.
        flip: Probability of the horizontal flip.
        jitter: Probability of changed brightness, contrast and saturation.
        grayscale: Probability of dropping the colour.
        blur: Probability of a Gaussian blur.
        min_image_to_text_r1: The gate's threshold in percent; null accepts any.
        min_zero_shot_top1: The gate's threshold in percent; null accepts any, or where no object has a class.
    """

    data: ClassVar[str] = "pictures"
    saved: ClassVar[tuple[str, ...]] = ("clip",)
    reports: ClassVar[tuple[str, ...]] = ("open_clip_config", "tower", "gate")
    raw_share: float = Field(default=0.8, gt=0, allow_inf_nan=False)
    caption_share: float = Field(default=0.2, gt=0, allow_inf_nan=False)
    retrieved_share: float = Field(default=0.05, gt=0, allow_inf_nan=False)
    sentence_share: float = Field(default=0.8, ge=0, le=1)
    crop_scale_low: float = Field(default=0.6, gt=0, le=1)
    flip: float = Field(default=0.5, ge=0, le=1)
    jitter: float = Field(default=0.5, ge=0, le=1)
    grayscale: float = Field(default=0.1, ge=0, le=1)
    blur: float = Field(default=0.0, ge=0, le=1)
    min_image_to_text_r1: float | None = Field(ge=0, le=100)
    min_zero_shot_top1: float | None = Field(ge=0, le=100)

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the ``encoder`` section; open_clip builds the model."""
        validate(ClipEncoder, dict(encoder), where)
        return ()

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """One picture and one text of every object."""
        model = str(run["encoder"]["model"])
        return (ForwardPass(PurePath(model).stem, "concord3d.methods.clip.example:of_pair", {"model": model}),)


SETTINGS = ClipSettings

"""What the training of an aligned tower may be told: the ``objective`` section of a tower's run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from concord3d.config.validation import Where, validate
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.methods.settings import MethodSettings
from concord3d.models.forward_pass import ForwardPass

Percent = float | None


class AlignedSettings(MethodSettings):
    """The ridge regression that a projection starts from, the contrastive loss that trains it on, and the gate.

    Attributes:
        alpha: Penalty of the ridge regression, on standardised features of all pictures.
        class_share: Weight of the sentences about the class beside the captions, in what a picture is regressed onto; 0
            learns from what is written about the objects alone.
        temperature: Divides the cosines of the contrastive loss.
        unseen_classes: Number of classes, or their names, on which the gate measures an alignment that was never fitted
            on them, nor on texts that name them.
        unseen_apart: Whether the tower that is kept is that one: what it does on these classes is then zero-shot for
            its alignment too. If not, the tower that is kept is fitted on all classes, and the gate measures a second
            regression, without these classes and without the steps.
        unseen_seed: Chooses them where only their number is given.
        min_mean_of_views_top1: The gate's threshold in percent for the class of the mean of an object's pictures; null
            accepts any, or where no object has a class.
        min_zero_shot_top1: The same for the class of single pictures.
        min_image_to_text_r1: The same for the description of a picture.
        min_caption_to_class_top1: The same for the class of a caption.
        min_category_of_coloured_class: The same for the category, asked for together with the colour.
        min_unseen_class_top1: The same for the unseen classes.
    """

    data: ClassVar[str] = "picture_features"
    saved: ClassVar[tuple[str, ...]] = ("projection",)
    reports: ClassVar[tuple[str, ...]] = ("tower", "gate")
    starts_fitted: ClassVar[bool] = True
    alpha: float = Field(default=300.0, gt=0, allow_inf_nan=False)
    class_share: float = Field(default=0.5, ge=0, le=1)
    temperature: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    unseen_classes: int | list[str] = 0
    unseen_apart: bool = True
    unseen_seed: int = Field(default=0, ge=0, lt=2**32)
    min_mean_of_views_top1: Percent = Field(ge=0, le=100)
    min_zero_shot_top1: Percent = Field(default=None, ge=0, le=100)
    min_image_to_text_r1: Percent = Field(default=None, ge=0, le=100)
    min_caption_to_class_top1: Percent = Field(default=None, ge=0, le=100)
    min_category_of_coloured_class: Percent = Field(default=None, ge=0, le=100)
    min_unseen_class_top1: Percent = Field(default=None, ge=0, le=100)

    @field_validator("unseen_classes")
    @classmethod
    def _not_negative(cls, asked: int | list[str]) -> int | list[str]:
        if isinstance(asked, int) and asked < 0:
            raise ValueError("a number of classes, or their names")
        return asked

    @property
    def never_seen(self) -> tuple[str, ...]:
        """The unseen classes that are given by name, where the tower that is kept has not seen them."""
        return tuple(self.unseen_classes) if self.unseen_apart and isinstance(self.unseen_classes, list) else ()

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the ``encoder`` section, which is the tower's configuration; its encoders are opened by name."""
        validate(AlignedTowerConfig, dict(encoder), where)
        return ()

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """Nothing: a regression in closed form is the work, and the encoders' is that of other nodes."""
        return ()


SETTINGS = AlignedSettings

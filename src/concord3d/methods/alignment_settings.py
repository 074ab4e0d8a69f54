"""What trainings of pictures towards a frozen sentence encoder have in common. Read without torch."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from concord3d.methods.settings import MethodSettings

Percent = float | None


class AlignmentSettings(MethodSettings):
    """Texts of the objects, classes that are left out, and the thresholds of the gate.

    Attributes:
        class_share: Weight of the sentences about the class beside the captions, in what a picture is brought to; 0
            learns from what is written about the objects alone.
        temperature: Divides the cosines of the contrastive loss.
        unseen_classes: Number of classes, or their names, on which the gate measures a tower that was never fitted on
            them, nor on texts that name them.
        unseen_seed: Chooses them where only their number is given.
        min_mean_of_views_top1: The gate's threshold in percent for the class of the mean of an object's pictures; null
            accepts any, or where no object has a class.
        min_zero_shot_top1: The same for the class of single pictures.
        min_image_to_text_r1: The same for the description of a picture.
        min_caption_to_class_top1: The same for the class of a caption.
        min_category_of_coloured_class: The same for the category, asked for together with the colour.
        min_unseen_class_top1: The same for the unseen classes.
    """

    reports: ClassVar[tuple[str, ...]] = ("tower", "gate")
    class_share: float = Field(default=0.5, ge=0, le=1)
    temperature: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    unseen_classes: int | list[str] = 0
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
        """The unseen classes that are given by name: the tower that is kept has not seen them."""
        return tuple(self.unseen_classes) if isinstance(self.unseen_classes, list) else ()

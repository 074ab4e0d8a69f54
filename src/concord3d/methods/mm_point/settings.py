"""What MM-Point may be told: the ``objective`` section of a run (MM-Point spec 2.5, 3 and 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from concord3d.methods.settings import ObjectMethodSettings
from concord3d.models.forward_pass import ForwardPass, image_pass, point_pass
from concord3d.models.image_encoder_names import ImageEncoderName

ViewAugmentation = Literal["multi_level", "uniform_weak", "uniform_strong", "uniform_crosspoint", "reversed", "none"]
VIEW_AUGMENTATIONS: tuple[str, ...] = get_args(ViewAugmentation)


class MMPointSettings(ObjectMethodSettings):
    """The objective's switches; see MM-Point spec 2.5, 3 and 4.2 for their meaning and origin.

    Attributes:
        views: Views per object and step, m.
        heads: ``per_view``: one intra head and one head pair per view; ``two_level``: one pair of each width, the
            wide one for the intra term and the views 1, 3, ..., the narrow one for the views 2, 4, ...; ``single``:
            one shared 3D and one shared 2D head of width ``head_dim_inter``.
        head_dim_intra: Width of the intra (wide) head.
        head_dim_inter: Width of the inter (narrow) heads.
        pairing: ``split``: views up to ceil(m/2) meet the first augmented cloud, the rest the second; ``mean``: every
            view meets the mean of both clouds' projections.
        inter_reduction: Sum or mean over the views.
        w_intra: Weight of the 3D-3D term, 0 switches it off.
        w_inter: Weight of the 3D-2D terms, 0 switches them off, with the image encoder.
        temperature: Temperature of NT-Xent.
        view_augmentation: Ladder of image transforms.
        point_scale: Range of the factor of a cloud's transform (MM-Point spec 4.1).
        point_translation: Largest share of the cloud's extent by which it moves along an axis.
        point_dropout: Upper end of the ratio of points that are dropped.
        image_encoder: Name of the image encoder shared by all views.
    """

    views: PositiveInt = 4
    heads: Literal["per_view", "two_level", "single"] = "per_view"
    head_dim_intra: PositiveInt = 512
    head_dim_inter: PositiveInt = 128
    pairing: Literal["split", "mean"] = "split"
    inter_reduction: Literal["sum", "mean"] = "sum"
    w_intra: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    w_inter: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    temperature: PositiveFloat = 0.1
    view_augmentation: ViewAugmentation = "multi_level"
    point_scale: tuple[PositiveFloat, PositiveFloat] = (0.5, 2.0)
    point_translation: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    point_dropout: float = Field(default=0.875, ge=0, lt=1)
    image_encoder: ImageEncoderName = "resnet18"

    @model_validator(mode="after")
    def _something_to_train(self) -> MMPointSettings:
        if self.w_intra == 0 and self.w_inter == 0:
            raise ValueError("'w_intra' and 'w_inter' are both zero: nothing to train")
        return self

    @field_validator("point_scale")
    @classmethod
    def _rising(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if not scale[0] <= scale[1] < float("inf"):
            raise ValueError("the range must rise and be finite")
        return scale

    @property
    def num_views(self) -> int:
        """Rendered views that it reads of each object."""
        return self.views if self.w_inter > 0 else 0

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """Two augmented clouds of every object, and its views."""
        clouds = point_pass(run, times=2)
        if not self.num_views:
            return (clouds,)
        return clouds, image_pass(self.image_encoder, run["data"]["image_size"], times=self.num_views)


SETTINGS = MMPointSettings

"""What the tower behind depth views may be told: nothing; the pictures stand in the ``data`` section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from concord3d.config.validation import StrictModel, Where, validate
from concord3d.features.depth_form import depth_form
from concord3d.methods.settings import ObjectMethodSettings


class DepthViewsEncoder(StrictModel):
    """The ``encoder`` section: a name alone, because the tower says which encoder sees the pictures."""

    name: Literal["depth_views"]


class DepthViewsSettings(ObjectMethodSettings):
    """No settings; ``data.tower`` names the tower, ``data.view_set`` and ``data.image_size`` what it sees."""

    rebuilt_by: ClassVar[str | None] = "concord3d.methods.depth_views.method"
    is_trained: ClassVar[bool] = False
    reads_data: ClassVar[bool] = False
    starts_fitted: ClassVar[bool] = True
    through_tower: ClassVar[bool] = True
    shows_clouds: ClassVar[bool] = True
    draws: ClassVar[bool] = False
    encoders: ClassVar[tuple[str, ...] | None] = ("depth_views",)

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the ``encoder`` section."""
        validate(DepthViewsEncoder, dict(encoder), where)
        return ("concord3d.features.depth_views",)

    def check_tower(self, data: Mapping[str, Any], tower: Mapping[str, Any], where: Where = "data") -> None:
        """Refuse a tower that was fitted on other pictures; see :func:`concord3d.features.depth_form.depth_form`."""
        depth_form(data, tower, where)


SETTINGS = DepthViewsSettings

"""What a tower and a point encoder together may be told: nothing; the earlier training says which encoder it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from concord3d.config.validation import StrictModel, Where, validate
from concord3d.features.depth_form import depth_form
from concord3d.methods.settings import ObjectMethodSettings

ENCODER = "encoder"


class TowerAndEncoderEncoder(StrictModel):
    """The ``encoder`` section: a name alone, because the earlier training and the tower say what is inside."""

    name: Literal["tower_and_encoder"]


class TowerAndEncoderSettings(ObjectMethodSettings):
    """No settings; ``data.tower`` names the tower, ``data.view_set`` and ``data.image_size`` what it sees."""

    rebuilt_by: ClassVar[str | None] = "concord3d.methods.tower_and_encoder.method"
    is_trained: ClassVar[bool] = False
    reads_data: ClassVar[bool] = False
    starts_fitted: ClassVar[bool] = True
    through_tower: ClassVar[bool] = True
    shows_clouds: ClassVar[bool] = True
    encoders: ClassVar[tuple[str, ...] | None] = ("tower_and_encoder",)

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the ``encoder`` section."""
        validate(TowerAndEncoderEncoder, dict(encoder), where)
        return ("concord3d.features.tower_and_encoder",)

    @property
    def roles(self) -> tuple[str, ...]:
        """The training of the point encoder."""
        return (ENCODER,)

    def check_tower(self, data: Mapping[str, Any], tower: Mapping[str, Any], where: Where = "data") -> None:
        """Refuse a tower that was fitted on other pictures; see :func:`concord3d.features.depth_form.depth_form`."""
        depth_form(data, tower, where)


SETTINGS = TowerAndEncoderSettings

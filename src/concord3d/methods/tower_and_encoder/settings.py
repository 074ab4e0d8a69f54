"""What a tower and a point encoder together may be told: nothing; the earlier training says which encoder it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from concord3d.config.validation import StrictModel, Where, validate
from concord3d.methods.depth_views.settings import DepthViewsSettings

ENCODER = "encoder"


class TowerAndEncoderEncoder(StrictModel):
    """The ``encoder`` section: a name alone, because the earlier training and the tower say what is inside."""

    name: Literal["tower_and_encoder"]


class TowerAndEncoderSettings(DepthViewsSettings):
    """No settings; ``data.tower``, ``data.view_set``, ``data.image_size`` as for depth views alone."""

    rebuilt_by: ClassVar[str | None] = "concord3d.methods.tower_and_encoder.method"
    # Nothing is drawn here, but the encoder differs from seed to seed.
    draws: ClassVar[bool] = True
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


SETTINGS = TowerAndEncoderSettings

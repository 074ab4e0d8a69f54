"""What averages of given features may be told: nothing; ``data`` names the features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import PositiveInt

from concord3d.config.validation import StrictModel, Where, validate
from concord3d.methods.settings import MethodSettings
from concord3d.models.forward_pass import ForwardPass


class GivenAveragesEncoder(StrictModel):
    """The ``encoder`` section.

    Attributes:
        name: That of the method.
        out_dim: Width of the features, which pictures, points and texts share.
    """

    name: Literal["given_averages"]
    out_dim: PositiveInt


class GivenAveragesSettings(MethodSettings):
    """No settings; ``data.picture_encoder``, ``data.sentence_encoder`` and ``data.point_encoder`` name the features."""

    data: ClassVar[str] = "scan_objects"
    saved: ClassVar[tuple[str, ...]] = ("objects",)
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.given_averages.method"
    is_trained: ClassVar[bool] = False
    reads_data: ClassVar[bool] = False
    starts_fitted: ClassVar[bool] = True
    draws: ClassVar[bool] = False
    encodes: ClassVar[Literal["clouds", "sweeps"] | None] = None
    encoders: ClassVar[tuple[str, ...] | None] = ("given_averages",)

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the ``encoder`` section."""
        validate(GivenAveragesEncoder, dict(encoder), where)
        return ("concord3d.features.object_projections",)

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """Nothing: there is nothing to train."""
        return ()


SETTINGS = GivenAveragesSettings

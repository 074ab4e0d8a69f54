"""Ranges of the random transform of the points of a whole scan (CrossOver spec 3.4). Read without torch."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]


class ScanAugmentation(BaseModel):
    """Ranges of the transform; the defaults are the release's.

    Attributes:
        scale: Isotropic scale factor, uniform.
        spin: Angle about the z axis (up) in radians, uniform in [0, spin).
        rotation_sigma: Standard deviation in radians of a small rotation about each axis.
        rotation_clip: Its largest absolute angle, radians.
        shift: One number in +- this, in metres, is added to all three coordinates.
        jitter_sigma: Standard deviation of the noise of each coordinate, metres.
        jitter_clip: Largest absolute noise, metres.
        dropout: Range of the share of points that the first one replaces.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: tuple[PositiveFloat, PositiveFloat] = (0.8, 1.25)
    spin: Amount = 2 * math.pi
    rotation_sigma: Amount = 0.06
    rotation_clip: Amount = 0.18
    shift: Amount = 0.1
    jitter_sigma: Amount = 0.01
    jitter_clip: Amount = 0.05
    dropout: tuple[Share, Share] = (0.05, 0.14)

    @model_validator(mode="after")
    def _ascending(self) -> ScanAugmentation:
        if self.scale[0] > self.scale[1] or self.dropout[0] > self.dropout[1]:
            raise ValueError("'scale' and 'dropout' have the lower end first")
        return self

"""Strengths of the weak and the strong transform of clouds. Read without torch."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, field_validator

Ends = tuple[float, float]


class _Strengths(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("scale", "rotation", check_fields=False)
    @classmethod
    def _ascending(cls, ends: Ends) -> Ends:
        if not (all(map(math.isfinite, ends)) and ends[0] <= ends[1]):
            raise ValueError("two finite ends, the lower one first")
        return ends


class WeakSettings(_Strengths):
    """What the teacher's clouds go through.

    Attributes:
        scale: Range of the isotropic scale factor.
        rotation_sigma: Standard deviation in radians of a small rotation about each axis.
        rotation_clip: Largest absolute angle of the small rotation, radians.

    Source: Cross-MoST spec 3.2.
    """

    scale: tuple[PositiveFloat, PositiveFloat] = (0.9, 1.1)
    rotation_sigma: float = Field(default=0.06, ge=0, allow_inf_nan=False)
    rotation_clip: float = Field(default=0.18, ge=0, allow_inf_nan=False)


class StrongSettings(_Strengths):
    """What the student's clouds go through.

    Attributes:
        scale: Range of the isotropic scale factor.
        rotation: Range of the angle about the y axis (up), radians.
        shift: Largest shift per axis, as a share of the extent of the bounding box.
        jitter_std: Standard deviation of the noise, in units of the scaled cloud.
        jitter_clip: Largest absolute noise, same units.
        max_dropout: Upper end of the share of points that become the first point; 0 drops none.

    Source: Cross-MoST spec 3.2.
    """

    scale: tuple[PositiveFloat, PositiveFloat] = (0.5, 2.0)
    rotation: Ends = (0.0, 2 * math.pi)
    shift: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    jitter_std: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    jitter_clip: float = Field(default=0.05, ge=0, allow_inf_nan=False)
    max_dropout: float = Field(default=0.875, ge=0, le=1)


class WeakStrongSettings(BaseModel):
    """Both transforms of a cloud, and which side gets more points where there are few.

    Attributes:
        weak: Of the teacher.
        strong: Of the student.
        num_points: Clouds with fewer points are up-sampled to this number after the transform.
        upsampled: Which side that is done to: ``student`` (Cross-MoST spec 9, trap 10), ``both`` or ``none``.
        num_neighbours: How many nearest points a new point is the mean of.

    Source: Cross-MoST spec 3.2; its crop is left out because it changes no cloud (Cross-MoST spec 9, trap 3).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weak: WeakSettings = WeakSettings()
    strong: StrongSettings = StrongSettings()
    num_points: PositiveInt = 8192
    upsampled: Literal["student", "both", "none"] = "student"
    num_neighbours: PositiveInt = 10

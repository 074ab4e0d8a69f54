"""What supervised classification may be told: the ``objective`` section of a run."""

from __future__ import annotations

from pydantic import Field

from concord3d.methods.settings import ObjectMethodSettings


class SupervisedSettings(ObjectMethodSettings):
    """Settings of the supervised reference (MM-Point spec 6.3).

    Attributes:
        label_smoothing: Weight of the uniform distribution in the target.
    """

    label_smoothing: float = Field(default=0.2, ge=0, lt=1)


SETTINGS = SupervisedSettings

"""What an untrained encoder may be told: nothing."""

from __future__ import annotations

from typing import ClassVar, Literal

from concord3d.methods.settings import ObjectMethodSettings


class RandomInitSettings(ObjectMethodSettings):
    """No settings."""

    is_trained: ClassVar[bool] = False
    reads_data: ClassVar[bool] = False
    encodes: ClassVar[Literal["clouds", "sweeps"] | None] = None


SETTINGS = RandomInitSettings

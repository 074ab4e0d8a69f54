"""What an untrained encoder may be told: nothing."""

from __future__ import annotations

from typing import ClassVar

from concord3d.methods.settings import ObjectMethodSettings


class RandomInitSettings(ObjectMethodSettings):
    """No settings."""

    is_trained: ClassVar[bool] = False


SETTINGS = RandomInitSettings

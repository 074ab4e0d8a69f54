"""What an aligned tower's view of objects may be told: nothing."""

from __future__ import annotations

from typing import ClassVar

from concord3d.methods.tower_objects import TowerObjectSettings


class ObjectAveragesSettings(TowerObjectSettings):
    """No settings."""

    rebuilt_by: ClassVar[str | None] = "concord3d.methods.object_averages.method"
    reads_data: ClassVar[bool] = False
    encoders: ClassVar[tuple[str, ...] | None] = ("object_averages",)


SETTINGS = ObjectAveragesSettings

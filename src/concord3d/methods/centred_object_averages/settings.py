"""What a centred view of objects may be told: nothing."""

from __future__ import annotations

from typing import ClassVar

from concord3d.methods.tower_objects import TowerObjectSettings


class CentredObjectAveragesSettings(TowerObjectSettings):
    """No settings; the training scans are read for the means that are taken off.

    Attributes:
        loose_objects: Whether it reads objects one by one.
    """

    rebuilt_by: ClassVar[str | None] = "concord3d.methods.centred_object_averages.method"
    encoders: ClassVar[tuple[str, ...] | None] = ("centred_object_averages",)
    loose_objects: ClassVar[bool] = False


SETTINGS = CentredObjectAveragesSettings

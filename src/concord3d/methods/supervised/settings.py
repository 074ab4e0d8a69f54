"""What supervised classification may be told: the ``objective`` section of a run."""

from __future__ import annotations

from typing import ClassVar, Literal

from concord3d.methods.settings import LabelMethodSettings, ObjectMethodSettings


class SupervisedSettings(LabelMethodSettings, ObjectMethodSettings):
    """Settings of supervised classification (MM-Point spec 6.3).

    Attributes:
        start: See :class:`concord3d.methods.settings.LabelMethodSettings`.
        label_smoothing: See there.
        points: ``drawn`` takes random points of a cloud at every step, ``first`` the first ones always, as the
            published recipe of fine-tuning does.
        augment: Scale and shift per axis.
    """

    saved: ClassVar[tuple[str, ...]] = ("point", "classifier")
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.supervised.method"

    points: Literal["drawn", "first"] = "drawn"
    augment: bool = True


SETTINGS = SupervisedSettings

"""What the training of an aligned tower may be told: the ``objective`` section of a tower's run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from concord3d.config.validation import Where, validate
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.methods.alignment_settings import AlignmentSettings
from concord3d.models.forward_pass import ForwardPass


class AlignedSettings(AlignmentSettings):
    """The ridge regression that a projection starts from, the contrastive loss that trains it on, and the gate.

    Attributes:
        alpha: Penalty of the ridge regression, on standardised features of all pictures.
        unseen_apart: Whether the tower that is kept is the one that was never fitted on the unseen classes: what it
            does on them is then zero-shot for its alignment too. If not, the tower that is kept is fitted on all
            classes, and the gate measures a second regression, without these classes and without the steps.
    """

    data: ClassVar[str] = "picture_features"
    saved: ClassVar[tuple[str, ...]] = ("projection",)
    starts_fitted: ClassVar[bool] = True
    alpha: float = Field(default=300.0, gt=0, allow_inf_nan=False)
    unseen_apart: bool = True

    @property
    def never_seen(self) -> tuple[str, ...]:
        """The unseen classes that are given by name, where the tower that is kept has not seen them."""
        return super().never_seen if self.unseen_apart else ()

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the ``encoder`` section, which is the tower's configuration; its encoders are opened by name."""
        validate(AlignedTowerConfig, dict(encoder), where)
        return ()

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """Nothing: a regression in closed form is the work, and the encoders' is that of other nodes."""
        return ()


SETTINGS = AlignedSettings

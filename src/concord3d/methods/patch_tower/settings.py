"""What the training of a patch tower may be told: the ``objective`` section of a tower's run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, PositiveInt

from concord3d.config.validation import Where, validate
from concord3d.features.tower_config import PatchTowerConfig
from concord3d.methods.alignment_settings import AlignmentSettings
from concord3d.models.forward_pass import ForwardPass

_EXAMPLES = "concord3d.methods.patch_tower.examples"


class PatchTowerSettings(AlignmentSettings):
    """Losses, masks, what becomes of the trunk, and the gate.

    The tower that is kept was never fitted on the unseen classes.

    Attributes:
        class_weight: Weight of the cross-entropy of pictures over the sentences about the classes; an object without a
            class has no part in it.
        contrast_weight: Weight of the contrastive loss between pictures and what their objects are.
        label_smoothing: Mass of the class that the wrong ones share.
        trunk_rate: Factor of the learning rate for the trunk. With 0 it is frozen, and its map of each picture is
            computed once.
        dropout: Probability of dropping a hidden value in the transformer.
        mask_share: Share of the pictures of which patches are hidden.
        mask_ratio: Share of the cells of such a picture that is hidden.
        mask_cell: Patches per side of a cell.
    """

    data: ClassVar[str] = "pictures"
    saved: ClassVar[tuple[str, ...]] = ("pictures",)
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.patch_tower.method"
    class_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    contrast_weight: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    trunk_rate: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    mask_share: float = Field(default=0.0, ge=0, le=1)
    mask_ratio: float = Field(default=0.5, ge=0, le=1)
    mask_cell: PositiveInt = 2

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the ``encoder`` section, which is the tower's configuration; its encoders are opened by name."""
        validate(PatchTowerConfig, dict(encoder), where)
        return ()

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """The transformer, and the trunk where it is trained or patches are hidden.

        The maps of a frozen trunk, which are computed once for all epochs, are left out.
        """
        told = {"encoder": dict(run["encoder"])}
        times, trained = (1.0, True) if self.trunk_rate else (self.mask_share, False)
        trunk = ForwardPass(run["encoder"]["trunk"]["encoder"], f"{_EXAMPLES}:of_trunk", told, times, trained)
        return (ForwardPass("hybrid_vit", f"{_EXAMPLES}:of_tokens", told), *([trunk] if times else []))


SETTINGS = PatchTowerSettings

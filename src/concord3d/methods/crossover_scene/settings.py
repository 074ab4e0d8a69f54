"""What the alignment of whole scans may be told: the ``objective`` section of a run (CrossOver spec 3.3 to 4, 11)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat

from concord3d.config.validation import Where, validate
from concord3d.geometry.scan_augment_settings import Amount, ScanAugmentation
from concord3d.methods.settings import EXTRACTOR, MethodSettings
from concord3d.models.forward_pass import ForwardPass
from concord3d.models.scan_encoder_forms import (
    FUSED,
    OBJECT_MODALITIES,
    SCENE_MODALITIES,
    SceneEncoderShape,
    points_modules,
)

# Role of the training whose encoder of objects is taken.
INSTANCE = "instance"


class CrossOverSceneSettings(MethodSettings):
    """Settings of the alignment of scans; the defaults are the unified encoders with clean masks.

    Attributes:
        variant: ``anchor``: each modality of scans meets the fused vector; ``all_pairs``: all of them meet, the fused
            one too; ``uni_modal``: there is nothing but the fusion, and what it makes of one modality of objects alone
            meets what it makes of all.
        temperature: tau at the start.
        learn_temperature: Whether it is trained, as the paper says, or stays, as released.
        learn_term_weights: Whether the weights of the terms (alpha, beta, gamma of Eq. 3) are trained, as a softmax
            whose mean is 1; as released each is 1.
        fusion: See :class:`concord3d.models.scan_encoder_forms.SceneEncoderForm`.
        floorplan_path: See there.
        instance_weight: Weight of the loss of the objects (Eq. 4), pictures with each other modality, which trains the
            encoder of objects further; 0 freezes it, as released.
        release_quirks: Whether scans without a modality are candidates of the loss, and the frozen encoder of objects
            stays in training mode, as released.
        augment: How points are transformed; null leaves them.
    """

    data: ClassVar[str] = "scan_scenes"
    saved: ClassVar[tuple[str, ...]] = ("scenes",)
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.crossover_scene.method"
    encodes: ClassVar[Literal["clouds", "sweeps"] | None] = None
    encoders: ClassVar[tuple[str, ...] | None] = ("scene_encoder",)

    variant: Literal["anchor", "all_pairs", "uni_modal"] = "anchor"
    temperature: PositiveFloat = 0.07
    learn_temperature: bool = False
    learn_term_weights: bool = False
    fusion: Literal["softmax", "others"] = "softmax"
    floorplan_path: Literal["head", "frames"] = "head"
    instance_weight: Amount = 0.0
    release_quirks: bool = False
    augment: ScanAugmentation | None = ScanAugmentation()

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the ``encoder`` section; see :class:`SceneEncoderShape`."""
        shape = validate(SceneEncoderShape, dict(encoder), where)
        return ("concord3d.models.scene_encoder", *points_modules(shape.points))

    @property
    def roles(self) -> tuple[str, ...]:
        """The training whose point encoder has seen the objects, and that whose encoder of objects is taken."""
        return (EXTRACTOR, INSTANCE)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The modalities that meet."""
        others = OBJECT_MODALITIES if self.variant == "uni_modal" else SCENE_MODALITIES
        if self.variant == "all_pairs":
            return tuple(combinations((FUSED, *others), 2))
        return tuple((FUSED, other) for other in others)

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """The encoder on one scan."""
        arguments = {
            "encoder": dict(run["encoder"]),
            "fused_only": self.variant == "uni_modal",
            "num_points": run["data"].get("scene_points"),
        }
        name = "scene_fusion" if self.variant == "uni_modal" else "scene_encoder"
        return (ForwardPass(name, "concord3d.models.scan_examples:of_scene", arguments),)


SETTINGS = CrossOverSceneSettings

"""What MM-Mixing may be told: the ``objective`` section of a run (MM-Mixing spec 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from concord3d.geometry.mixing.settings import MixingSettings, OperatorName
from concord3d.methods.settings import ObjectMethodSettings
from concord3d.models.forward_pass import ForwardPass, point_pass


class MMMixingSettings(ObjectMethodSettings):
    """The objective's switches; see MM-Mixing spec 3 for their meaning and origin.

    Attributes:
        stage: ``align``: no mixing, the loss L0; ``feature``: stage 1, features of two clouds and of their targets are
            mixed; ``dual``: stage 2, clouds are mixed and meet mixed targets, with the frozen encoder of stage 1 as
            teacher where ``w_teacher`` is not 0; ``dual_warm``: the same, and the encoder starts from the weights of
            its teacher where that of ``dual`` starts from random ones; ``joint``: both at once in one stage, without a
            teacher.
        w_clean: Weight of the terms on clean clouds (w_c), 0 switches them off.
        w_mix: Weight of the mixed terms on images and texts (w_m), 0 switches them off.
        w_teacher: Weight of the mixed term on the teacher's features (w_p); stage 2 only.
        beta: lambda is drawn from Beta(beta, beta).
        lambda_per: One lambda per ``sample``, or one per ``batch`` of each process.
        lambda_fixed: Takes the place of the draw; 1 is the control without mixing.
        mix_probability: Share of a batch whose clouds are mixed; the others feed the terms on clean clouds, so that
            one forward pass serves both. At least one object is on either side unless the share is 0 or 1. Stage 2
            and ``joint`` only.
        targets: ``mixed``: a mixture meets the mixture of the two targets; ``soft_label``: it meets both targets
            unmixed, with weights lambda and 1 - lambda (the second reading of MM-Mixing spec 3.2; in stage 2 without
            a teacher it is input-level mixing alone); ``mixed_shared``: as ``mixed``, and clouds mixed and unmixed
            are contrasted in one set, so that each has the targets of both as candidates and weighs the same, with
            ``w_clean`` + ``w_mix`` as the weight of all. ``mixed`` gives either side only its own targets, half as
            many. Stage 2 only, with equal weights and both towers (MM-Mixing spec 3.5). ``class_names``: a reference
            without mixing: cross-entropy among the mean texts of all classes in place of contrast within a batch with
            pictures and texts; labels say which class a cloud is of. ``align`` only.
        modalities: Which towers the mixed terms use.
        operator: How clouds are mixed, one of ``concord3d.geometry.mixing.OPERATORS``.
        mixing: Constants of the operators.
        chunk_size: Rows of logits held at once; null holds all.
        grey_probability: Probability that a cloud, or both clouds of a pair, lose their colour.
        grey_value: r, g and b of clouds without colour.
        max_dropout: Upper end of the share of points that are dropped.
        scale: Range of the scale factor, see :class:`~concord3d.geometry.augment.ColouredAugmentation`, like the rest.
        shift: Largest shift per axis.
        rotation_sigma: Standard deviation of the small rotation.
        rotation_clip: Largest angle of the small rotation.
        spin: Upper end of the angle about the upright axis.
    """

    reads_targets: ClassVar[bool] = True
    stage: Literal["align", "feature", "dual", "dual_warm", "joint"] = "align"
    w_clean: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    w_mix: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    w_teacher: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    beta: PositiveFloat = 1.0
    lambda_per: Literal["sample", "batch"] = "sample"
    lambda_fixed: float | None = Field(default=None, ge=0, le=1)
    mix_probability: float = Field(default=0.5, ge=0, le=1)
    targets: Literal["mixed", "soft_label", "mixed_shared", "class_names"] = "mixed"
    modalities: Literal["both", "text", "image"] = "both"
    operator: OperatorName = "point_cut_mix_r"
    mixing: MixingSettings = MixingSettings()
    chunk_size: PositiveInt | None = None
    grey_probability: float = Field(default=0.5, ge=0, le=1)
    grey_value: float = Field(default=0.4, ge=0, le=1)
    max_dropout: float = Field(default=0.875, ge=0, lt=1)
    scale: tuple[PositiveFloat, PositiveFloat] = (0.8, 1.25)
    shift: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    rotation_sigma: float = Field(default=0.06, ge=0, allow_inf_nan=False)
    rotation_clip: float = Field(default=0.18, ge=0, allow_inf_nan=False)
    spin: float = Field(default=2 * math.pi, ge=0, allow_inf_nan=False)

    @field_validator("scale")
    @classmethod
    def _ascending(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if ends[0] > ends[1]:
            raise ValueError("the lower end first")
        return ends

    @model_validator(mode="after")
    def _something_to_train(self) -> MMMixingSettings:
        mixes = self.stage != "align"
        has_clean = self.w_clean > 0 and not (self.mixes_clouds and self.mix_probability == 1)
        has_mixed = mixes and self.w_mix > 0 and not (self.is_second_stage and self.mix_probability == 0)
        if not (has_clean or has_mixed):
            shown = ", ".join(
                f"{key} = {getattr(self, key)}" for key in ("stage", "w_clean", "w_mix", "mix_probability")
            )
            raise ValueError(f"no term on images or texts is left: nothing to train ({shown})")
        return self

    @model_validator(mode="after")
    def _switches_fit(self) -> MMMixingSettings:
        if self.stage == "dual_warm" and self.w_teacher == 0:
            raise ValueError(
                "stage = dual_warm starts from the teacher, and w_teacher = 0 leaves none: raise w_teacher"
            )
        if self.targets == "class_names" and self.stage != "align":
            raise ValueError(
                f"targets = class_names mixes nothing and needs stage = align (found stage = {self.stage})"
            )
        fits = self.is_second_stage and 0 < self.w_clean == self.w_mix and self.modalities == "both"
        if self.targets == "mixed_shared" and not fits:
            raise ValueError(
                "targets = mixed_shared needs stage dual or dual_warm, w_clean = w_mix > 0 and modalities = both "
                f"(found stage = {self.stage}, w_clean = {self.w_clean}, w_mix = {self.w_mix}, "
                f"modalities = {self.modalities})"
            )
        return self

    @property
    def mixes_clouds(self) -> bool:
        """Whether clouds are mixed, not features alone."""
        return self.stage in ("dual", "dual_warm", "joint")

    @property
    def is_second_stage(self) -> bool:
        """Whether this is stage 2, after a stage 1 of its own."""
        return self.stage in ("dual", "dual_warm")

    @property
    def mixed_modalities(self) -> tuple[str, ...]:
        """The towers that the mixed terms use."""
        return ("image", "text") if self.modalities == "both" else (self.modalities,)

    @property
    def roles(self) -> tuple[str, ...]:
        """``teacher`` where the loss has a term on a teacher's features."""
        return ("teacher",) if self.is_second_stage and self.w_teacher > 0 else ()

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """One pass of mixed and clean clouds together; the teacher sees both clouds of every pair."""
        clouds = 1.0 if not self.is_second_stage or self.w_clean > 0 else self.mix_probability
        student = point_pass(run, times=clouds)
        if not self.roles:
            return (student,)
        return student, point_pass(run, times=2 * self.mix_probability, is_trained=False)

    def weight_of(self, term: str) -> float:
        """Return the weight of a named term."""
        if term == "input_teacher":
            return self.w_teacher
        if term.startswith("shared"):
            return self.w_clean + self.w_mix
        return self.w_clean if term.startswith("clean") else self.w_mix


SETTINGS = MMMixingSettings

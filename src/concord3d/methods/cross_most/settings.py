"""What Cross-MoST may be told: the ``objective`` section of a run (Cross-MoST spec 3, 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from concord3d.config.validation import Places, Where
from concord3d.errors import ConfigError
from concord3d.geometry.weak_strong_settings import WeakStrongSettings
from concord3d.methods.settings import INIT, MethodSettings
from concord3d.models.forward_pass import ForwardPass, point_pass

Probability = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# A number, or one for each data set, with ``default`` for those that are not named.
PerDataset = Probability | dict[str, Probability]
DEFAULT = "default"
BRANCHES = ("pictures", "points")


class CrossMoSTSettings(MethodSettings):
    """Teacher, labels, losses and rates.

    Attributes:
        start: ``earlier`` takes the point encoder of the training in the role ``init``; ``scratch`` a random one.
        only: The one branch that is trained, alone; null trains both.
        labels: Who labels an object, see :func:`concord3d.methods.cross_most.pseudo_labels.labels_of`.
        point_factor: omega_P, which the point branch's confidence is multiplied by.
        joint_threshold: Confidence above which a joint label is kept; null where ``coverage`` is given.
        picture_threshold: Likewise of the picture branch's own label.
        point_threshold: Likewise of the point branch's own label.
        agreement_threshold: Likewise of the less confident branch, where both must agree.
        coverage: Share of the objects that the initial teacher's labels cover, from which the thresholds are set; null
            where they are given.
        fairness_weight: Weight of the fairness of each branch.
        picture_mask_weight: Weight of the reconstruction of hidden patches.
        point_mask_weight: Weight of the reconstruction of hidden groups.
        global_local_weight: Weight of the agreement of hidden tokens with the whole, in each branch.
        cross_modal_weight: Weight of the alignment of both branches.
        cross_modal_scale: Factor of its cosines; 1 as published, without a temperature.
        entropy_weight: Weight of the mean entropy of each branch's predictions.
        mask_groups: Range of the share of a cloud's groups that is hidden.
        mim_norm: What the reconstruction of patches is divided by besides: the number of ``tokens`` (the released code)
            or of ``channels`` (MUST).
        mpm_target: What hidden groups are predicted as: the ``token`` before the mask, the ``mask_token`` (the released
            code), or the ``points`` of the group.
        tokeniser_statistics: Whether the frozen tokeniser's norms use statistics of the batch (the released code).
        clouds: How clouds are changed.
        ema_start: Share of the teacher that stays at the first step.
        ema_end: Share that stays after the ramp.
        ema_ramp_steps: Length of the ramp in steps.
        ema_of_steps: Length of the training that shares and ramp are stated for. A training of another length gives the
            teacher as much of its past at each fraction of its way: one of a hundredth of the length takes a hundred
            steps of the average at once. Null takes them as they are.
        initial_scale: Factor of the cosines at the start.
        layer_decay: Factor of the learning rate from each layer of the picture encoder to the one below.
        trunk_rate: Factor of the learning rate for the picture encoder's trunk; 0 freezes it.
        export_every: Epochs between two exports of the labels; the first epoch's are exported too.
    """

    data: ClassVar[str] = "unlabelled"
    saved: ClassVar[tuple[str, ...]] = ("adapted",)
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.cross_most.adapted"
    exports: ClassVar[bool] = True
    starts_fitted: ClassVar[bool] = True
    through_tower: ClassVar[bool] = True
    takes_released: ClassVar[bool] = True
    sees_patches: ClassVar[bool] = True
    encoders: ClassVar[tuple[str, ...] | None] = ("point_transformer",)

    start: Literal["earlier", "scratch"] = "earlier"
    only: Literal["pictures", "points"] | None = None
    labels: Literal["joint", "per_modality", "random", "agreement", "from_pictures", "from_points"] = "joint"
    point_factor: PerDataset = 0.9
    joint_threshold: PerDataset | None = 0.84
    picture_threshold: PerDataset | None = 0.8
    point_threshold: PerDataset | None = 0.82
    agreement_threshold: Probability = 0.2
    coverage: float | None = Field(default=None, gt=0, le=1)
    fairness_weight: Weight = 1.0
    picture_mask_weight: Weight = 1.0
    point_mask_weight: Weight = 1.0
    global_local_weight: Weight = 0.2
    cross_modal_weight: Weight = 1.0
    cross_modal_scale: PositiveFloat = 1.0
    entropy_weight: Weight = 0.0
    mask_groups: tuple[Probability, Probability] = (0.3, 0.4)
    mim_norm: Literal["tokens", "channels"] = "tokens"
    mpm_target: Literal["token", "mask_token", "points"] = "token"
    tokeniser_statistics: bool = False
    clouds: WeakStrongSettings = WeakStrongSettings()
    ema_start: Probability = 0.99
    ema_end: Probability = 0.9998
    ema_ramp_steps: PositiveInt = 400
    ema_of_steps: PositiveInt | None = None
    initial_scale: PositiveFloat = 100.0
    layer_decay: float = Field(default=0.65, gt=0, le=1)
    trunk_rate: float = Field(default=1.0, ge=0)
    export_every: PositiveInt = 1

    @field_validator("point_factor", "joint_threshold", "picture_threshold", "point_threshold")
    @classmethod
    def _for_every_data_set(cls, value: PerDataset | None) -> PerDataset | None:
        if isinstance(value, dict) and DEFAULT not in value:
            raise ValueError(f"numbers per data set need one for '{DEFAULT}'")
        return value

    @field_validator("mask_groups")
    @classmethod
    def _ascending(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if ends[0] > ends[1]:
            raise ValueError("the lower end first")
        return ends

    @model_validator(mode="after")
    def _one_way_each(self) -> CrossMoSTSettings:
        given = [name for name in _THRESHOLDS if getattr(self, name) is not None]
        if self.coverage is not None and given:
            raise ValueError(f"'coverage' sets the thresholds: 'coverage' or '{given[0]}', not both")
        if self.coverage is None and len(given) < len(_THRESHOLDS):
            lacking = next(name for name in _THRESHOLDS if name not in given)
            raise ValueError(f"neither '{lacking}' nor 'coverage' is given")
        if self.only is not None and (self.labels != "per_modality" or self.cross_modal_weight > 0):
            raise ValueError("a branch alone has 'labels: per_modality' and 'cross_modal_weight: 0'")
        return self

    @property
    def roles(self) -> tuple[str, ...]:
        """``init``, where the point encoder is an earlier training's."""
        return (INIT,) if self.start == "earlier" else ()

    @property
    def branches(self) -> tuple[str, ...]:
        """The branches that are trained."""
        return BRANCHES if self.only is None else (self.only,)

    def number(self, name: str, dataset: str) -> float:
        """Return a setting that may differ between data sets.

        Args:
            name: Its name.
            dataset: Name of the data set.
        """
        value: PerDataset = getattr(self, name)
        return value.get(dataset, value[DEFAULT]) if isinstance(value, dict) else value

    def check_tower(self, data: Mapping[str, Any], tower: Mapping[str, Any], where: Where = "data") -> None:
        """Refuse pictures that are made once above a trunk that this training would move."""
        if data.get("num_strong") and self.trunk_rate:
            raise ConfigError(
                "Strong pictures can be made once above a frozen trunk alone, and this training moves it",
                where=where.of(("num_strong",)) if isinstance(where, Places) else f"{where}.num_strong",
                expected="objective.trunk_rate 0, or num_strong 0",
                found=f"num_strong {data['num_strong']}, objective.trunk_rate {self.trunk_rate:g}",
            )

    def teacher_share(self, step: int, num_steps: int) -> float:
        """Return the share of the teacher that stays at a step (Cross-MoST spec 3.1; 9, trap 14).

        Args:
            step: Steps done, from 1.
            num_steps: Steps of the whole training.
        """
        stated = self.ema_of_steps or num_steps
        # The released code counts from 0: at the first step the share is ema_start.
        first, end = (step - 1) * stated // num_steps, step * stated // num_steps
        ramps = (min(1.0, number / self.ema_ramp_steps) for number in range(first, end))
        return math.prod(self.ema_start + (self.ema_end - self.ema_start) * ramp for ramp in ramps)

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """The point encoder, trained and as a teacher; what the picture branch costs is not known."""
        return point_pass(run), point_pass(run, times=1.0, is_trained=False)


_THRESHOLDS = ("joint_threshold", "picture_threshold", "point_threshold")
SETTINGS = CrossMoSTSettings

"""Names of the operators, and their constants."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

OperatorName = Literal[
    "point_cut_mix_r", "point_cut_mix_k", "fps_mix", "point_mixup", "rsmix", "sage_mix", "point_patch_mix"
]
OPERATORS: tuple[str, ...] = get_args(OperatorName)


class MixingSettings(BaseModel):
    """Constants of the operators; each concerns only those that it names.

    Attributes:
        match_points: PointCutMix-K, PointMixup, SageMix: points that are matched one to one by one optimal assignment.
            Larger clouds are cut at random into blocks of at most this size, and each block is matched exactly.
        rsmix_max_share: RSMix: largest share of the points that is cut out and replaced (512 of 1,024 in RSMix).
        sage_sigma: SageMix: standard deviation of the Gaussian kernel around an anchor, in units of the cloud
            (SageMix: 0.3 for DGCNN, 2.0 for PointNet).
        num_patches: PointPatchMix: patches per cloud, all of one size (PointPatchMix: 64 of 32 points; 128 for
            ScanObjectNN). Smaller clouds have one patch per point.

    Source: MM-Mixing spec 3.4.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    match_points: PositiveInt = 2048
    rsmix_max_share: float = Field(default=0.5, gt=0, le=1)
    sage_sigma: PositiveFloat = 0.3
    num_patches: PositiveInt = 64

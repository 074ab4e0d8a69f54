"""What Cross-MoST may be told."""

from __future__ import annotations

from typing import Any

import pytest
from tests.methods.cross_most.pairs import ENCODER, OBJECTIVE

from concord3d.errors import ConfigError
from concord3d.methods.cross_most.settings import CrossMoSTSettings
from concord3d.methods.settings import method_settings

NO_THRESHOLDS = {"joint_threshold": None, "picture_threshold": None, "point_threshold": None}
ALONE = {"labels": "per_modality", "cross_modal_weight": 0.0}


def settings(**told: Any) -> CrossMoSTSettings:
    found = method_settings("cross_most", told)
    assert isinstance(found, CrossMoSTSettings)
    return found


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"coverage": 0.5}, "'coverage' or 'joint_threshold', not both"),
        ({"coverage": 0.5, **NO_THRESHOLDS, "point_threshold": 0.3}, "'coverage' or 'point_threshold', not both"),
        ({"joint_threshold": None}, "neither 'joint_threshold' nor 'coverage'"),
        (NO_THRESHOLDS, "neither 'joint_threshold' nor 'coverage'"),
        ({"joint_threshold": 1.2}, "joint_threshold"),
        ({"picture_threshold": -0.1}, "picture_threshold"),
        ({"point_threshold": {"default": 0.5, "redwood": 2}}, "point_threshold.*redwood"),
        ({"joint_threshold": {"redwood": 0.5}}, "need one for 'default'"),
        ({"agreement_threshold": 7}, "agreement_threshold"),
        ({"point_factor": 1.1}, "point_factor"),
        ({"coverage": 0, **NO_THRESHOLDS}, "coverage"),
        ({"coverage": 1.01, **NO_THRESHOLDS}, "coverage"),
        ({"ema_of_steps": 0}, "ema_of_steps"),
        ({"ema_start": 1.5}, "ema_start"),
        ({"mask_groups": [0.4, 0.3]}, "lower end first"),
        ({"only": "points"}, "a branch alone has 'labels: per_modality'"),
        ({"only": "points", "labels": "per_modality"}, "'cross_modal_weight: 0'"),
        ({"only": "pixels", **ALONE}, "only"),
        ({"labels": "joined"}, "did you mean 'joint'"),
        ({"fairness_wieght": 1}, "did you mean 'fairness_weight'"),
        ({"cross_modal_weight": float("inf")}, "cross_modal_weight"),
        ({"clouds": {"upsampled": "teacher"}}, "upsampled"),
        ({"mpm_target": "dvae_codes"}, "mpm_target.*'token', 'mask_token' or 'points'"),
    ],
)
def test_mistakes_are_named(told: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){words}"):
        settings(**told)


def test_a_number_may_differ_between_data_sets() -> None:
    told = settings(point_factor={"default": 1, "redwood": 0.9}, joint_threshold=0.7)
    assert [told.number("point_factor", name) for name in ("redwood", "co3d")] == [0.9, 1]
    assert told.number("joint_threshold", "redwood") == 0.7


def test_the_defaults_are_those_of_the_table_of_traps() -> None:
    """Cross-MoST spec 9."""
    told = settings()
    assert told.mpm_target == "token", "trap 1"
    assert told.mim_norm == "tokens", "trap 2"
    assert not told.tokeniser_statistics, "trap 11"
    assert told.cross_modal_scale == 1, "trap 12"
    assert (told.ema_ramp_steps, told.ema_of_steps) == (400, None), "trap 14"
    assert told.teacher_share(50, 50) == told.teacher_share(50, 5000) < told.teacher_share(401, 5000), "trap 14"
    assert (told.clouds.upsampled, told.clouds.num_points) == ("student", 8192), "trap 10"
    weights = told.fairness_weight, told.picture_mask_weight, told.point_mask_weight, told.cross_modal_weight
    assert weights == (1, 1, 1, 1) and told.global_local_weight == 0.2 and told.entropy_weight == 0


def test_roles_and_branches_follow_from_the_start_and_from_what_is_trained() -> None:
    assert settings().roles == ("init",) and settings(start="scratch").roles == ()
    assert settings().branches == ("pictures", "points") and settings(only="points", **ALONE).branches == ("points",)


def test_the_point_encoder_is_met_twice_and_trained_once() -> None:
    run = {"encoder": ENCODER, "data": {"num_points": 30}}
    trained = [one.is_trained for one in method_settings("cross_most", OBJECTIVE).forward_passes(run)]
    assert trained == [True, False]

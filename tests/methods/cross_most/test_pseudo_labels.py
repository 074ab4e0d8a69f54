"""Labels that a teacher gives; the rules themselves stand against their transcription in tests/parity."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from concord3d.errors import ConfigError
from concord3d.methods.cross_most.pseudo_labels import (
    Thresholds,
    Votes,
    coverage_thresholds,
    joint_confidence,
    labels_of,
    votes_of,
)


def draw() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def votes(pictures: list[float], points: list[float]) -> Votes:
    zeros = torch.zeros(len(pictures), dtype=torch.int64)
    return Votes(zeros, torch.tensor(pictures), zeros + 1, torch.tensor(points))


def random_votes(count: int, seed: int = 0) -> Votes:
    one, other = (torch.randn(count, 4, generator=torch.Generator().manual_seed(seed + k)) for k in range(2))
    return votes_of(3 * one, 2 * other)


def test_a_vote_is_the_most_likely_class_with_its_probability() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0]])
    found = votes_of(logits, -logits)
    assert (found.picture_label.tolist(), found.point_label.tolist()) == ([1], [0])
    assert found.picture_confidence.item() == pytest.approx(math.exp(3) / sum(map(math.exp, (1, 2, 3))))
    assert found.point_confidence.item() == pytest.approx(math.exp(-1) / sum(map(math.exp, (-1, -2, -3))))


def test_of_equal_confidences_the_picture_labels_and_no_ids_are_added() -> None:
    both = Votes(torch.tensor([2]), torch.tensor([0.5]), torch.tensor([3]), torch.tensor([0.5]))
    found = labels_of(both, "joint", Thresholds(0.4, 0, 0), draw())
    assert (found.pictures.tolist(), found.points.tolist(), found.from_points.tolist()) == ([2], [2], [False])


def test_the_factor_of_the_points_decides_who_labels_and_what_is_kept() -> None:
    cases = votes([0.8, 0.8, 0.2], [0.85, 0.95, 0.93])
    found = labels_of(cases, "joint", Thresholds(0.84, 0, 0, point_factor=0.9), draw())
    assert found.pictures.tolist() == [0, 1, 1] and found.pictures_kept.tolist() == [False, True, False]
    assert joint_confidence(cases, 0.9).tolist() == pytest.approx([0.8, 0.9 * 0.95, 0.9 * 0.93])


def test_a_threshold_itself_is_not_above_the_threshold() -> None:
    found = labels_of(votes([0.5, 0.75], [0.25, 0.25]), "joint", Thresholds(0.5, 0, 0), draw())
    assert found.pictures_kept.tolist() == [False, True]


def test_coins_are_fair_and_come_from_the_generator() -> None:
    cases = votes([0.9] * 400, [0.9] * 400)
    drawn = [labels_of(cases, "random", Thresholds(0.1, 0, 0), draw()).from_points for _ in range(2)]
    assert torch.equal(*drawn) and 150 < int(drawn[0].sum()) < 250


@pytest.mark.parametrize("name", ["joint", "pictures", "points", "agreement"])
@pytest.mark.parametrize("value", [-0.01, 1.01, math.nan])
def test_a_threshold_that_is_no_probability_is_refused(name: str, value: float) -> None:
    told = {"joint": 0.5, "pictures": 0.5, "points": 0.5, name: value}
    with pytest.raises(ConfigError, match=rf"(?s)no probability.*{name}"):
        Thresholds(**told)


def shares(found: Thresholds, of: Votes) -> list[float]:
    joint, own = (labels_of(of, rule, found, draw()) for rule in ("joint", "per_modality"))
    return [float(kept.float().mean()) for kept in (joint.pictures_kept, own.pictures_kept, own.points_kept)]


@settings(max_examples=60)
@given(st.integers(1, 60), st.floats(0.01, 1), st.sampled_from([0.7, 0.9, 1.0]), st.integers(0, 99))
def test_the_share_kept_is_the_coverage_up_to_one_object(count: int, coverage: float, factor: float, seed: int) -> None:
    of = random_votes(count, seed)
    for share in shares(coverage_thresholds(of, coverage, factor), of):
        assert abs(share - coverage) * count < 1 + 1e-6


@pytest.mark.parametrize("coverage", [0.25, 0.5, 0.6, 1.0])
def test_a_share_that_makes_whole_objects_is_kept_exactly(coverage: float) -> None:
    of = random_votes(40)
    assert shares(coverage_thresholds(of, coverage, 0.9), of) == pytest.approx([coverage] * 3)


@pytest.mark.parametrize("confidence", [1.0, 0.25])
def test_objects_that_are_equally_confident_are_not_lost(confidence: float) -> None:
    """A sure teacher says 1 of many objects in single precision, and no number is above 1."""
    of = votes([confidence] * 8 + [0.1, 0.2], [confidence] * 10)
    found = coverage_thresholds(of, 0.5, 1.0)
    assert shares(found, of) == pytest.approx([1.0, 0.8, 1.0]) and 0 <= found.joint < confidence


def test_thresholds_by_coverage_know_the_factor_and_leave_the_agreement() -> None:
    of = random_votes(50)
    found = coverage_thresholds(of, 0.3, 0.8, agreement=0.35)
    assert (found.point_factor, found.agreement) == (0.8, 0.35)
    expected = torch.maximum(of.picture_confidence, 0.8 * of.point_confidence).double().quantile(0.7)
    assert found.joint == pytest.approx(float(expected))
    assert coverage_thresholds(of, 0.3, 1.0).points == found.points


def test_labels_follow_the_device_and_type_of_the_votes() -> None:
    of = random_votes(5)
    found = labels_of(of, "random", Thresholds(0.2, 0.2, 0.2), draw())
    kinds: dict[str, tuple[Tensor, torch.dtype]] = {
        "label": (found.points, torch.int64), "kept": (found.points_kept, torch.bool),
    }  # fmt: skip
    assert all(value.dtype == kind and value.shape == (5,) for value, kind in kinds.values())

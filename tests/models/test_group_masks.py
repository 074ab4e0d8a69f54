"""Masks over groups: their numbers, that they are contiguous, and their generator; literal ones in the parity tests."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from concord3d.errors import ConfigError
from concord3d.models.group_masks import nearest_group_masks


def _centres(num_clouds: int, num_groups: int) -> Tensor:
    return torch.randn(num_clouds, num_groups, 3, generator=torch.Generator().manual_seed(3))


def _drawn(num_clouds: int, num_groups: int, share: tuple[float, float], seed: int = 0) -> Tensor:
    return nearest_group_masks(_centres(num_clouds, num_groups), share, torch.Generator().manual_seed(seed))


def test_19_to_25_of_64_groups_are_hidden_and_each_number_as_often() -> None:
    masks = _drawn(8000, 64, (0.3, 0.4))
    assert masks.shape == (8000, 64) and masks.dtype == torch.bool
    counts = masks.sum(1).bincount(minlength=64)
    assert counts.nonzero()[:, 0].tolist() == [19, 20, 21, 22, 23, 24, 25]
    # 6.4 numbers wide, of which the first and the last are cut.
    shares = counts[19:26] / 8000
    torch.testing.assert_close(shares, torch.tensor([0.8, 1, 1, 1, 1, 1, 0.6]) / 6.4, atol=0.015, rtol=0)


@pytest.mark.parametrize(
    ("num_groups", "share", "hidden"),
    [(10, 0.7, 7), (10, 0.29, 2), (100, 0.57, 57), (3, 0.3, 0), (5, 1.0, 5), (5, 0.0, 0), (1, 1.0, 1)],
)
def test_the_number_is_rounded_down(num_groups: int, share: float, hidden: int) -> None:
    assert (_drawn(20, num_groups, (share, share)).sum(1) == hidden).all()


def test_a_hidden_block_is_a_ball_around_one_of_its_centres() -> None:
    centres = _centres(50, 64)
    distances = torch.cdist(centres, centres, compute_mode="donot_use_mm_for_euclid_dist")
    for own, mask in zip(distances, _drawn(50, 64, (0.3, 0.4)), strict=True):
        farthest_hidden, nearest_shown = own[mask][:, mask].amax(1), own[mask][:, ~mask].amin(1)
        assert (farthest_hidden <= nearest_shown).any()


def test_every_group_may_be_the_centre_of_the_block() -> None:
    alone = nearest_group_masks(_centres(1, 8).expand(4000, -1, -1), (0.125, 0.125), torch.Generator().manual_seed(0))
    assert (alone.sum(1) == 1).all()
    torch.testing.assert_close(alone.float().mean(0), torch.full((8,), 0.125), atol=0.02, rtol=0)


def test_coinciding_centres_are_hidden_in_the_same_number() -> None:
    masks = nearest_group_masks(torch.zeros(5, 10, 3), (0.3, 0.3), torch.Generator())
    assert (masks.sum(1) == 3).all()


def test_the_generator_decides() -> None:
    assert torch.equal(_drawn(9, 20, (0.3, 0.5), 1), _drawn(9, 20, (0.3, 0.5), 1))
    assert not torch.equal(_drawn(9, 20, (0.3, 0.5), 1), _drawn(9, 20, (0.3, 0.5), 2))


@pytest.mark.parametrize("share", [(-0.1, 0.5), (0.5, 1.1), (0.6, 0.5), (float("nan"), 0.5)])
def test_impossible_shares_are_refused(share: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="cannot be masked"):
        _drawn(2, 8, share)

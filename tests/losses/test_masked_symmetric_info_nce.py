"""InfoNCE with masks on both sides: masks, symmetry, extremes, several processes (CrossOver spec 4)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from concord3d.losses.info_nce import info_nce
from concord3d.losses.masked_symmetric_info_nce import (
    grouped_symmetric_info_nce,
    masked_symmetric_info_nce,
    matching_top1,
)

SCALE = torch.tensor(10.0)


def rows(*shape: int, seed: int) -> Tensor:
    return functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def mask(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < 0.6


def test_with_everything_there_it_is_info_nce() -> None:
    a, b, there = rows(7, 5, seed=0), rows(7, 5, seed=1), torch.ones(7, dtype=torch.bool)
    found = masked_symmetric_info_nce(a, b, SCALE, there, there) / 2
    torch.testing.assert_close(found, info_nce(a, b, SCALE))
    torch.testing.assert_close(masked_symmetric_info_nce(a, b, SCALE, there, there), 2 * found)


def test_both_sides_are_alike() -> None:
    a, b, pa, pb = rows(9, 4, seed=0), rows(9, 4, seed=1), mask(9, seed=2), mask(9, seed=3)
    for keep in (False, True):
        one = masked_symmetric_info_nce(a, b, SCALE, pa, pb, keep_missing=keep)
        torch.testing.assert_close(one, masked_symmetric_info_nce(b, a, SCALE, pb, pa, keep_missing=keep))


def test_missing_rows_have_no_influence_and_no_gradient() -> None:
    a, b = (rows(9, 4, seed=seed).requires_grad_() for seed in (0, 1))
    pa, pb = mask(9, seed=2), mask(9, seed=3)
    masked_symmetric_info_nce(a, b, SCALE, pa, pb).backward()
    assert not a.grad[~pa].any() and not b.grad[~pb].any()
    # A row without a partner is a candidate.
    assert b.grad[pb & ~pa].any() and (pb & ~pa).any()
    other = torch.where(pb[:, None], b, rows(9, 4, seed=7))
    one = masked_symmetric_info_nce(a, b, SCALE, pa, pb)
    assert torch.equal(one, masked_symmetric_info_nce(a, other, SCALE, pa, pb))
    assert not torch.equal(one, masked_symmetric_info_nce(a, other, SCALE, pa, pb, keep_missing=True))


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("loss", [masked_symmetric_info_nce, grouped_symmetric_info_nce])
def test_nothing_in_common_is_a_loss_of_zero(loss, keep: bool) -> None:
    shape = (4, 3) if loss is masked_symmetric_info_nce else (2, 4, 3)
    a, b = (rows(*shape, seed=seed).requires_grad_() for seed in (0, 1))
    scale = torch.tensor(5.0, requires_grad=True)
    present = mask(*shape[:-1], seed=2)
    found = loss(a, b, scale, present, ~present, keep_missing=keep)
    found.backward()
    assert float(found.detach()) == 0
    assert all(not part.grad.any() for part in (a, b, scale))


def test_groups_do_not_see_each_other() -> None:
    a, b, pa, pb = rows(3, 5, 4, seed=0), rows(3, 5, 4, seed=1), mask(3, 5, seed=2), mask(3, 5, seed=3)
    joint = grouped_symmetric_info_nce(a, b, SCALE, pa, pb)
    counts = (pa & pb).sum(1)
    alone = [masked_symmetric_info_nce(a[i], b[i], SCALE, pa[i], pb[i]) / 2 * counts[i] for i in range(3)]
    torch.testing.assert_close(joint, sum(alone) / counts.sum())


def test_equal_candidates_score_chance() -> None:
    a, there = rows(1, 4, seed=0).expand(6, 4), torch.ones(6, dtype=torch.bool)
    found = masked_symmetric_info_nce(a, a, SCALE, there, there)
    assert float(found) == pytest.approx(2 * math.log(6), rel=1e-5)
    assert matching_top1(a[None], a[None], there[None], there[None]) == pytest.approx(100 / 6)


def test_matching_looks_at_rows_that_have_both() -> None:
    a = torch.eye(4)[None]
    b = a.clone()
    b[0, 0] = a[0, 1]
    there = torch.ones(1, 4, dtype=torch.bool)
    assert matching_top1(a, b, there, there) == pytest.approx(100 * (0.25 + 0.5 + 1 + 1) / 4, abs=1)
    without = there.clone()
    without[0, 0] = False
    assert matching_top1(a, b, there, without) == pytest.approx(100)
    assert matching_top1(a, b, there, ~there) is None


def test_several_processes_have_the_loss_of_the_joint_batch() -> None:
    a, b, pa, pb = rows(8, 4, seed=0), rows(8, 4, seed=1), mask(8, seed=4), mask(8, seed=5)
    joint = torch.cat([a, b, pa[:, None].float(), pb[:, None].float()], 1)
    parts = []
    for first in (0, 4):
        here = slice(first, first + 4)
        parts.append(
            masked_symmetric_info_nce(
                a[here], b[here], SCALE, pa[here], pb[here], gather=lambda told, first=first: (joint, first)
            )
        )
    torch.testing.assert_close(sum(parts) / 2, masked_symmetric_info_nce(a, b, SCALE, pa, pb))
    grouped = [part.view(4, 2, *part.shape[1:]) for part in (a, b, pa, pb)]
    counts = (grouped[2] & grouped[3]).sum(1, keepdim=True).float()
    parts = [
        grouped_symmetric_info_nce(
            *(part[first : first + 2] for part in grouped[:2]),
            SCALE,
            *(part[first : first + 2] for part in grouped[2:]),
            gather=lambda told, first=first: (counts, first),
        )
        for first in (0, 2)
    ]
    torch.testing.assert_close(sum(parts) / 2, grouped_symmetric_info_nce(*grouped[:2], SCALE, *grouped[2:]))

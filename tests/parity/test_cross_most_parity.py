"""The losses and the rules of labels of Cross-MoST against their formulas, written out loop by loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parity import literal_cross_most as literal
from torch import Tensor

from concord3d.losses.fairness import fairness
from concord3d.losses.masked_reconstruction import masked_groups_loss, masked_pixels_loss, masked_tokens_loss
from concord3d.losses.token_alignment import cross_modal_alignment, global_local
from concord3d.methods.cross_most.method import mean_entropy, of_hidden, self_training
from concord3d.methods.cross_most.pseudo_labels import LabelRule, Thresholds, Votes, labels_of

SEEDS = st.integers(0, 2**31)
SIZES = st.integers(1, 5)
# Masks of nothing, of something and of all.
SHARES = st.sampled_from([0.0, 0.4, 1.0])


class Drawn:
    """Leaves and masks of one seed."""

    def __init__(self, seed: int) -> None:
        self._draw = torch.Generator().manual_seed(seed)
        self.leaves: list[Tensor] = []

    def leaf(self, *shape: int, scale: float = 1.0) -> Tensor:
        self.leaves.append((scale * torch.randn(shape, generator=self._draw)).requires_grad_())
        return self.leaves[-1]

    def constant(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._draw)

    def mask(self, *shape: int, share: float) -> Tensor:
        return torch.rand(shape, generator=self._draw) < share

    def assert_equal(self, ours: Callable[..., Tensor], formula: Callable[..., Tensor]) -> None:
        """Values and gradients are those of the formula in double precision."""
        doubles = [leaf.detach().double().requires_grad_() for leaf in self.leaves]
        found, expected = ours(*self.leaves), formula(*doubles)
        assert found.dtype == torch.float32 and found.shape == ()
        assert found.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)
        gradients = (torch.autograd.grad(value, of) for value, of in ((found, self.leaves), (expected, doubles)))
        for mine, its in zip(*gradients, strict=True):
            torch.testing.assert_close(mine, its.float(), rtol=1e-4, atol=1e-6)


@settings(max_examples=25)
@given(SEEDS, SIZES, st.integers(2, 6), SHARES, st.sampled_from([1.0, 20.0]))
def test_losses_of_logits(seed: int, rows: int, classes: int, share: float, scale: float) -> None:
    drawn = Drawn(seed)
    drawn.leaf(rows, classes, scale=scale)
    labels, kept = drawn.mask(rows, share=0.5).long(), drawn.mask(rows, share=share)
    drawn.assert_equal(
        lambda x: self_training(x, labels, kept), lambda x: literal.self_training(x, labels.tolist(), kept.tolist())
    )
    if scale == 1:
        drawn.assert_equal(fairness, literal.fairness)
        drawn.assert_equal(mean_entropy, literal.entropy)


@settings(max_examples=15)
@given(SEEDS, SIZES, SHARES, st.sampled_from([197.0, 3.0]))
def test_reconstruction_of_pictures(seed: int, rows: int, share: float, divisor: float) -> None:
    drawn = Drawn(seed)
    drawn.leaf(rows, 3, 4, 5)
    target, hidden = drawn.constant(rows, 3, 4, 5), drawn.mask(rows, 4, 5, share=share)
    drawn.assert_equal(
        lambda x: masked_pixels_loss(*(values.permute(0, 2, 3, 1)[hidden] for values in (x, target)), divisor),
        lambda x: literal.masked_pixels(x, target.double(), hidden, divisor),
    )


@settings(max_examples=15)
@given(SEEDS, SIZES, st.integers(1, 6), SHARES)
def test_reconstruction_and_alignment_of_tokens(seed: int, rows: int, tokens: int, share: float) -> None:
    drawn = Drawn(seed)
    drawn.leaf(rows, tokens, 4)
    hidden, target = drawn.mask(rows, tokens, share=share), drawn.constant(rows, tokens, 4)
    drawn.assert_equal(
        lambda x: masked_tokens_loss(x[hidden], target[hidden], rows),
        lambda x: literal.masked_tokens(x, target.double(), hidden),
    )
    drawn.leaf(rows, 4)
    drawn.assert_equal(
        lambda x, whole: global_local(x[hidden], of_hidden(whole, hidden)),
        lambda x, whole: literal.global_local(x, whole, hidden),
    )


@settings(max_examples=15)
@given(SEEDS, st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), SHARES)
def test_reconstruction_of_groups(seed: int, rows: int, groups: int, size: int, share: float) -> None:
    drawn = Drawn(seed)
    drawn.leaf(rows, groups, size, 3)
    hidden, target = drawn.mask(rows, groups, share=share), drawn.constant(rows, groups, size, 3)
    drawn.assert_equal(
        lambda x: masked_groups_loss(x[hidden], target[hidden]),
        lambda x: literal.masked_groups(x, target.double(), hidden),
    )


@settings(max_examples=15)
@given(SEEDS, st.integers(1, 6), st.sampled_from([1.0, 1 / 0.07]))
def test_alignment_of_both_branches(seed: int, rows: int, scale: float) -> None:
    drawn = Drawn(seed)
    drawn.leaf(rows, 5), drawn.leaf(rows, 5)
    drawn.assert_equal(
        lambda points, pictures: cross_modal_alignment(points, pictures, scale),
        lambda points, pictures: literal.cross_modal(points, pictures, scale),
    )


# Numbers that float32 holds exactly, so that equal confidences are equal on both sides; 0.5 halves them exactly.
CONFIDENCE = st.integers(0, 16).map(lambda number: number / 16)
VOTE = st.tuples(st.integers(0, 2), CONFIDENCE, st.integers(0, 2), CONFIDENCE)


@settings(max_examples=150)
@given(
    st.sampled_from(get_args(LabelRule)),
    st.lists(VOTE, min_size=1, max_size=8),
    st.fixed_dictionaries({name: CONFIDENCE for name in ("joint", "pictures", "points", "agreement")}),
    st.sampled_from([0.5, 1.0]),
    SEEDS,
)
def test_rules_of_labels(
    rule: LabelRule, votes: list[tuple[int, float, int, float]], told: dict[str, float], factor: float, seed: int
) -> None:
    columns = list(zip(*votes, strict=True))
    given_votes = Votes(*(torch.tensor(column) for column in columns))
    coins = torch.rand(len(votes), generator=torch.Generator().manual_seed(seed)).tolist()
    thresholds = Thresholds(**told, point_factor=factor)
    found = labels_of(given_votes, rule, thresholds, torch.Generator().manual_seed(seed))
    expected = [
        literal.label(rule, vote, {**told, "point_factor": factor}, coin)
        for vote, coin in zip(votes, coins, strict=True)
    ]
    ours = zip(*(part.tolist() for part in found[:4]), strict=True)
    assert [literal.Label(*one) for one in ours] == expected

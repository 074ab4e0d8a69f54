"""Agreement of hidden tokens with the whole, and of two branches."""

from __future__ import annotations

import math

import pytest
import torch

from concord3d.losses.token_alignment import cross_modal_alignment, global_local


def test_without_a_temperature_the_loss_of_128_pairs_lies_between_its_bounds() -> None:
    """Between 3.86 and 4.85 in each direction (Cross-MoST spec 3.5)."""
    one = torch.nn.functional.one_hot(torch.tensor(0), 8).float()
    uniform = cross_modal_alignment(one.expand(128, 8), one.expand(128, 8))
    assert uniform.item() / 2 == pytest.approx(math.log(128)) and round(math.log(128), 2) == 4.85
    # Cosines of 1 with the own partner and 0 with all others, as wide features allow.
    perfect = cross_modal_alignment(torch.eye(128), torch.eye(128)).item() / 2
    assert perfect == pytest.approx(math.log(1 + 127 * math.exp(-1)), rel=1e-5) and round(perfect, 2) == 3.87
    assert math.log(1 + 127 * math.exp(-2)) < perfect < math.log(128)
    least = math.log(1 + 127 * math.exp(-1 - 1 / 127))
    assert round(least, 2) == 3.86


def test_two_opposite_pairs_reach_the_lower_bound_of_the_docstring() -> None:
    opposite = torch.tensor([[1.0, 0], [-1, 0]])
    assert cross_modal_alignment(opposite, opposite).item() / 2 == pytest.approx(math.log(1 + math.exp(-2)), rel=1e-5)
    worst = cross_modal_alignment(opposite, -opposite).item() / 2
    assert worst == pytest.approx(math.log(1 + math.exp(2)), rel=1e-5)


def test_a_temperature_makes_it_sharp() -> None:
    assert cross_modal_alignment(torch.eye(128), torch.eye(128), 1 / 0.07).item() < 1e-3


def test_only_directions_count_and_both_sides_learn() -> None:
    points, pictures = torch.randn(6, 4, requires_grad=True), torch.randn(6, 4, requires_grad=True)
    loss = cross_modal_alignment(points, pictures)
    torch.testing.assert_close(cross_modal_alignment(100 * points, 0.01 * pictures), loss)
    torch.testing.assert_close(cross_modal_alignment(pictures, points), loss)
    assert all(gradient.any() for gradient in torch.autograd.grad(loss, (points, pictures)))


def test_hidden_tokens_learn_from_the_whole_and_the_whole_from_them() -> None:
    tokens, whole = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    loss = global_local(tokens, whole)
    assert all(gradient.any(1).all() for gradient in torch.autograd.grad(loss, (tokens, whole)))
    assert 0 < loss.item() < 4
    assert global_local(3 * whole, whole).item() == pytest.approx(0, abs=1e-6)
    assert global_local(-whole, whole).item() == pytest.approx(4, rel=1e-5)


def test_without_hidden_tokens_it_is_zero_with_a_gradient() -> None:
    tokens = torch.randn(0, 4, requires_grad=True)
    loss = global_local(tokens, torch.randn(0, 4))
    loss.backward()
    assert loss.item() == 0 and tokens.grad is not None

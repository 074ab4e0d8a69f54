"""Reconstruction of hidden patches and groups."""

from __future__ import annotations

import pytest
import torch

from concord3d.losses.masked_reconstruction import masked_groups_loss, masked_pixels_loss, masked_tokens_loss


def test_what_is_not_hidden_changes_neither_value_nor_gradient() -> None:
    hidden = torch.zeros(2, 4, 4, dtype=torch.bool)
    hidden[0, 1], hidden[1, :, 2] = True, True
    target = torch.randn(2, 3, 4, 4)
    one = torch.randn(2, 3, 4, 4).requires_grad_()
    other = torch.where(hidden[:, None], one, one + 7)
    losses = [masked_pixels_loss(predicted, target, hidden, 197) for predicted in (one, other)]
    assert torch.equal(*losses)
    [gradient] = torch.autograd.grad(losses[0], one)
    assert torch.equal(gradient != 0, hidden[:, None].expand_as(gradient))


def test_the_number_of_tokens_makes_the_loss_weaker_than_the_number_of_channels_does() -> None:
    hidden = torch.ones(1, 2, 2, dtype=torch.bool)
    told = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2), hidden
    assert masked_pixels_loss(*told, 3).item() == 1
    ratio = masked_pixels_loss(*told, 3) / masked_pixels_loss(*told, 197)
    assert ratio.item() == pytest.approx(197 / 3, rel=1e-6)


def test_tokens_are_divided_by_the_hidden_ones_and_by_the_batch() -> None:
    hidden = torch.tensor([[True, False], [True, True]])
    loss = masked_tokens_loss(torch.ones(2, 2, 5), torch.zeros(2, 2, 5), hidden)
    assert loss.item() == pytest.approx(3 * 5 / 3 / 2)


def test_groups_have_no_order_of_points_and_no_distance_from_themselves() -> None:
    group = torch.randn(2, 3, 6, 3)
    hidden = torch.ones(2, 3, dtype=torch.bool)
    predicted = group[:, :, torch.randperm(6)].requires_grad_()
    loss = masked_groups_loss(predicted, group, hidden)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6) and torch.isfinite(predicted.grad).all()
    moved = masked_groups_loss(group + torch.tensor([100.0, 0, 0]), group, hidden)
    assert moved.item() == pytest.approx(2 * 100**2, rel=0.2)


@pytest.mark.parametrize("loss", [masked_tokens_loss, masked_groups_loss])
def test_nothing_hidden_gives_zero_with_gradients_of_zero(loss: object) -> None:
    assert callable(loss)
    shape = (2, 3, 5) if loss is masked_tokens_loss else (2, 3, 5, 3)
    predicted = torch.randn(shape, requires_grad=True)
    found = loss(predicted, torch.randn(shape), torch.zeros(2, 3, dtype=torch.bool))
    found.backward()
    assert found.item() == 0 and predicted.grad is not None and not predicted.grad.any()

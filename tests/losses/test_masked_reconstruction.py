"""Reconstruction of hidden patches and groups."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from concord3d.losses.masked_reconstruction import masked_groups_loss, masked_pixels_loss, masked_tokens_loss


def test_the_number_of_tokens_makes_the_loss_weaker_than_the_number_of_channels_does() -> None:
    told = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    assert masked_pixels_loss(*told, 3).item() == 1
    ratio = masked_pixels_loss(*told, 3) / masked_pixels_loss(*told, 197)
    assert ratio.item() == pytest.approx(197 / 3, rel=1e-6)


def test_patches_weigh_as_much_as_their_pixels_one_by_one() -> None:
    predicted, target = torch.randn(5, 3, 4, 4), torch.randn(5, 3, 4, 4)
    one_by_one = (values.permute(0, 2, 3, 1).flatten(0, 2) for values in (predicted, target))
    assert masked_pixels_loss(predicted, target, 3).item() == pytest.approx(masked_pixels_loss(*one_by_one, 3).item())


def test_tokens_are_divided_by_the_hidden_ones_and_by_the_batch() -> None:
    loss = masked_tokens_loss(torch.ones(3, 5), torch.zeros(3, 5), num_items=2)
    assert loss.item() == pytest.approx(3 * 5 / 3 / 2)


def test_groups_have_no_order_of_points_and_no_distance_from_themselves() -> None:
    group = torch.randn(6, 6, 3)
    predicted = group[:, torch.randperm(6)].requires_grad_()
    loss = masked_groups_loss(predicted, group)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6) and torch.isfinite(predicted.grad).all()
    moved = masked_groups_loss(group + torch.tensor([100.0, 0, 0]), group)
    assert moved.item() == pytest.approx(2 * 100**2, rel=0.2)


@pytest.mark.parametrize(
    ("shape", "loss"),
    [
        ((0, 3, 4, 4), lambda predicted, target: masked_pixels_loss(predicted, target, 197)),
        ((0, 5), lambda predicted, target: masked_tokens_loss(predicted, target, 2)),
        ((0, 5, 3), masked_groups_loss),
    ],
)
def test_nothing_hidden_gives_zero_with_a_gradient(
    shape: tuple[int, ...], loss: Callable[[Tensor, Tensor], Tensor]
) -> None:
    predicted = torch.randn(shape, requires_grad=True)
    found = loss(predicted, torch.randn(shape))
    found.backward()
    assert found.item() == 0 and predicted.grad is not None

"""Fairness of the predicted classes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from concord3d.losses.fairness import fairness


def logits(rows: int = 12, classes: int = 5, seed: int = 0) -> Tensor:
    return torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed))


def test_the_logarithm_of_the_number_of_classes_is_its_least_value() -> None:
    assert fairness(torch.zeros(7, 5)).item() == pytest.approx(math.log(5))
    # Each row is sure, and all classes occur alike.
    assert fairness(100 * torch.eye(5).repeat(3, 1)).item() == pytest.approx(math.log(5), rel=1e-5)
    assert fairness(logits()).item() > math.log(5)


def test_a_class_that_is_never_predicted_costs_much_and_stays_finite() -> None:
    never = torch.tensor([[0.0, 0.0, -1e4], [1.0, 0.0, -1e4]], requires_grad=True)
    loss = fairness(never)
    loss.backward()
    assert 5 < loss.item() < 20 and never.grad is not None and torch.isfinite(never.grad).all()


def test_the_mean_is_over_the_joint_batch_of_all_processes() -> None:
    both = logits().requires_grad_()
    first, second = both.detach()[:6].requires_grad_(), both.detach()[6:].requires_grad_()

    def gather(shares: Tensor) -> tuple[Tensor, int]:
        return torch.cat([shares, second.softmax(1)]), 0

    joint = fairness(first, gather)
    torch.testing.assert_close(joint, fairness(both))
    assert joint.item() != pytest.approx((fairness(first) + fairness(second)).item() / 2, rel=1e-3)
    joint.backward()
    fairness(both).backward()
    assert both.grad is not None and first.grad is not None and second.grad is not None
    torch.testing.assert_close(torch.cat([first.grad, second.grad]), both.grad)


def test_low_precision_of_the_model_does_not_reach_the_loss() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert fairness(logits().bfloat16()).dtype == torch.float32

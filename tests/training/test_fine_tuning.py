"""The loop of fine-tuning: its schedule, its loss, and a loss that diverges."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from concord3d.errors import NonFiniteLoss
from concord3d.training.fine_tuning import fine_tune, learning_rate, smoothed_cross_entropy
from concord3d.training.fine_tuning_settings import FineTuning


def test_smoothing_shares_its_mass_over_the_wrong_classes() -> None:
    logits, labels = torch.randn(7, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 4, 0, 1])
    target = torch.full((7, 5), 0.2 / 4, dtype=torch.float64)
    target[torch.arange(7), labels] = 0.8
    literal = -(target * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(smoothed_cross_entropy(logits, labels, 0.2), literal)


def test_schedule_falls_from_the_first_rate_towards_the_last() -> None:
    settings = FineTuning(epochs=250)
    rates = [learning_rate(settings, epoch) for epoch in range(250)]
    assert rates[0] == 0.1 and rates[-1] == pytest.approx(1e-3, abs=1e-4)
    assert rates[125] == pytest.approx((0.1 + 1e-3) / 2)
    assert all(a > b for a, b in pairwise(rates))


def test_a_diverging_loss_stops_with_the_step() -> None:
    model = nn.Linear(2, 2)

    def loss_of(index: Tensor, generator: torch.Generator) -> Tensor:
        return model.weight.sum() * float("nan")

    with pytest.raises(NonFiniteLoss, match="epoch 1, step 1"):
        fine_tune(model, 8, loss_of, FineTuning(epochs=1, batch_size=4), seed=0)

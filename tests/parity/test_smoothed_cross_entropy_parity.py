"""The smoothed cross-entropy against its formula, term by term."""

from __future__ import annotations

import math

import pytest
import torch

from concord3d.losses.smoothed_cross_entropy import smoothed_cross_entropy


def literal(logits: list[list[float]], labels: list[int], smoothing: float) -> float:
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        log_sum = math.log(sum(math.exp(value) for value in row))
        for k, value in enumerate(row):
            target = 1 - smoothing if k == label else smoothing / (len(row) - 1)
            total -= target * (value - log_sum)
    return total / len(labels)


@pytest.mark.parametrize("num_classes", [2, 5, 40])
@pytest.mark.parametrize("smoothing", [0.0, 0.2, 0.5])
def test_the_mass_is_shared_over_the_wrong_classes(num_classes: int, smoothing: float) -> None:
    generator = torch.Generator().manual_seed(num_classes)
    logits = 3 * torch.randn(7, num_classes, dtype=torch.float64, generator=generator)
    labels = torch.randint(num_classes, (7,), generator=generator)
    expected = literal(logits.tolist(), labels.tolist(), smoothing)
    assert smoothed_cross_entropy(logits, labels, smoothing).item() == pytest.approx(expected, rel=1e-12)

"""The lower bound on mutual information, on pairs whose information is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from concord3d.losses.mutual_information import info_nce_bound, mutual_information_bound
from concord3d.losses.nt_xent import directional_nt_xent

NUM_PAIRS = 512


def correlated_pairs(correlation: float, width: int, seed: int, num_pairs: int = NUM_PAIRS) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, num_pairs, width, generator=generator, dtype=torch.float64)
    return x, correlation * x + math.sqrt(1 - correlation**2) * noise


def information(correlation: float, width: int) -> float:
    """Mutual information of ``width`` independent pairs of Gaussians in nats."""
    return -0.5 * width * math.log(1 - correlation**2)


def optimal_scores(x: Tensor, y: Tensor, correlation: float) -> Tensor:
    """log p(y|x) / p(y) of every anchor with every candidate, up to a constant."""
    squared = (y[None] - correlation * x[:, None]).square().sum(dim=2)
    return 0.5 * (y.square().sum(dim=1)[None] - squared / (1 - correlation**2))


def mean_and_error(values: list[float]) -> tuple[float, float]:
    drawn = torch.tensor(values, dtype=torch.float64)
    return float(drawn.mean()), float(drawn.std() / math.sqrt(len(values)))


@pytest.mark.parametrize(("correlation", "width"), [(0.3, 1), (0.6, 2), (0.8, 2), (0.7, 5)])
def test_with_the_best_scores_the_bound_is_close_and_never_above(correlation: float, width: int) -> None:
    bounds = []
    for seed in range(40):
        x, y = correlated_pairs(correlation, width, seed)
        bounds.append(float(info_nce_bound(optimal_scores(x, y, correlation))))
    mean, error = mean_and_error(bounds)
    truth = information(correlation, width)
    assert truth - 0.03 - 3 * error < mean < truth + 3 * error


def test_information_beyond_the_number_of_candidates_is_not_seen() -> None:
    x, y = correlated_pairs(0.999, 20, 0)
    bound = float(info_nce_bound(optimal_scores(x, y, 0.999)))
    assert information(0.999, 20) > 60 and math.log(NUM_PAIRS) - 1e-3 < bound <= math.log(NUM_PAIRS) + 1e-6


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
@pytest.mark.parametrize(("correlation", "width"), [(0.0, 4), (0.5, 4), (0.9, 3)])
def test_with_cosines_it_stays_below_the_truth(correlation: float, width: int, temperature: float) -> None:
    bounds = [
        float(mutual_information_bound(*correlated_pairs(correlation, width, seed), temperature)) for seed in range(20)
    ]
    mean, error = mean_and_error(bounds)
    assert mean <= information(correlation, width) + 3 * error


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_a_constant_tells_nothing(temperature: float) -> None:
    same = torch.ones(NUM_PAIRS, 16)
    varied = [torch.randn(NUM_PAIRS, 16, generator=torch.Generator().manual_seed(seed)) for seed in range(8)]
    for anchors, candidates in [(x, same) for x in varied] + [(same, same)]:
        assert float(mutual_information_bound(anchors, candidates, temperature)) == pytest.approx(0, abs=1e-5)
    # A constant anchor picks at random among candidates that differ: below 0, and 0 at best.
    assert all(float(mutual_information_bound(same, x, temperature)) <= 1e-5 for x in varied)


def test_candidates_of_the_own_side_feign_information() -> None:
    # Anchors that are nearer to the constant than to each other: cosines 0.6 and 0.36.
    anchors = torch.cat([0.8 * torch.eye(NUM_PAIRS), torch.full((NUM_PAIRS, 1), 0.6)], dim=1)
    constant = torch.zeros_like(anchors)
    constant[:, -1] = 1
    excess = math.log(2 * NUM_PAIRS - 1) - float(directional_nt_xent(anchors, constant, 0.1))
    assert excess == pytest.approx(math.log(2) - math.log(1 + math.exp(-2.4)), abs=2e-3)
    assert float(mutual_information_bound(anchors, constant, 0.1)) == pytest.approx(0, abs=1e-5)


def test_independent_sides_tell_nothing() -> None:
    bounds = []
    for seed in range(40):
        x, y = correlated_pairs(0.0, 3, seed)
        bounds.append(float(mutual_information_bound(x, y, 1.0)))
    mean, error = mean_and_error(bounds)
    assert mean <= 3 * error


def test_matched_pairs_have_much_information_and_shuffled_ones_none() -> None:
    x = torch.randn(64, 32, generator=torch.Generator().manual_seed(0))
    assert math.log(64) - 0.1 < float(mutual_information_bound(x, x + 0.01 * x.roll(1, 1), 0.1)) <= math.log(64)
    assert float(mutual_information_bound(x, x.roll(1, 0), 0.1)) < 0


def test_anchors_are_rows_and_length_does_not_matter() -> None:
    x, y = (torch.randn(6, 8, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    bound = mutual_information_bound(x, y, 0.1)
    assert float(bound) != pytest.approx(float(mutual_information_bound(y, x, 0.1)), abs=1e-4)
    torch.testing.assert_close(mutual_information_bound(1000 * x, 1e-6 * y, 0.1), bound)
    cosines = torch.nn.functional.normalize(x, dim=1) @ torch.nn.functional.normalize(y, dim=1).T / 0.1
    literal = sum(float(row[i] - row.exp().sum().log()) for i, row in enumerate(cosines)) / 6 + math.log(6)
    assert float(bound) == pytest.approx(literal, abs=1e-5)


def test_scores_are_float32_under_bf16_autocast() -> None:
    x, y = (torch.randn(16, 32, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = mutual_information_bound(x, y, 0.05)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, mutual_information_bound(x, y, 0.05))

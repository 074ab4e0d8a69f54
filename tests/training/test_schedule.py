import math
from itertools import pairwise

import pytest
import torch

from concord3d.errors import ConfigError
from concord3d.training.schedule import learning_rate, make_optimizer


def test_cosine_falls_at_every_step_from_the_base() -> None:
    rates = [learning_rate("cosine", 0.1, step, 5, 4) for step in range(20)]
    assert rates[0] == 0.1 and rates[10] == pytest.approx(0.05)
    assert all(b < a for a, b in pairwise(rates)) and 0 < rates[-1] < 1e-3


@pytest.mark.parametrize("epoch", range(4))
def test_epoch_wise_cosine_has_the_published_values(epoch: int) -> None:
    for step in (epoch * 5, epoch * 5 + 4):
        start = learning_rate("cosine_start_of_epoch", 1e-3, step, 5, 4)
        end = learning_rate("cosine_end_of_epoch", 1e-3, step, 5, 4)
        assert start == pytest.approx(0.5e-3 * (1 + math.cos(math.pi * (epoch + 1) / 4)))
        assert end == pytest.approx(0.5e-3 * (1 + math.cos(math.pi * epoch / 4)))
    assert learning_rate("cosine_start_of_epoch", 1e-3, 19, 5, 4) == pytest.approx(0)
    assert learning_rate("constant", 1e-3, 19, 5, 4) == 1e-3


def test_the_warm_up_rises_in_equal_steps_and_the_cosine_falls_from_there() -> None:
    rates = [learning_rate("warmup_cosine", 0.1, step, 5, 4, warmup_epochs=0.8) for step in range(20)]
    assert rates[:4] == pytest.approx([0.025, 0.05, 0.075, 0.1]) and rates[4] == 0.1
    assert all(b < a for a, b in pairwise(rates[4:])) and 0 < rates[-1] < 2e-3
    assert rates[12] == pytest.approx(0.05)


def test_without_warm_up_it_is_the_plain_cosine_and_a_warm_up_must_fit() -> None:
    for step in range(20):
        plain = learning_rate("cosine", 0.1, step, 5, 4)
        assert learning_rate("warmup_cosine", 0.1, step, 5, 4) == pytest.approx(plain)
    for warmup in (4.0, -1.0):
        with pytest.raises(ConfigError, match=r"(?s)warm-up does not fit.*training.warmup_epochs"):
            learning_rate("warmup_cosine", 0.1, 0, 5, 4, warmup_epochs=warmup)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_every_optimizer_descends(name: str) -> None:
    weight = torch.nn.Parameter(torch.ones(4))
    optimizer = make_optimizer(name, [weight], 0.1, 1e-6)
    for _ in range(5):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert weight.square().sum().item() < 2


def _literal_steps(
    name: str, weight: float, gradients: list[float], rate: float, decay: float, beta2: float = 0.999
) -> float:
    """The published update rules for one number, with the constants of the literature."""
    velocity = first = second = 0.0
    for step, gradient in enumerate(gradients, start=1):
        if name == "adamw":
            weight -= rate * decay * weight
        else:
            gradient += decay * weight
        if name == "sgd":
            velocity = 0.9 * velocity + gradient
            weight -= rate * velocity
        else:
            first, second = 0.9 * first + 0.1 * gradient, beta2 * second + (1 - beta2) * gradient**2
            weight -= rate * first / (1 - 0.9**step) / (math.sqrt(second / (1 - beta2**step)) + 1e-8)
    return weight


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("beta2", [0.999, 0.9])
def test_every_optimizer_makes_the_steps_of_its_formula(name: str, decay: float, beta2: float) -> None:
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = make_optimizer(name, [weight], 0.1, decay, beta2=beta2)
    gradients = [1.0, -0.5, 0.25, 3.0]
    for gradient in gradients:
        weight.grad = torch.tensor([gradient])
        optimizer.step()
    assert weight.item() == pytest.approx(_literal_steps(name, 2.0, gradients, 0.1, decay, beta2), rel=1e-5)


def test_dampening_is_that_of_the_momentum() -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = make_optimizer("sgd", [{"params": [weight]}], 0.1, 0.0, momentum=0.5, dampening=0.2)
    for _ in range(2):
        optimizer.zero_grad()
        weight.sum().backward()
        optimizer.step()
    # The first step takes the whole gradient, the second 0.5 of it and 0.8 of its own.
    assert weight.item() == pytest.approx(1 - 0.1 - 0.1 * (0.5 + 0.8))

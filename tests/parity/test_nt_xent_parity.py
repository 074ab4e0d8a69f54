"""The loss against its formula, written out term by term in double precision."""

import math

import pytest
import torch
from torch import Tensor

from concord3d.losses.nt_xent import directional_nt_xent, nt_xent


def literal_term(x: Tensor, y: Tensor, i: int, temperature: float) -> Tensor:
    def s(a: Tensor, b: Tensor) -> Tensor:
        return torch.dot(a, b) / (a.norm() * b.norm())

    across = sum(torch.exp(s(x[i], y[k]) / temperature) for k in range(len(x)))
    same_side = sum(torch.exp(s(x[i], x[k]) / temperature) for k in range(len(x)) if k != i)
    return -torch.log(torch.exp(s(x[i], y[i]) / temperature) / (across + same_side))


def literal_directional(x: Tensor, y: Tensor, temperature: float) -> Tensor:
    return sum(literal_term(x, y, i, temperature) for i in range(len(x))) / len(x)


@pytest.mark.parametrize("num_objects", [1, 2, 5, 11])
@pytest.mark.parametrize("width", [2, 3, 16])
@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_value_and_gradient_equal_the_formula(num_objects: int, width: int, temperature: float) -> None:
    generator = torch.Generator().manual_seed(num_objects * 100 + width)
    x, y = (torch.randn(num_objects, width, generator=generator).requires_grad_() for _ in range(2))
    literal_x, literal_y = (side.detach().double().requires_grad_() for side in (x, y))
    ours = directional_nt_xent(x, y, temperature)
    literal = literal_directional(literal_x, literal_y, temperature)
    assert ours.item() == pytest.approx(literal.item(), abs=2e-5)
    ours.backward()
    literal.backward()
    torch.testing.assert_close(x.grad.double(), literal_x.grad, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(y.grad.double(), literal_y.grad, atol=1e-4, rtol=1e-4)


def test_symmetric_loss_is_the_mean_of_both_directions() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(6, 4, generator=generator) for _ in range(2))
    literal = (literal_directional(x, y, 0.1) + literal_directional(y, x, 0.1)) / 2
    assert math.isclose(float(nt_xent(x, y, 0.1)), float(literal), abs_tol=1e-5)

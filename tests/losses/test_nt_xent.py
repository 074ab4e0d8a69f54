import math

import pytest
import torch

from concord3d.losses.nt_xent import directional_nt_xent, nt_xent


def embeddings(num_objects: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(num_objects, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("num_objects", [2, 5, 32])
def test_identical_features_give_the_logarithm_of_the_number_of_candidates(num_objects: int) -> None:
    same = torch.ones(num_objects, 7)
    expected = math.log(2 * num_objects - 1)
    assert float(nt_xent(same, same, 0.1)) == pytest.approx(expected, abs=1e-5)


def test_the_symmetric_loss_is_symmetric_and_its_halves_are_not() -> None:
    x, y = embeddings(6, 8, 0), embeddings(6, 8, 1)
    assert torch.equal(nt_xent(x, y, 0.1), nt_xent(y, x, 0.1))
    assert float(directional_nt_xent(x, y, 0.1)) != pytest.approx(float(directional_nt_xent(y, x, 0.1)), abs=1e-4)


def test_the_order_of_the_batch_does_not_matter() -> None:
    x, y = embeddings(9, 8, 0), embeddings(9, 8, 1)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(nt_xent(x[order], y[order], 0.2), nt_xent(x, y, 0.2))


def test_scale_of_the_embeddings_does_not_matter() -> None:
    x, y = embeddings(9, 8, 0), embeddings(9, 8, 1)
    torch.testing.assert_close(nt_xent(1000 * x, 1e-6 * y, 0.2), nt_xent(x, y, 0.2))


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e18])
def test_extreme_vectors_give_finite_loss_and_gradient(value: float) -> None:
    x = torch.full((4, 3), value, requires_grad=True)
    loss = nt_xent(x, embeddings(4, 3, 0), 0.1)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(x.grad).all()


def test_logits_are_float32_under_bf16_autocast() -> None:
    x, y = embeddings(16, 32, 0), embeddings(16, 32, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = nt_xent(x, y, 0.05)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, nt_xent(x, y, 0.05))

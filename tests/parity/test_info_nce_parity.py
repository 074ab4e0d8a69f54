"""InfoNCE against its formula, written out term by term in double precision, for one process and for two."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from concord3d.losses.info_nce import info_nce


def literal_info_nce(a: Tensor, b: Tensor, scale: Tensor, valid: list[bool], weight: Tensor) -> Tensor:
    def cosine(x: Tensor, y: Tensor) -> Tensor:
        return torch.dot(x, y) / (x.norm() * y.norm())

    rows = [row for row in range(len(a)) if valid[row]]
    total = scale * 0
    for i in rows:
        forward = sum(torch.exp(scale * (cosine(a[i], b[j]) - cosine(a[i], b[i]))) for j in rows)
        backward = sum(torch.exp(scale * (cosine(b[i], a[j]) - cosine(b[i], a[i]))) for j in rows)
        total = total + weight[i] * (torch.log(forward) + torch.log(backward)) / 2
    return total / max(len(rows), 1)


def leaves(num_rows: int, width: int, scale: float, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(num_rows, width, generator=generator) for _ in range(2))
    return [leaf.requires_grad_() for leaf in (a, b, torch.tensor(scale))]


def gradients(loss: Tensor, of: list[Tensor]) -> list[Tensor]:
    found = torch.autograd.grad(loss, of, allow_unused=True)
    return [torch.zeros_like(leaf) if grad is None else grad for grad, leaf in zip(found, of, strict=True)]


@settings(max_examples=60)
@given(
    st.integers(1, 9),
    st.integers(2, 12),
    st.sampled_from([0.5, 14.28, 100.0]),
    st.sampled_from([None, 1, 2, 5, 100]),
    st.booleans(),
    st.data(),
)
def test_value_and_gradient_equal_the_formula(
    num_rows: int, width: int, scale: float, chunk_size: int | None, weighted: bool, data: st.DataObject
) -> None:
    valid = data.draw(st.none() | st.lists(st.booleans(), min_size=num_rows, max_size=num_rows))
    ours = leaves(num_rows, width, scale, seed=num_rows * 100 + width)
    literal = [leaf.detach().double().requires_grad_() for leaf in ours]
    weight = torch.linspace(0, 1, num_rows) if weighted else None
    mask = None if valid is None else torch.tensor(valid)
    loss = info_nce(*ours, valid=mask, chunk_size=chunk_size, weight=weight)
    factors = torch.ones(num_rows).double() if weight is None else weight.double()
    expected = literal_info_nce(*literal, valid or [True] * num_rows, factors)
    torch.testing.assert_close(loss.double(), expected, atol=1e-4, rtol=1e-4)
    for mine, theirs in zip(gradients(loss, ours), gradients(expected, literal), strict=True):
        torch.testing.assert_close(mine.double(), theirs, atol=2e-3, rtol=1e-3)


class TwoProcesses:
    """Threads in the place of processes: each gathers the rows of both, with gradient."""

    def __init__(self) -> None:
        self.barrier, self.parts = Barrier(2, timeout=20), [torch.empty(0)] * 2

    def gather_of(self, rank: int):
        def gather(rows: Tensor) -> tuple[Tensor, int]:
            self.parts[rank] = rows
            self.barrier.wait()
            joint = torch.cat(self.parts)
            self.barrier.wait()
            return joint, rank * len(rows)

        return gather


@pytest.mark.parametrize("chunk_size", [None, 2])
@pytest.mark.parametrize("valid", [None, "some", "one_side", "none"])
def test_the_mean_over_two_processes_is_the_loss_of_the_joint_batch(chunk_size: int | None, valid: str | None) -> None:
    masks = {
        None: [True] * 10,
        "some": [True, False, True, True, True, False, False, True, False, False],
        "one_side": [False] * 5 + [True] * 5,
        "none": [False] * 10,
    }
    mask = torch.tensor(masks[valid])
    ours, literal = (
        leaves(10, 6, 14.28, 0),
        [leaf.detach().double().requires_grad_() for leaf in leaves(10, 6, 14.28, 0)],
    )
    weight = torch.linspace(0.2, 1, 10)
    group = TwoProcesses()

    def work(rank: int) -> Tensor:
        own = slice(5 * rank, 5 * rank + 5)
        return info_nce(
            ours[0][own],
            ours[1][own],
            ours[2],
            group.gather_of(rank),
            None if valid is None else mask[own],
            chunk_size,
            weight[own],
        )

    with ThreadPoolExecutor(2) as pool:
        losses = list(pool.map(work, range(2)))
    joint = torch.stack(losses).mean()
    expected = literal_info_nce(*literal, masks[valid], weight.double())
    torch.testing.assert_close(joint.double(), expected, atol=1e-5, rtol=1e-5)
    for mine, theirs in zip(gradients(joint, ours), gradients(expected, literal), strict=True):
        torch.testing.assert_close(mine.double(), theirs, atol=1e-4, rtol=1e-4)
    if valid == "none":
        assert joint.item() == 0

import math

import pytest
import torch
from torch import Tensor

from concord3d.losses.info_nce import LogitScale, agreement, info_nce, unit_rows
from concord3d.losses.mixed_info_nce import mixed_info_nce, mixture

SCALE = torch.tensor(14.28)


def embeddings(num_rows: int, width: int, seed: int) -> Tensor:
    return torch.randn(num_rows, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("num_rows", [1, 2, 5, 32])
def test_identical_features_give_the_logarithm_of_the_number_of_rows(num_rows: int) -> None:
    same = torch.ones(num_rows, 7)
    assert float(info_nce(same, same, SCALE)) == pytest.approx(math.log(num_rows), abs=1e-5)


def test_matched_rows_cost_little_and_exchanged_ones_much() -> None:
    a = embeddings(16, 64, 0)
    assert float(info_nce(a, a, torch.tensor(100.0))) < 1e-3
    assert float(info_nce(a, a.roll(1, 0), torch.tensor(100.0))) > 50


def test_both_sides_count_alike_and_neither_order_nor_length_matters() -> None:
    a, b = embeddings(9, 8, 0), embeddings(9, 8, 1)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(2))
    expected = info_nce(a, b, SCALE)
    torch.testing.assert_close(info_nce(b, a, SCALE), expected)
    torch.testing.assert_close(info_nce(a[order], b[order], SCALE), expected)
    torch.testing.assert_close(info_nce(1000 * a, 1e-6 * b, SCALE), expected)


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e18])
def test_extreme_vectors_give_finite_loss_and_gradient(value: float) -> None:
    a = torch.full((4, 3), value, requires_grad=True)
    loss = info_nce(a, embeddings(4, 3, 0), SCALE)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(a.grad).all()


@pytest.mark.parametrize("chunk_size", [None, 3])
def test_logits_are_float32_under_bf16_autocast_in_both_passes(chunk_size: int | None) -> None:
    def run(autocast: bool) -> tuple[Tensor, Tensor]:
        a, b = embeddings(16, 32, 0).requires_grad_(), embeddings(16, 32, 1)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = info_nce(a, b, torch.tensor(50.0), chunk_size=chunk_size)
        loss.backward()
        return loss.detach(), a.grad

    (inside, inside_gradient), (outside, gradient) = run(True), run(False)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, outside) and torch.equal(inside_gradient, gradient)


def test_rows_that_are_not_valid_are_neither_scored_nor_candidates() -> None:
    a, b = embeddings(8, 6, 0).requires_grad_(), embeddings(8, 6, 1).requires_grad_()
    valid = torch.tensor([True, False, True, True, False, False, True, True])
    loss = info_nce(a, b, SCALE, valid=valid)
    torch.testing.assert_close(loss, info_nce(a[valid], b[valid], SCALE))
    loss.backward()
    for side in (a, b):
        assert (side.grad[~valid] == 0).all() and (side.grad[valid] != 0).any(dim=1).all()
    damaged = b.detach().clone()
    damaged[~valid] = torch.inf
    assert torch.equal(info_nce(a, damaged, SCALE, valid=valid), loss)


@pytest.mark.parametrize("num_rows", [0, 4])
def test_without_valid_rows_the_loss_is_zero_and_reaches_everything_with_a_zero_gradient(num_rows: int) -> None:
    a, b = embeddings(num_rows, 3, 0).requires_grad_(), embeddings(num_rows, 3, 1).requires_grad_()
    scale = LogitScale()
    loss = info_nce(a, b, scale(), valid=torch.zeros(num_rows, dtype=torch.bool))
    assert loss.item() == 0
    loss.backward()
    for leaf in (a, b, scale.log_scale):
        assert torch.equal(leaf.grad, torch.zeros_like(leaf))


def test_weights_scale_rows_without_changing_what_the_mean_divides_by() -> None:
    a, b = embeddings(6, 4, 0), embeddings(6, 4, 1)
    ones = torch.ones(6)
    torch.testing.assert_close(info_nce(a, b, SCALE, weight=ones), info_nce(a, b, SCALE))
    parts = [info_nce(a, b, SCALE, weight=torch.eye(6)[row]) for row in range(6)]
    torch.testing.assert_close(torch.stack(parts).sum(), info_nce(a, b, SCALE))
    assert info_nce(a, b, SCALE, weight=0 * ones).item() == 0


def test_chunks_keep_no_tensor_of_the_size_of_all_logits() -> None:
    num_rows, width, chunk = 64, 4, 8

    def largest_kept(chunk_size: int | None) -> int:
        sizes = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        a, b = (embeddings(num_rows, width, seed).requires_grad_() for seed in (0, 1))
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            info_nce(a, b, SCALE, chunk_size=chunk_size).backward()
        return max(sizes)

    assert largest_kept(None) >= num_rows**2
    assert largest_kept(chunk) <= num_rows * max(chunk, 2 * width + 1)


def test_the_scale_starts_at_its_value_and_never_passes_its_maximum_but_comes_back() -> None:
    scale = LogitScale()
    assert scale().item() == pytest.approx(14.28, rel=1e-6)
    a = embeddings(8, 16, 0)
    optimizer = torch.optim.SGD(scale.parameters(), lr=1e6)
    info_nce(a, a, scale()).backward()
    optimizer.step()
    assert scale.log_scale.item() > math.log(100)
    assert scale().item() == pytest.approx(100, rel=1e-6)
    # At the maximum the gradient still flows, so that a loss that wants a smaller scale gets it.
    optimizer = torch.optim.SGD(scale.parameters(), lr=1e-2)
    optimizer.zero_grad()
    info_nce(a, a.roll(1, 0), scale()).backward()
    optimizer.step()
    assert scale().item() < 99


def test_a_mixture_of_units_is_a_unit_between_them() -> None:
    first, second = embeddings(5, 8, 0), embeddings(5, 8, 1)
    for ratio, end in ((1.0, first), (0.0, second)):
        torch.testing.assert_close(mixture(first, second, torch.full((5,), ratio)), unit_rows(end))
    half = mixture(100 * first, second, torch.full((5,), 0.5))
    torch.testing.assert_close(half.norm(dim=1), torch.ones(5))
    torch.testing.assert_close((half * unit_rows(first)).sum(1), (half * unit_rows(second)).sum(1))


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_mixture_with_all_weight_on_one_object_has_the_plain_loss(soft: bool, ratio: float) -> None:
    anchors, first, second = (embeddings(7, 5, seed) for seed in range(3))
    has = torch.tensor([True, True, False, True, True, False, True])
    weight = torch.full((7,), ratio)
    target = first if ratio == 1 else second
    torch.testing.assert_close(
        mixed_info_nce(anchors, first, second, weight, SCALE, soft=soft), info_nce(anchors, target, SCALE)
    )
    # What is missing on the side without weight does not matter.
    sides = (has, ~has) if ratio == 1 else (~has, has)
    torch.testing.assert_close(
        mixed_info_nce(anchors, first, second, weight, SCALE, sides, soft=soft),
        info_nce(anchors, target, SCALE, valid=has),
    )


@pytest.mark.parametrize("soft", [False, True])
def test_a_mixture_counts_only_if_both_targets_exist(soft: bool) -> None:
    anchors, first, second = (embeddings(6, 5, seed) for seed in range(3))
    ratio = torch.linspace(0.1, 0.9, 6)
    has = torch.tensor([[1, 1, 0, 0, 1, 1], [1, 0, 1, 0, 1, 1]], dtype=torch.bool)
    both = has.all(0)
    expected = mixed_info_nce(anchors[both], first[both], second[both], ratio[both], SCALE, soft=soft)
    found = mixed_info_nce(anchors, first, second, ratio, SCALE, (has[0], has[1]), soft)
    torch.testing.assert_close(found, expected)


def test_an_object_without_target_is_no_candidate_although_its_mixture_counts() -> None:
    # Of rows 0 and 3 the first target is missing and has weight 0; of row 5 the second.
    anchors, first, second = (embeddings(6, 5, seed) for seed in range(3))
    ratio = torch.tensor([0.0, 0.3, 0.6, 0.0, 0.8, 1.0])
    has_first, has_second = ratio > 0, ratio < 1
    expected = info_nce(anchors[has_first], first[has_first], SCALE, weight=ratio[has_first])
    expected = expected + info_nce(anchors[has_second], second[has_second], SCALE, weight=1 - ratio[has_second])
    found = mixed_info_nce(anchors, first, second, ratio, SCALE, (has_first, has_second), soft=True)
    torch.testing.assert_close(found, expected)


def test_soft_labels_weigh_the_losses_with_both_targets() -> None:
    anchors, first, second = (embeddings(6, 5, seed) for seed in range(3))
    quarter = torch.full((6,), 0.25)
    expected = 0.25 * info_nce(anchors, first, SCALE) + 0.75 * info_nce(anchors, second, SCALE)
    torch.testing.assert_close(mixed_info_nce(anchors, first, second, quarter, SCALE, soft=True), expected)
    assert not torch.isclose(mixed_info_nce(anchors, first, second, quarter, SCALE), expected)


def test_agreement_of_equal_and_of_exchanged_rows() -> None:
    a = torch.eye(5)
    assert agreement(a, 3 * a) == (1.0, 100.0, 100.0)
    assert agreement(a, a.roll(1, 0)) == (0.0, 0.0, 0.0)
    one_sided = agreement(torch.tensor([[1.0, 0], [1, 0.1]]), torch.tensor([[1.0, 0], [1, 1]]))
    assert one_sided.recall_ab == 50 and one_sided.recall_ba == 100


def test_constant_embeddings_recall_by_chance() -> None:
    found = agreement(torch.ones(8, 5), embeddings(8, 5, 0))
    assert found.recall_ba == pytest.approx(100 / 8) and found.recall_ab == pytest.approx(100 / 8)

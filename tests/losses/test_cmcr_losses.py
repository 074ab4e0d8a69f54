"""CMCR's losses where their formulas say little: no pairs, precision, scale, extremes; parity is in tests/parity."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from concord3d.errors import BadCloud
from concord3d.losses.lovasz_softmax import _largest_first as largest_first
from concord3d.losses.lovasz_softmax import lovasz_softmax
from concord3d.losses.masked_pictures import picture_error
from concord3d.losses.occupancy import occupancy_losses
from concord3d.losses.orthogonality import mean_squared_cosine, orthogonality
from concord3d.losses.point_pixel_info_nce import draw_pairs, point_pixel_info_nce
from concord3d.losses.quantised_pairs import code_matching, commitment
from concord3d.losses.standard_normal import standard_normal_kl
from concord3d.losses.superpixel_info_nce import superpixel_features, superpixel_info_nce

NO_PIXELS = torch.zeros(0, 3, dtype=torch.int64)


def _draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _rows(count: int, dim: int = 8, seed: int = 0) -> Tensor:
    return torch.randn(count, dim, generator=_draw(seed))


def _labels(rows: Tensor) -> Tensor:
    return torch.arange(len(rows)) % rows.shape[1]


# Each loss as a function of one (n, 8) tensor.
LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "ppkt": lambda rows: point_pixel_info_nce(rows, rows.flip(1), 0.07),
    "orthogonality": lambda rows: orthogonality(rows, rows.flip(1), 1000),
    "occupancy": lambda rows: occupancy_losses(rows[:, :2], rows[:, 2] > 0, rows[:, 3].detach()).occupancy,
    "intensity": lambda rows: occupancy_losses(rows[:, :2], rows[:, 2] > 0, rows[:, 3].detach()).intensity,
    "lovasz": lambda rows: lovasz_softmax(rows.softmax(1), _labels(rows)),
    "standard_normal": standard_normal_kl,
    "commitment": lambda rows: commitment(rows, _rows(len(rows)), _rows(len(rows), seed=1), 0.25),
    "code_matching": lambda rows: code_matching(rows, rows.flip(1), _rows(5)),
    "picture": lambda rows: picture_error(rows.view(-1, 1, 2, 4), torch.zeros(len(rows), 1, 2, 4)),
    "cosine": lambda rows: mean_squared_cosine(rows, rows.flip(1)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_gives_zero_with_a_gradient(name: str) -> None:
    rows = torch.zeros(0, 8, requires_grad=True)
    loss = LOSSES[name](rows)
    loss.backward()
    assert loss.shape == () and loss.item() == 0 and rows.grad is not None and rows.grad.shape == (0, 8)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("value", [0.0, 1e-30, 1e4])
def test_extreme_features_give_finite_losses_and_gradients(name: str, value: float) -> None:
    rows = torch.full((6, 8), value, requires_grad=True)
    loss = LOSSES[name](rows)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(rows.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_float32_under_bfloat16_autocast(name: str) -> None:
    rows = _rows(20)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = LOSSES[name](rows)
        # Features arrive from an autocast network in its type.
        assert LOSSES[name](rows.bfloat16()).dtype == torch.float32 or name == "lovasz"
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, LOSSES[name](rows), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("count", [1, 7, 3000])
def test_lovasz_sorts_as_torch_does_equal_errors_too(count: int) -> None:
    errors = torch.rand(count, 16, generator=_draw())
    errors[: count // 2] = errors[count - count // 2 :]
    errors[0], errors[-1] = 0, 1
    plain, ours = errors.clone().requires_grad_(), errors.clone().requires_grad_()
    expected = plain.sort(dim=0, descending=True, stable=True)
    values, rows = largest_first(ours)
    assert torch.equal(values, expected.values) and torch.equal(rows, expected.indices)
    for found in (expected.values, values):
        (found * torch.arange(count)[:, None]).sum().backward()
    assert plain.grad is not None and ours.grad is not None and torch.equal(plain.grad, ours.grad)


def test_pairs_are_drawn_without_replacement_by_their_generator() -> None:
    drawn = draw_pairs(5000, 2048, _draw())
    assert len(drawn) == len(drawn.unique()) == 2048 and drawn.max() < 5000
    assert torch.equal(drawn, draw_pairs(5000, 2048, _draw())) and not torch.equal(
        drawn, draw_pairs(5000, 2048, _draw(1))
    )
    assert draw_pairs(7, 2048, _draw()).sort().values.tolist() == list(range(7))
    assert len(draw_pairs(0, 2048, _draw())) == 0


def test_one_direction_and_every_pixel_is_a_candidate() -> None:
    points, pixels = (functional.normalize(_rows(9, seed=seed), dim=1) for seed in (0, 1))
    assert not torch.isclose(point_pixel_info_nce(points, pixels, 0.07), point_pixel_info_nce(pixels, points, 0.07))
    same = torch.ones(9, 3)
    assert point_pixel_info_nce(same, same, 0.07).item() == pytest.approx(math.log(9), abs=1e-5)
    torch.testing.assert_close(
        point_pixel_info_nce(2 * points, pixels, 0.14), point_pixel_info_nce(points, pixels, 0.07)
    )


def test_superpixels_are_those_of_their_own_picture_and_hold_a_point() -> None:
    maps = torch.arange(24.0).view(2, 1, 3, 4)
    numbers = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 2]]).expand(2, 3, 4)
    pixels = torch.tensor([[0, 2, 3], [1, 0, 0], [0, 2, 0], [1, 1, 1]])
    points = torch.tensor([[1.0], [10.0], [3.0], [30.0]])
    pooled = superpixel_features(points, pixels, maps, numbers)
    # Number 2 of the first picture, number 0 of the second: points 2 and 20, pixels 8 to 11 and 12, 13, 16, 17.
    assert pooled.points.tolist() == [[2.0], [20.0]] and pooled.pixels.tolist() == [[9.5], [14.5]]


def test_pictures_without_pairs_and_superpixels_of_another_size() -> None:
    points, maps = torch.zeros(0, 8, requires_grad=True), torch.rand(2, 8, 3, 4, requires_grad=True)
    numbers = torch.zeros(2, 3, 4, dtype=torch.uint8)
    loss = superpixel_info_nce(points, NO_PIXELS, maps, numbers, 0.07)
    loss.backward()
    assert loss.item() == 0 and torch.equal(maps.grad, torch.zeros_like(maps))
    for wrong in (numbers[:, :2], numbers[:1], numbers.int() - 1):
        with pytest.raises(BadCloud, match="Superpixels"):
            superpixel_info_nce(points, NO_PIXELS, maps, wrong, 0.07)


@pytest.mark.parametrize("times", [2, 7])
def test_more_voxels_of_the_same_kind_leave_the_scaled_orthogonality(times: int) -> None:
    """CMCR spec 9: as released the loss grows with the number of voxels."""
    shared, specific = functional.normalize(_rows(50), dim=1), _rows(50, seed=1)
    more = shared.repeat(times, 1), specific.repeat(times, 1)
    torch.testing.assert_close(orthogonality(*more), times * orthogonality(shared, specific))
    torch.testing.assert_close(orthogonality(*more, 30_000), orthogonality(shared, specific, 30_000))
    torch.testing.assert_close(orthogonality(shared, specific, 50), orthogonality(shared, specific))


def test_only_the_length_of_specific_features_does_not_matter() -> None:
    shared, specific = _rows(20), _rows(20, seed=1)
    torch.testing.assert_close(orthogonality(shared, 5 * specific), orthogonality(shared, specific))
    torch.testing.assert_close(orthogonality(5 * shared, specific), 5 * orthogonality(shared, specific))
    assert mean_squared_cosine(torch.eye(8), torch.eye(8).roll(1, 1)).item() == 0
    assert mean_squared_cosine(shared, -3 * shared).item() == pytest.approx(1.0)


def test_queries_on_the_ray_have_no_intensity() -> None:
    decoded = torch.tensor([[0.0, 0.2], [0.0, 9.0], [0.0, 0.0]], requires_grad=True)
    losses = occupancy_losses(decoded, torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.5, -1.0, 0.0]))
    assert losses.occupancy.item() == pytest.approx(math.log(2)) and losses.intensity.item() == pytest.approx(0.15)
    losses.intensity.backward()
    assert decoded.grad[:, 1].tolist() == [-0.5, 0.0, 0.0]
    unknown = occupancy_losses(decoded, torch.zeros(3), torch.full((3,), -1.0))
    assert unknown.intensity.item() == 0 and unknown.occupancy.item() > 0


def test_lovasz_of_certain_answers_is_one_less_the_mean_iou_of_classes_that_occur() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 3])
    answers = torch.tensor([0, 0, 1, 1, 2, 3])
    # Class 2 is answered and does not occur: it does not count.
    expected = 1 - (2 / 3 + 1 / 3 + 1) / 3
    certain = functional.one_hot(answers, 4).double()
    assert lovasz_softmax(certain, labels).item() == pytest.approx(expected)
    assert lovasz_softmax(functional.one_hot(labels, 4).double(), labels).item() == 0
    logits = torch.zeros(6, 4, requires_grad=True)
    loss = lovasz_softmax(logits.softmax(1), torch.full((6,), -1), ignored=-1)
    loss.backward()
    assert loss.item() == 0 and torch.equal(logits.grad, torch.zeros(6, 4))


def test_no_gradient_reaches_the_codes() -> None:
    codes = _rows(6).requires_grad_()
    features = _rows(6, seed=1).requires_grad_()
    (code_matching(features, features.flip(0), codes) + commitment(features, codes, codes.flip(0), 0.25)).backward()
    assert codes.grad is None and features.grad.abs().sum() > 0


def test_features_that_are_codes_have_finite_gradients_and_match_themselves() -> None:
    codes = functional.normalize(_rows(6), dim=1)
    features = (30 * codes).requires_grad_()
    matched = code_matching(features, features, codes)
    matched.backward()
    assert torch.isfinite(features.grad).all()
    assert matched < code_matching(features, features.roll(1, 0), codes)
    # Exactly at distance 0, where a root has no gradient.
    on_a_code = torch.eye(8).requires_grad_()
    code_matching(on_a_code, on_a_code, torch.eye(8)).backward()
    assert torch.isfinite(on_a_code.grad).all()


def test_a_standard_normal_costs_nothing() -> None:
    values = _rows(20_000, 3)
    normal = (values - values.mean(0)) / values.std(0, correction=0)
    assert standard_normal_kl(normal).item() == pytest.approx(0, abs=1e-6)
    assert standard_normal_kl(normal + 1).item() == pytest.approx(0.5, abs=1e-5)
    one = torch.ones(1, 3, requires_grad=True)
    standard_normal_kl(one).backward()
    assert torch.equal(one.grad, torch.zeros(1, 3))


def test_hidden_pixels_alone() -> None:
    predicted, target = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    target[0, :, 0, 0], target[0, :, 1, 1] = 1.0, 0.5
    hidden = torch.tensor([[[True, False], [False, False]]])
    assert picture_error(predicted, target).item() == pytest.approx(1.25 / 4)
    assert picture_error(predicted, target, hidden).item() == 1.0
    assert picture_error(predicted, target, hidden & False).item() == 0

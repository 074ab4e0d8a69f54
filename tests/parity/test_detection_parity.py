"""Losses, targets and measures of detection are their literal formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.parity import literal_detection as literal

from concord3d.errors import EvaluationError
from concord3d.geometry.centre_targets import MapFrame, heat_maps, heat_radius
from concord3d.losses.centre_heat import box_distance, heat_loss
from concord3d.measures.kitti_precision import KittiFrame, kitti_average_precision


@pytest.mark.parametrize("seed", range(8))
def test_kitti_average_precision(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames, told = [], []
    for _ in range(12):
        predicted, true = int(rng.integers(0, 9)), int(rng.integers(0, 6))
        overlaps = rng.uniform(0, 1, (predicted, true)) ** 0.5
        flags = [rng.random(count) < chance for count, chance in ((true, 0.7), (predicted, 0.8), (predicted, 0.2))]
        scores = rng.permutation(100)[:predicted] / 100 + 0.01 * rng.random(predicted)
        frames.append(KittiFrame(overlaps, scores, *flags))
        told.append({
            "overlaps": overlaps.tolist(), "scores": scores.tolist(), "wanted": flags[0].tolist(),
            "judged": flags[1].tolist(), "unlabelled": flags[2].tolist(),
        })  # fmt: skip
    found = kitti_average_precision(frames, 0.7)
    assert found == pytest.approx(literal.kitti_ap(told, 0.7), abs=1e-12) and 0 < found < 1


def test_heat_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, generator=generator)
    target = torch.rand(3, 4, 5, generator=generator)
    target[0, 1, 2] = target[2, 3, 0] = 1.0
    expected = literal.heat_loss(logits.sigmoid().tolist(), target.tolist())
    assert heat_loss(logits, target).item() == pytest.approx(expected, rel=1e-5)
    nothing = torch.where(target == 1, 0.5, target)
    expected = literal.heat_loss(logits.sigmoid().tolist(), nothing.tolist())
    assert heat_loss(logits, nothing).item() == pytest.approx(expected, rel=1e-5)


def test_box_distance() -> None:
    generator = torch.Generator().manual_seed(0)
    found, target = torch.randn(6, 10, generator=generator), torch.randn(6, 10, generator=generator)
    target[2, 8:] = float("nan")
    weights = [1.0] * 8 + [0.2] * 2
    found.requires_grad_()
    loss = box_distance(found, target, weights)
    assert loss.item() == pytest.approx(literal.box_distance(found.tolist(), target.tolist(), weights), rel=1e-5)
    loss.backward()
    assert found.grad is not None and torch.isfinite(found.grad).all() and not found.grad[2, 8:].any()
    empty = box_distance(found[:0], target[:0], weights)
    assert empty.item() == 0 and empty.requires_grad


def test_heat_maps_take_the_higher_of_two_centres() -> None:
    frame = MapFrame((-8.0, -4.0), 1.0, (16, 8))
    boxes = torch.zeros(3, 9)
    boxes[:, 0], boxes[:, 1] = torch.tensor([-7.5, -5.2, 3.0]), torch.tensor([-3.5, -2.1, 1.5])
    boxes[:, 3:6] = 0.5
    maps = heat_maps(boxes, torch.tensor([1, 1, 0]), 2, frame, 0.1, 2)
    first, second = (literal.heat_map(place, 2, (16, 8)) for place in ((0, 0), (2, 1)))
    torch.testing.assert_close(maps[1], torch.maximum(torch.tensor(first), torch.tensor(second)))
    torch.testing.assert_close(maps[0], torch.tensor(literal.heat_map((11, 5), 2, (16, 8))))


@pytest.mark.parametrize(("length", "width"), [(4.5, 1.9), (0.7, 0.7), (12.0, 3.0)])
def test_heat_radius_is_the_least_of_three_roots(length: float, width: float) -> None:
    """The roots of the released code, each divided by two, are those of monic polynomials."""
    least = []
    for a, b, c in (
        (1.0, length + width, length * width * 0.9 / 1.1),
        (4.0, 2 * (length + width), 0.9 * length * width),
        (0.4, -0.2 * (length + width), -0.9 * length * width),
    ):
        least.append((b + math.sqrt(b * b - 4 * a * c)) / 2)
    assert heat_radius(length, width, 0.1) == pytest.approx(min(least))


def test_kitti_positions_count_what_is_found_first() -> None:
    flags = np.ones(4, np.bool_)
    right = KittiFrame(np.eye(4), np.array([0.9, 0.8, 0.7, 0.6]), flags, flags, ~flags)
    # Four hits are four positions of forty; the first of 41 does not count.
    assert kitti_average_precision([right], 0.7) == pytest.approx(3 / 40)
    many = [right._replace(scores=right.scores - 0.001 * number) for number in range(40)]
    assert kitti_average_precision(many, 0.7) == 1.0
    assert kitti_average_precision([right._replace(is_wanted=~flags)], 0.7) == 0.0


def test_frames_that_do_not_fit_are_refused() -> None:
    flags = np.ones(2, np.bool_)
    frame = KittiFrame(np.eye(2), np.array([0.9, 0.8]), flags, flags, ~flags)
    for wrong in ({"scores": np.zeros(3)}, {"scores": np.full(2, np.nan)}, {"is_wanted": flags[:1]}):
        with pytest.raises(EvaluationError, match=r"(?s)do not fit.*frame 1"):
            kitti_average_precision([frame, frame._replace(**wrong)], 0.7)

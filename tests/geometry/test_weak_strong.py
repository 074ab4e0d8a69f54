"""Weak and strong transforms: invariants for any cloud, ranges, and a literal transcription, point by point."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from concord3d.errors import BadCloud
from concord3d.geometry.augment import normalise_unit_sphere
from concord3d.geometry.weak_strong import augment_strongly, augment_weakly, upsample, weak_and_strong
from concord3d.geometry.weak_strong_settings import StrongSettings, WeakSettings, WeakStrongSettings

STILL = {
    "scale": (1.0, 1.0),
    "rotation": (0.0, 0.0),
    "shift": 0.0,
    "jitter_std": 0.0,
    "jitter_clip": 0.0,
    "max_dropout": 0.0,
}
Point = list[float]


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _clouds(count: int = 4, num_points: int = 50, seed: int = 0) -> Tensor:
    return torch.randn(count, num_points, 3, generator=_generator(seed)) * torch.tensor([1.0, 2.0, 0.5]) + 3


def _strong(points: Tensor, seed: int = 0, **changes: Any) -> Tensor:
    return augment_strongly(points, StrongSettings(**{**STILL, **changes}), _generator(seed))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 40),
    st.integers(1, 60),
    st.sampled_from(["student", "both", "none"]),
    st.booleans(),
    st.integers(0, 1000),
)
def test_any_batch(count: int, stored: int, asked: int, side: str, coincide: bool, seed: int) -> None:
    points = torch.ones(count, stored, 3) if coincide else _clouds(count, stored, seed)
    given_before = points.clone()
    told = WeakStrongSettings(num_points=asked, upsampled=side)
    weak, strong = weak_and_strong(points, told, _generator(seed))
    assert torch.equal(points, given_before)
    assert len({tensor.untyped_storage().data_ptr() for tensor in (points, weak, strong)}) == 3
    more = max(stored, asked)
    assert weak.shape == (count, more if side == "both" else stored, 3)
    assert strong.shape == (count, stored if side == "none" else more, 3)
    assert torch.isfinite(weak).all() and torch.isfinite(strong).all() and weak.dtype == strong.dtype == torch.float32
    assert weak.norm(dim=2).max() <= 1.1001
    reach = strong.abs().amax()
    # Two, half of an extent of at most four, and the noise; a mean lies among its points.
    assert reach <= 2 + 2 + 0.0501
    again = weak_and_strong(points, told, _generator(seed))
    assert torch.equal(weak, again.weak) and torch.equal(strong, again.strong)


def test_each_cloud_has_a_draw_of_its_own_and_the_seed_decides() -> None:
    same = _clouds(1).expand(2, -1, -1)
    told = WeakStrongSettings(num_points=60)
    first, other = weak_and_strong(same, told, _generator(1)), weak_and_strong(same, told, _generator(2))
    for one, two in zip(first, other, strict=True):
        assert not torch.allclose(one[0], one[1]) and not torch.allclose(one, two)


def test_without_strength_both_are_the_normalised_cloud() -> None:
    points = _clouds()
    weak = augment_weakly(points, WeakSettings(scale=(1.0, 1.0), rotation_sigma=0.0), _generator())
    assert torch.equal(weak, normalise_unit_sphere(points)) and torch.equal(_strong(points), weak)


def test_the_weak_transform_is_a_scale_and_a_small_rotation() -> None:
    points = torch.cat([torch.eye(3), -torch.eye(3)]).expand(3000, -1, -1)
    weak = augment_weakly(points, WeakSettings(), _generator())
    scale = weak.norm(dim=2)
    torch.testing.assert_close(scale.std(1), torch.zeros(3000), atol=1e-5, rtol=0)
    assert 0.9 <= scale.min() + 1e-5 < 0.902 and 1.098 < scale.max() <= 1.1001
    turned = weak[:, :3] / scale[:, :3, None]
    assert (torch.linalg.det(turned) > 0.99).all()
    # First order: the entries off the diagonal are the angles.
    angles = turned[:, [1, 2, 0], [2, 0, 1]]
    assert 0.05 < angles.std() < 0.062 and 0.15 < angles.abs().max() < 0.22


@pytest.mark.parametrize("count", [1, 3])
def test_ranges_of_the_strong_transform_come_from_the_settings(count: int) -> None:
    points = _clouds(count).repeat(600 // count, 1, 1)
    still = _strong(points)
    factor = _strong(points, scale=(0.5, 2.0)) / still
    assert 0.5 <= factor.min() + 1e-4 < 0.52 and 1.98 < factor.max() <= 2.0001
    turned = _strong(points, rotation=(0.0, 0.3))
    assert torch.equal(turned[..., 1], still[..., 1])
    angle = torch.atan2(turned[:, 0, 0], turned[:, 0, 2]) - torch.atan2(still[:, 0, 0], still[:, 0, 2])
    angle = (angle + 1e-4) % (2 * math.pi)
    assert angle.max() < 0.301 and angle.max() > 0.29 and angle.min() < 0.01
    extent = still.amax(1) - still.amin(1)
    moved = (_strong(points, shift=0.25) - still)[:, 0] / extent
    assert (moved.abs().amax(0) <= 0.2501).all() and (moved.abs().amax(0) > 0.24).all()
    noise = _strong(points, jitter_std=0.01, jitter_clip=0.015) - still
    assert 0.0149 < noise.abs().max() < 0.0151 and 0.008 < noise.std() < 0.01
    dropped = _strong(points, max_dropout=0.5)
    replaced, kept = (dropped == still[:, :1]).all(2), (dropped == still).all(2)
    assert (replaced | kept).all() and 0.45 < replaced[:, 1:].float().mean(1).max() < 0.75
    assert replaced[:, 1:].float().mean().item() == pytest.approx(0.25, abs=0.02)


def _literal_normalised(cloud: list[Point]) -> list[Point]:
    middle = [sum(point[axis] for point in cloud) / len(cloud) for axis in range(3)]
    centred = [[point[axis] - middle[axis] for axis in range(3)] for point in cloud]
    radius = max(math.hypot(*point) for point in centred)
    return [[value / radius for value in point] for point in centred]


def _literal_rotation(axis: int, angle: float, point: Point) -> Point:
    """Turn a point about an axis by the rotation matrix of textbooks."""
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = {
        0: [[1, 0, 0], [0, cos, -sin], [0, sin, cos]],
        1: [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]],
        2: [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]],
    }[axis]
    return [sum(row[column] * point[column] for column in range(3)) for row in matrix]


def _literal_weak(cloud: list[Point], factor: float, normals: list[float]) -> list[Point]:
    result = []
    for point in _literal_normalised(cloud):
        point = [factor * value for value in point]
        for axis in range(3):
            point = _literal_rotation(axis, min(max(0.06 * normals[axis], -0.18), 0.18), point)
        result.append(point)
    return result


def _literal_strong(
    cloud: list[Point],
    factor: float,
    angle: float,
    shares: list[float],
    normals: list[list[float]],
    ratio: float,
    coins: list[float],
) -> list[Point]:
    points = [_literal_rotation(1, angle, [factor * v for v in point]) for point in _literal_normalised(cloud)]
    extents = [max(p[axis] for p in points) - min(p[axis] for p in points) for axis in range(3)]
    for index, point in enumerate(points):
        for axis in range(3):
            point[axis] += shares[axis] * extents[axis]
            point[axis] += min(max(0.01 * normals[index][axis], -0.05), 0.05)
    return [points[0] if coin < ratio else point for point, coin in zip(points, coins, strict=True)]


def _literal_upsampled(cloud: list[Point], chosen: list[int], num_neighbours: int) -> list[Point]:
    result = list(cloud)
    for index in chosen:
        nearest = sorted(cloud, key=lambda other: math.dist(other, cloud[index]))[:num_neighbours]
        result.append([sum(point[axis] for point in nearest) / len(nearest) for axis in range(3)])
    return result


def test_the_weak_transform_equals_a_literal_one() -> None:
    points = _clouds(5, 20).double()
    found = augment_weakly(points, WeakSettings(), _generator(7))
    draw = _generator(7)
    factors = 0.9 + 0.2 * torch.rand((5, 1, 1), generator=draw)
    normals = torch.randn((5, 3), generator=draw)
    expected = [
        _literal_weak(cloud.tolist(), factor.item(), own.tolist())
        for cloud, factor, own in zip(points, factors, normals, strict=True)
    ]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-6)


def test_the_strong_transform_equals_a_literal_one() -> None:
    points = _clouds(5, 20).double()
    found = augment_strongly(points, StrongSettings(), _generator(7))
    draw = _generator(7)
    factors = 0.5 + 1.5 * torch.rand((5, 1, 1), generator=draw)
    angles = 2 * math.pi * torch.rand((5,), generator=draw)
    shares = torch.rand((5, 1, 3), generator=draw) - 0.5
    normals = torch.randn((5, 20, 3), generator=draw)
    ratios = 0.875 * torch.rand((5, 1), generator=draw)
    coins = torch.rand((5, 20), generator=draw)
    drawn = zip(points, factors, angles, shares[:, 0], normals, ratios, coins, strict=True)
    expected = [
        _literal_strong(*(part.item() if part.numel() == 1 else part.tolist() for part in cloud)) for cloud in drawn
    ]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("stored", "asked", "num_neighbours"), [(30, 47, 10), (30, 100, 4), (6, 20, 10), (1, 3, 2)])
def test_up_sampling_equals_a_literal_one(stored: int, asked: int, num_neighbours: int) -> None:
    points = _clouds(3, stored).double()
    found = upsample(points, asked, num_neighbours, _generator(3))
    chosen = torch.randint(stored, (3, asked - stored), generator=_generator(3))
    expected = [
        _literal_upsampled(cloud.tolist(), own.tolist(), num_neighbours)
        for cloud, own in zip(points, chosen, strict=True)
    ]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_clouds_with_points_enough_are_not_up_sampled() -> None:
    points = _clouds()
    for asked in (50, 49, 1):
        assert torch.equal(upsample(points, asked, 10, _generator()), points)


@pytest.mark.parametrize("side", ["student", "both", "none"])
def test_both_transforms_read_the_same_clouds_one_after_the_other(side: str) -> None:
    points, draw = _clouds(), _generator(5)
    told = WeakStrongSettings(num_points=70, upsampled=side, num_neighbours=5)
    weak = augment_weakly(points, told.weak, draw)
    strong = augment_strongly(points, told.strong, draw)
    found = weak_and_strong(points, told, _generator(5))
    assert torch.equal(found.weak[:, :50], weak) and torch.equal(found.strong[:, :50], strong)


@pytest.mark.parametrize("points", [torch.zeros(2, 5, 6), torch.zeros(2, 0, 3), torch.full((1, 2, 3), math.nan)])
def test_clouds_that_do_not_fit(points: Tensor) -> None:
    with pytest.raises(BadCloud, match="finite clouds"):
        weak_and_strong(points, WeakStrongSettings(), _generator())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weak": {"scale": (1.1, 0.9)}}, "lower one first"),
        ({"weak": {"scale": (0.9, math.inf)}}, "two finite ends"),
        ({"strong": {"rotation": (1.0, 0.0)}}, "lower one first"),
        ({"strong": {"max_dropout": 1.5}}, "max_dropout"),
        ({"strong": {"jitter": 0.1}}, "jitter"),
        ({"upsampled": "teacher"}, "upsampled"),
        ({"num_neighbours": 0}, "num_neighbours"),
    ],
)
def test_impossible_strengths_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WeakStrongSettings.model_validate(changes)


def test_settings_are_read_without_torch() -> None:
    code = "import sys, concord3d.geometry.weak_strong_settings; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"

"""The transform of the points of a scan (CrossOver spec 3.4)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from concord3d.geometry.scan_augment import augmented_scan
from concord3d.geometry.scan_augment_settings import ScanAugmentation

STILL = ScanAugmentation(
    scale=(1.0, 1.0), spin=0.0, rotation_sigma=0.0, rotation_clip=0.0, shift=0.0, jitter_sigma=0.0, jitter_clip=0.0,
    dropout=(0.0, 0.0),
)  # fmt: skip
POINTS = torch.rand((400, 3), generator=torch.Generator().manual_seed(9)) * torch.tensor([6.0, 4.0, 2.5])


def seen(seed: int = 0, points: Tensor = POINTS, **told) -> Tensor:
    settings = ScanAugmentation(**{**STILL.model_dump(), **told})
    return augmented_scan(points, settings, torch.Generator().manual_seed(seed))


def test_without_ranges_nothing_changes() -> None:
    torch.testing.assert_close(seen(), POINTS)


def test_scans_turn_about_the_upright_axis() -> None:
    turned = seen(spin=2 * math.pi)
    torch.testing.assert_close(turned[:, 2], POINTS[:, 2])
    torch.testing.assert_close(turned.norm(dim=1), POINTS.norm(dim=1))
    assert not torch.allclose(turned, POINTS, atol=0.1)
    # By one angle, right-handed.
    angle = torch.atan2(turned[:, 1], turned[:, 0]) - torch.atan2(POINTS[:, 1], POINTS[:, 0])
    angle = angle.remainder(2 * math.pi)
    assert float(angle.std()) < 1e-3
    draw = torch.Generator().manual_seed(0)
    torch.rand(1, generator=draw)
    assert float(angle.mean()) == pytest.approx(2 * math.pi * float(torch.rand((), generator=draw)), abs=1e-3)


def test_scale_and_shift_are_one_number_each() -> None:
    factors = seen(scale=(0.8, 1.25)) / POINTS
    torch.testing.assert_close(factors, factors[:1, :1].expand_as(factors))
    assert 0.8 <= float(factors[0, 0]) <= 1.25
    shifts = seen(shift=0.1) - POINTS
    assert float(shifts.std()) < 1e-5 and 0 < abs(float(shifts.mean())) <= 0.1


def test_noise_and_tilt_have_limits() -> None:
    noise = seen(jitter_sigma=0.04, jitter_clip=0.05) - POINTS
    assert float(noise.abs().max()) == pytest.approx(0.05, abs=1e-4) and float(noise.std()) > 0.02
    tilted = seen(rotation_sigma=10.0, rotation_clip=0.18)
    torch.testing.assert_close(tilted.norm(dim=1), POINTS.norm(dim=1))
    assert not torch.allclose(tilted[:, 2], POINTS[:, 2], atol=0.01)


def test_the_first_point_stands_for_some() -> None:
    shares = [float((seen(seed, dropout=(0.05, 0.14)) == POINTS[0]).all(1).float().mean()) for seed in range(40)]
    assert min(shares) > 0.02 and max(shares) < 0.19 and max(shares) - min(shares) > 0.04


def test_defaults_repeat_and_an_empty_scan_stays() -> None:
    told = ScanAugmentation().model_dump()
    assert torch.equal(seen(3, **told), seen(3, **told)) and not torch.equal(seen(3, **told), seen(4, **told))
    assert seen(3, POINTS[:0], **told).shape == (0, 3)

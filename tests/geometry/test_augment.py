import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import BadCloud
from concord3d.geometry.augment import (
    FineTuneAugmentation,
    PointAugmentation,
    augment_fine_tune,
    augment_points,
    normalise_unit_sphere,
    rotate_y,
    sample_points,
)

STILL = PointAugmentation(
    normalise=False, scale=(1.0, 1.0), rotation=(0.0, 0.0), translation=0.0, jitter_std=0.0, max_dropout=0.0
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clouds(count: int = 4, num_points: int = 50, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, num_points, 3, generator=generator(seed)) * torch.tensor([1.0, 2.0, 0.5]) + 3


def changed(**ranges: object) -> PointAugmentation:
    return PointAugmentation(**{**STILL.__dict__, **ranges})


@settings(max_examples=25)
@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 1000))
def test_shape_type_and_finiteness_for_any_batch(count: int, num_points: int, seed: int) -> None:
    out = augment_points(clouds(count, num_points, seed), PointAugmentation(), generator(seed))
    assert out.shape == (count, num_points, 3) and out.dtype == torch.float32
    assert torch.isfinite(out).all()


def test_neutral_ranges_change_nothing() -> None:
    assert torch.equal(augment_points(clouds(), STILL, generator()), clouds())


def test_same_generator_state_same_clouds_and_each_cloud_its_own_draw() -> None:
    same = clouds(1).expand(3, -1, -1)
    first = augment_points(same, PointAugmentation(), generator(5))
    assert torch.equal(first, augment_points(same, PointAugmentation(), generator(5)))
    assert not torch.allclose(first[0], first[1])


def test_normalisation_centres_and_fills_the_unit_sphere() -> None:
    out = normalise_unit_sphere(clouds())
    torch.testing.assert_close(out.mean(1), torch.zeros(4, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.norm(dim=2).amax(1), torch.ones(4))
    assert torch.equal(normalise_unit_sphere(torch.ones(1, 7, 3)), torch.zeros(1, 7, 3))


def test_rotation_is_about_y_and_right_handed() -> None:
    angle = torch.full((1,), math.pi / 2)
    axes = torch.eye(3)[None]
    expected = torch.tensor([[[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]])
    torch.testing.assert_close(rotate_y(axes, angle), expected, atol=1e-6, rtol=0)
    turned = augment_points(clouds(), changed(rotation=(0.0, 2 * math.pi)), generator())
    assert torch.equal(turned[..., 1], clouds()[..., 1])
    torch.testing.assert_close(turned.norm(dim=2), clouds().norm(dim=2))


def test_scale_is_isotropic_and_within_its_range() -> None:
    many = clouds(1).expand(500, -1, -1)
    factor = augment_points(many, changed(scale=(0.5, 2.0)), generator()) / many
    torch.testing.assert_close(factor.std(dim=(1, 2)), torch.zeros(500), atol=1e-5, rtol=0)
    assert 0.5 <= factor.min() < 0.52 and 1.98 < factor.max() <= 2.0001


def test_translation_is_bounded_by_half_the_extent_of_each_axis() -> None:
    many = clouds(1).expand(500, -1, -1)
    shift = (augment_points(many, changed(translation=0.5), generator()) - many)[:, 0]
    extent = clouds(1)[0].amax(0) - clouds(1)[0].amin(0)
    largest = (shift.abs() / extent).amax(0)
    assert (largest <= 0.5001).all() and (largest > 0.48).all()


def test_jitter_is_clipped() -> None:
    noise = augment_points(clouds(100), changed(jitter_std=0.01, jitter_clip=0.015), generator()) - clouds(100)
    assert 0.0149 < noise.abs().max() < 0.0151
    assert 0.008 < noise.std() < 0.01


def test_dropout_overwrites_with_the_first_point_at_a_uniform_ratio() -> None:
    many = clouds(1, 200).expand(400, -1, -1)
    out = augment_points(many, changed(max_dropout=0.875), generator())
    replaced = (out == many[:, :1]).all(dim=2)
    kept = (out == many).all(dim=2)
    assert (replaced | kept).all()
    share = replaced[:, 1:].float().mean(dim=1)
    assert share.min() < 0.03 and 0.8 < share.max() < 0.95
    assert share.mean() == pytest.approx(0.4375, abs=0.03)


def test_fine_tuning_scales_and_shifts_each_axis_within_its_range() -> None:
    corners = torch.tensor([[[0.0, 0, 0], [1, 1, 1]]]).expand(500, -1, -1)
    out = augment_fine_tune(corners, FineTuneAugmentation(), generator())
    shift, scale = out[:, 0], out[:, 1] - out[:, 0]
    assert 0.19 < shift.abs().max() <= 0.2
    assert 2 / 3 - 1e-4 <= scale.min() < 0.68 and 1.48 < scale.max() <= 1.5001
    assert (scale.std(dim=1) > 0).all()


@settings(max_examples=20)
@given(st.integers(1, 60), st.integers(0, 50), st.integers(0, 99))
def test_sampled_points_are_distinct_members(num_points: int, more: int, seed: int) -> None:
    stored = torch.arange(num_points + more, dtype=torch.float32)[None, :, None].expand(3, -1, 3)
    out = sample_points(stored, num_points, generator(seed))
    assert out.shape == (3, num_points, 3)
    for cloud in out[..., 0]:
        assert len(set(cloud.tolist())) == num_points and set(cloud.tolist()) <= set(stored[0, :, 0].tolist())


def test_too_few_points_are_refused_with_both_counts() -> None:
    with pytest.raises(BadCloud, match=r"(?s)at least 51 points.*50 points"):
        sample_points(clouds(), 51, generator())

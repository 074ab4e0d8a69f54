import math

import pytest
import torch

from concord3d.errors import BadCloud
from concord3d.geometry.augment import (
    ColouredAugmentation,
    augment_coloured,
    coloured_clouds,
    drop_points,
    normalise_unit_sphere,
    paint_grey,
    rotate_y,
)

STILL = ColouredAugmentation(scale=(1.0, 1.0), shift=0.0, rotation_sigma=0.0, spin=0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def changed(**ranges: object) -> ColouredAugmentation:
    return ColouredAugmentation(**{**STILL.__dict__, **ranges})


def stored(count: int = 3, num_points: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Clouds whose red is the number of the point."""
    points = torch.randn(count, num_points, 3, generator=generator()) + 2
    colors = torch.randint(0, 256, points.shape, dtype=torch.uint8, generator=generator(1))
    colors[..., 0] = torch.arange(num_points, dtype=torch.uint8)
    return points, colors


@pytest.mark.parametrize("num_points", [40, 25])
def test_points_are_drawn_in_random_order_with_their_colours(num_points: int) -> None:
    points, colors = stored()
    clouds = coloured_clouds(points, colors, num_points, 6, 0.4, generator(2))
    assert clouds.shape == (3, num_points, 6) and clouds.dtype == torch.float32
    index = (clouds[..., 3] * 255).round().long()
    assert all(len(set(row)) == num_points and row != sorted(row) for row in index.tolist())
    assert index[0].tolist() != index[1].tolist()
    chosen = points.gather(1, index[:, :, None].expand(-1, -1, 3))
    torch.testing.assert_close(clouds[..., :3], normalise_unit_sphere(chosen))
    torch.testing.assert_close(clouds[..., 3:], colors.gather(1, index[:, :, None].expand(-1, -1, 3)) / 255)
    assert torch.equal(clouds, coloured_clouds(points, colors, num_points, 6, 0.4, generator(2)))


def test_without_a_generator_the_first_points_come_as_stored() -> None:
    points, colors = stored()
    clouds = coloured_clouds(points, colors, 10, 6, 0.4, None)
    torch.testing.assert_close(clouds[..., :3], normalise_unit_sphere(points[:, :10]))
    torch.testing.assert_close(clouds[..., 3:], colors[:, :10] / 255)


def test_clouds_without_colour_are_grey_and_three_channels_hold_none() -> None:
    points, colors = stored()
    clouds = coloured_clouds(points, None, 40, 6, 0.3, generator())
    assert (clouds[..., 3:] == 0.3).all()
    alone = coloured_clouds(points, colors, 40, 3, 0.3, generator())
    assert torch.equal(alone, clouds[..., :3])


def test_too_few_points_are_refused() -> None:
    with pytest.raises(BadCloud, match=r"(?s)at least 41 points.*40 points"):
        coloured_clouds(*stored(), 41, 6, 0.4, None)


def test_neutral_ranges_change_nothing() -> None:
    clouds = coloured_clouds(*stored(), 40, 6, 0.4, None)
    assert torch.equal(augment_coloured(clouds, STILL, generator()), clouds)


def test_a_dropped_point_takes_place_and_colour_of_the_first() -> None:
    clouds = coloured_clouds(*stored(1, 200), 200, 6, 0.4, None).expand(300, -1, -1)
    out, source = drop_points(clouds, 0.875, generator())
    assert torch.equal(out, clouds.gather(1, source[:, :, None].expand(-1, -1, 6)))
    replaced, kept = (out == clouds[:, :1]).all(2), (out == clouds).all(2)
    assert (replaced | kept).all()
    share = replaced[:, 1:].float().mean(1)
    assert share.min() < 0.05 and 0.78 < share.max() < 0.95
    assert share.mean().item() == pytest.approx(0.4375, abs=0.03)


def test_colour_stays_whatever_happens_to_the_place() -> None:
    clouds = coloured_clouds(*stored(), 40, 6, 0.4, None)
    out = augment_coloured(clouds, ColouredAugmentation(), generator())
    assert torch.equal(out[..., 3:], clouds[..., 3:])
    assert (out[..., :3] != clouds[..., :3]).any(2).all()
    alone = augment_coloured(clouds[..., :3], ColouredAugmentation(), generator())
    assert torch.equal(alone, out[..., :3])


def test_scale_and_shift_stay_in_their_ranges() -> None:
    clouds = coloured_clouds(*stored(1), 40, 3, 0.4, None).expand(500, -1, -1)
    factor = augment_coloured(clouds, changed(scale=(0.8, 1.25)), generator()) / clouds
    torch.testing.assert_close(factor.std(dim=(1, 2)), torch.zeros(500), atol=1e-4, rtol=0)
    assert 0.8 <= factor.min() + 1e-5 < 0.81 and 1.24 < factor.max() <= 1.25 + 1e-5
    moved = augment_coloured(clouds, changed(shift=0.1), generator()) - clouds
    torch.testing.assert_close(moved.std(dim=1), torch.zeros(500, 3), atol=1e-5, rtol=0)
    assert (moved.abs().amax((0, 1)) <= 0.1001).all() and (moved.abs().amax((0, 1)) > 0.098).all()
    assert (moved[:, 0].std(dim=1) > 0).all()


def test_the_small_rotation_turns_about_every_axis_and_is_clipped() -> None:
    axes = torch.eye(3).expand(2000, -1, -1)
    turned = augment_coloured(axes, changed(rotation_sigma=0.06, rotation_clip=0.09), generator())
    torch.testing.assert_close(turned @ turned.transpose(1, 2), axes, atol=1e-5, rtol=0)
    assert (torch.linalg.det(turned) > 0.99).all()
    # The antisymmetric part of a small rotation holds its three angles, here from the rows that the axes become.
    angles = (
        torch.stack(
            [turned[:, 1, 2] - turned[:, 2, 1], turned[:, 2, 0] - turned[:, 0, 2], turned[:, 0, 1] - turned[:, 1, 0]], 1
        )
        / 2
    )
    assert (angles.abs().amax(0) < 0.1).all() and (angles.abs().amax(0) > 0.085).all()
    assert angles.std(0).tolist() == pytest.approx([0.054] * 3, abs=0.004)
    assert (angles.mean(0).abs() < 0.006).all()


def test_the_spin_is_about_the_upright_axis_and_uniform() -> None:
    clouds = coloured_clouds(*stored(1), 40, 3, 0.4, None).expand(400, -1, -1)
    out = augment_coloured(clouds, changed(spin=2 * math.pi), generator())
    torch.testing.assert_close(out[..., 1], clouds[..., 1])
    angle = torch.atan2(out[:, 0, 0], out[:, 0, 2]) - torch.atan2(clouds[:, 0, 0], clouds[:, 0, 2])
    torch.testing.assert_close(rotate_y(clouds, angle), out, atol=1e-5, rtol=0)
    assert abs(angle.cos().mean()) < 0.12 and abs(angle.sin().mean()) < 0.12
    quarter = augment_coloured(clouds, changed(spin=math.pi / 2), generator())
    turned = torch.atan2(quarter[:, 0, 0], quarter[:, 0, 2]) - torch.atan2(clouds[:, 0, 0], clouds[:, 0, 2])
    turned = turned % (2 * math.pi)
    assert turned.max() <= math.pi / 2 + 1e-4 and turned.max() > 1.5 and turned.min() < 0.05


def test_grey_takes_the_colour_of_the_chosen_clouds_alone() -> None:
    clouds = coloured_clouds(*stored(), 40, 6, 0.4, None)
    grey = torch.tensor([True, False, True])
    out = paint_grey(clouds, grey, 0.25)
    assert (out[grey][..., 3:] == 0.25).all()
    assert torch.equal(out[~grey], clouds[~grey]) and torch.equal(out[..., :3], clouds[..., :3])
    assert torch.equal(paint_grey(clouds[..., :3], grey, 0.25), clouds[..., :3])

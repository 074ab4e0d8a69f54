"""The hand-made descriptor: its formula written out, and what does not change it."""

from __future__ import annotations

import cmath
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.encoder_checks import losses_of_training, same_bits_twice
from torch import Tensor

from concord3d.errors import BadCloud
from concord3d.geometry.augment import rotate_y
from concord3d.models.cylindrical_descriptor import CylindricalDescriptor


def clouds(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def encoder(**settings: int) -> CylindricalDescriptor:
    torch.manual_seed(0)
    return CylindricalDescriptor(**settings).double()


def test_the_descriptor_is_its_formula_written_out() -> None:
    heights, radii, harmonics = 4, 3, 2
    cloud = clouds(1, 30)
    found = encoder(heights=heights, radii=radii, harmonics=harmonics).describe(cloud)[0]
    centred = cloud[0] - cloud[0].mean(dim=0)
    centred = (centred / centred.norm(dim=1).max()).tolist()
    expected = []
    for height in range(heights):
        for radius in range(radii):
            for order in range(harmonics + 1):
                total = 0j
                for x, y, z in centred:
                    of_height = min(max((y + 1) / 2 * heights - 0.5, 0), heights - 1)
                    of_radius = min(max(math.hypot(x, z) * radii - 0.5, 0), radii - 1)
                    share = max(1 - abs(of_height - height), 0) * max(1 - abs(of_radius - radius), 0)
                    total += share * cmath.exp(1j * order * math.atan2(z, x))
                expected.append(math.sqrt(abs(total) / len(centred)))
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


@settings(max_examples=20)
@given(st.integers(2, 40), st.floats(0, 2 * math.pi), st.floats(0.1, 10), st.floats(-5, 5), st.integers(0, 99))
def test_neither_spin_nor_size_nor_place_nor_order_changes_it(
    num_points: int, angle: float, scale: float, shift: float, seed: int
) -> None:
    model, cloud = encoder(), clouds(2, num_points, seed=seed)
    order = torch.randperm(num_points, generator=torch.Generator().manual_seed(seed))
    turned = rotate_y(cloud, torch.full((2,), angle, dtype=torch.float64))
    moved = (scale * turned + shift)[:, order]
    torch.testing.assert_close(model.describe(moved), model.describe(cloud), rtol=1e-4, atol=1e-4)


def test_another_tilt_changes_it_and_so_does_the_angle_between_two_parts() -> None:
    model, cloud = encoder(), clouds(1, 50)
    assert (model.describe(cloud[..., [1, 0, 2]]) - model.describe(cloud)).abs().max() > 0.05
    ring = torch.tensor([[[1.0, 0, 0], [-1, 0, 0]], [[1, 0, 0], [0, 0, 1]]], dtype=torch.float64)
    apart, square = model.describe(torch.cat([ring, torch.zeros(2, 1, 3, dtype=torch.float64)], 1))
    assert (apart - square).abs().max() > 0.05


def test_copies_of_the_first_point_do_not_count() -> None:
    model, cloud = encoder(), clouds(3, 20)
    copies = torch.cat([cloud, cloud[:, :1].expand(-1, 15, -1)], dim=1)
    torch.testing.assert_close(model.describe(copies), model.describe(cloud))


def test_shapes_training_and_errors() -> None:
    model = CylindricalDescriptor(in_channels=6, width=16)
    points = clouds(4, 12).float()
    features = model(torch.cat([points, torch.rand(4, 12, 3)], 2))
    assert features.shape == (4, model.feature_dim) == (4, 16) and features.dtype == torch.float32
    features.square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert same_bits_twice(CylindricalDescriptor(width=16), points)
    for shape in ((4, 12, 3), (4, 0, 6), (12, 6)):
        with pytest.raises(BadCloud, match="descriptor needs clouds"):
            model(torch.zeros(shape))
    with pytest.raises(BadCloud, match="more than one cloud"):
        model(torch.zeros(1, 12, 6))
    for one_place in (torch.zeros(1, 12, 6), torch.ones(1, 12, 6).half()):
        assert torch.isfinite(model.eval()(one_place)).all(), "a cloud of one place"
    given = clouds(2, 12).requires_grad_()
    assert not model.describe(given).requires_grad
    with torch.autocast("cpu", torch.bfloat16):
        assert model.describe(given).dtype == torch.float64


def test_training_lowers_a_loss() -> None:
    losses = losses_of_training(CylindricalDescriptor(width=32), 32, 8, 64, 30)
    assert losses[-1] < 0.5 * losses[0]

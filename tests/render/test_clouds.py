"""Pictures of clouds by their specification."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from concord3d.errors import ConfigError
from concord3d.render.clouds import cloud_pictures
from concord3d.render.points import realistic_projection
from concord3d.render.view_spec import POINT_SETS, ViewSpec, cloud_view_spec, mesh_view_spec


def clouds() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(3).normal(size=(4, 40, 3)).astype(np.float32))


@pytest.mark.parametrize("view_set", POINT_SETS)
def test_a_set_of_bare_points_holds_its_views_of_the_ten(view_set: str) -> None:
    spec = cloud_view_spec(view_set, 32)
    found = cloud_pictures(clouds(), spec)
    assert found.shape == (4, spec.num_views, 32, 32, 1) and found.dtype == torch.uint8
    assert torch.equal(found[..., 0], realistic_projection(clouds(), 32, POINT_SETS[view_set]))


def test_a_ring_shows_the_cloud_wherever_it_lies() -> None:
    spec = ViewSpec("ring12", 32, "depth", "points")
    found = cloud_pictures(clouds(), spec)
    assert found.shape == (4, 12, 32, 32, 1) and bool((found < 255).any(dim=(2, 3, 4)).all())
    moved = cloud_pictures(clouds() * 4 + 2, spec)
    assert float((found == moved).float().mean()) > 0.99


def test_views_of_meshes_are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be drawn from clouds"):
        cloud_pictures(clouds(), mesh_view_spec())

"""Features of mixed clouds: the choice of pairs, and draws that no batch size changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from concord3d.errors import EvaluationError
from concord3d.features.mixed_clouds import encode_mixed, partners
from concord3d.geometry.mixing.settings import MixingSettings
from concord3d.measures.consistency import consistency


class MeanPoint(nn.Module):
    """Linear in the set of points: its features of mixed clouds are mixtures, if each cloud's points are alike."""

    def forward(self, points: Tensor) -> Tensor:
        return points.mean(dim=1)


@given(st.integers(2, 30), st.integers(0, 10_000))
@settings(max_examples=40)
def test_partners_are_a_derangement_without_swaps(num_shapes: int, seed: int) -> None:
    partner = partners(num_shapes, torch.Generator().manual_seed(seed))
    everyone = np.arange(num_shapes)
    np.testing.assert_array_equal(np.sort(partner), everyone)
    assert (partner != everyone).all()
    assert num_shapes == 2 or (partner[partner] != everyone).all()


def test_a_single_shape_has_no_partner() -> None:
    with pytest.raises(EvaluationError, match="pairs"):
        partners(1, torch.Generator())


def test_a_linear_encoder_is_consistent_at_every_ratio() -> None:
    generator = torch.Generator().manual_seed(0)
    # All points of a cloud coincide, so that every subset of it has the same mean.
    points = torch.randn(40, 1, 3, generator=generator).expand(-1, 50, -1).contiguous()
    partner = partners(40, generator)
    for weight in (0.0, 0.3, 1.0):
        mixed, ratio = encode_mixed(
            MeanPoint(), points, partner, weight, "point_cut_mix_r", MixingSettings(), generator
        )
        np.testing.assert_allclose(ratio, weight, atol=1e-6)
        found = consistency(mixed, points[:, 0].numpy(), partner, ratio)
        np.testing.assert_allclose(found.cosine, 1, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_batch_size_does_not_change_the_draws(batch_size: int) -> None:
    points = torch.randn(40, 12, 3, generator=torch.Generator().manual_seed(1))
    partner = partners(40, torch.Generator().manual_seed(2))

    def run(size: int) -> np.ndarray:
        generator = torch.Generator().manual_seed(3)
        return encode_mixed(MeanPoint(), points, partner, 0.4, "point_cut_mix_r", MixingSettings(), generator, size)[0]

    np.testing.assert_allclose(run(batch_size), run(32), rtol=1e-6)

"""Attention that knows where objects lie: size, invariances, scans without objects (CrossOver spec 3.1)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from concord3d.errors import ConfigError
from concord3d.models.spatial_attention import SpatialAttention, SpatialEncoder, pairwise_relations


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 4


def small(**told) -> SpatialEncoder:
    torch.manual_seed(0)
    encoder = SpatialEncoder(12, 2, 3, 16, **told).eval()
    # As they start, nearly nothing is attended to.
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return encoder


def test_the_size_of_the_paper() -> None:
    encoder = SpatialEncoder(384)
    layers = sum(parameter.numel() for parameter in encoder.layers.parameters())
    assert f"{layers / 1e6:.1f}" == "8.8"
    weights = torch.cat([p.flatten() for name, p in encoder.named_parameters() if name.endswith("to_keys.weight")])
    assert float(weights.detach().std()) == pytest.approx(0.02, rel=0.02)


def test_relations_of_two_objects() -> None:
    centres = torch.tensor([[[0.0, 0, 0], [3, 4, 0], [0, 0, -2]]])
    found = pairwise_relations(centres)[0]
    furthest = 29**0.5
    torch.testing.assert_close(found[0, 1], torch.tensor([5 / furthest, 0, 1, -0.8, -0.6]), atol=1e-4, rtol=0)
    torch.testing.assert_close(found[0, 2], torch.tensor([2 / furthest, 1, 0, 0, 0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(found[1, 0, 3:], -found[0, 1, 3:])
    torch.testing.assert_close(found[0, 0, 1:], torch.tensor([0.0, 1, 0, 0]))


def test_a_scan_may_lie_anywhere_and_the_distances_have_no_unit() -> None:
    centres = drawn(2, 5, 3)
    one = pairwise_relations(centres, torch.ones(2, 5, dtype=torch.bool))
    other = pairwise_relations(3 * centres + 7, torch.ones(2, 5, dtype=torch.bool))
    off = ~torch.eye(5, dtype=torch.bool)
    torch.testing.assert_close(one[:, off], other[:, off], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("padded", [False, True])
def test_what_fills_up_a_scan_counts_where_it_is_asked(padded: bool) -> None:
    encoder, tokens, locations = small(padded_distances=padded), drawn(1, 4, 12), drawn(1, 4, 6, seed=1) + 5
    present = torch.ones(1, 4, dtype=torch.bool)
    longer = [torch.nn.functional.pad(part, (0, 0, 0, 3)) for part in (tokens, locations)]
    one = encoder(tokens, locations, present)
    other = encoder(*longer, torch.nn.functional.pad(present, (0, 3)))[:, :4]
    assert torch.allclose(one, other, atol=1e-5) is not padded


def test_the_order_of_the_objects_does_not_matter_but_their_places_do() -> None:
    encoder, tokens, locations = small(), drawn(2, 5, 12), drawn(2, 5, 6, seed=1)
    present, order = torch.ones(2, 5, dtype=torch.bool), torch.tensor([3, 1, 4, 0, 2])
    one = encoder(tokens, locations, present)
    torch.testing.assert_close(encoder(tokens[:, order], locations[:, order], present), one[:, order])
    moved = locations.clone()
    moved[:, 1:, 0] += 2
    assert not torch.allclose(encoder(tokens, moved, present)[:, 0], one[:, 0], atol=1e-3)


def test_a_scan_without_objects_is_finite() -> None:
    encoder, tokens = small().train(), drawn(2, 3, 12).requires_grad_()
    present = torch.tensor([[False] * 3, [True, False, False]])
    found = encoder(tokens, drawn(2, 3, 6), present)
    found.sum().backward()
    assert torch.isfinite(found).all() and torch.isfinite(tokens.grad).all()


def test_heads_share_the_width() -> None:
    with pytest.raises(ConfigError, match="divisor of 10"):
        SpatialAttention(10, 3)

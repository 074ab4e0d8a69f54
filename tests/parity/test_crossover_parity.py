"""CrossOver's losses, relations and attention against literal transcriptions."""

from __future__ import annotations

import pytest
import torch
from tests.parity.literal_crossover import (
    literal_attention,
    literal_batch_loss,
    literal_relations,
    literal_scan_loss,
)
from torch.nn import functional

from concord3d.losses.masked_symmetric_info_nce import grouped_symmetric_info_nce, masked_symmetric_info_nce
from concord3d.models.scene_fusion import SceneFusion
from concord3d.models.spatial_attention import SpatialAttention, SpatialEncoder, pairwise_relations

TAU = 0.07


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def unit(*shape: int, seed: int) -> torch.Tensor:
    return functional.normalize(torch.randn(*shape, generator=draw(seed), dtype=torch.float64), dim=-1)


def there(*shape: int, seed: int) -> torch.Tensor:
    return torch.rand(*shape, generator=draw(seed)) < 0.7


@pytest.mark.parametrize("released", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_loss_of_a_batch(seed: int, released: bool) -> None:
    a, b = unit(9, 4, seed=seed), unit(9, 4, seed=seed + 10)
    masks = there(9, seed=seed + 20), there(9, seed=seed + 30)
    scale = torch.tensor(1 / TAU, dtype=torch.float64)
    found = masked_symmetric_info_nce(a, b, scale, *masks, keep_missing=released)
    assert float(found) == pytest.approx(literal_batch_loss(a, b, *masks, TAU, released), rel=1e-9)


@pytest.mark.parametrize("released", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_loss_of_the_objects_of_scans(seed: int, released: bool) -> None:
    a, b = unit(3, 6, 4, seed=seed), unit(3, 6, 4, seed=seed + 10)
    masks = there(3, 6, seed=seed + 20), there(3, 6, seed=seed + 30)
    scale = torch.tensor(1 / TAU, dtype=torch.float64)
    found = grouped_symmetric_info_nce(a, b, scale, *masks, keep_missing=released)
    assert float(found) == pytest.approx(literal_scan_loss(a, b, *masks, TAU, released), rel=1e-9)


@pytest.mark.parametrize("released", [False, True])
def test_relations(released: bool) -> None:
    centres = torch.rand(2, 5, 3, generator=draw(), dtype=torch.float64) * 4
    # One is far away and missing: it is the largest distance for the release alone.
    present = torch.tensor([[True, True, True, True, False], [False] * 5])
    centres[0, 4] = 50.0
    found = pairwise_relations(centres, None if released else present)
    for scan in range(2):
        expected = literal_relations(centres[scan], present[scan], released)
        torch.testing.assert_close(found[scan], expected, rtol=1e-9, atol=1e-9)


def test_attention() -> None:
    torch.manual_seed(0)
    module = SpatialAttention(12, 3).eval().double()
    tokens = torch.randn(2, 5, 12, generator=draw(1), dtype=torch.float64)
    present = torch.tensor([[True, True, False, True, False], [True, False, False, False, False]])
    centres = torch.rand(2, 5, 3, generator=draw(2), dtype=torch.float64)
    relations = pairwise_relations(centres, present)
    found = module(tokens, relations, present)
    for scan in range(2):
        expected = literal_attention(module, tokens[scan], relations[scan], present[scan])
        torch.testing.assert_close(found[scan], expected, rtol=1e-8, atol=1e-8)


def test_a_layer_and_the_order_of_its_residuals() -> None:
    torch.manual_seed(0)
    encoder = SpatialEncoder(12, 2, 3, 20).eval().double()
    tokens, locations = (torch.rand(1, 4, width, generator=draw(width), dtype=torch.float64) for width in (12, 6))
    present = torch.tensor([[True, True, True, False]])
    found = encoder(tokens, locations, present)
    expected, relations = tokens[0], literal_relations(locations[0, :, :3], present[0], False)
    for layer in encoder.layers:
        entered = expected + encoder.location(locations[0])
        attended = layer.attention_norm(entered + literal_attention(layer.attention, entered, relations, present[0]))
        first, gelu, _, second, _ = layer.mlp
        expected = layer.mlp_norm(attended + second(gelu(first(attended))))
    torch.testing.assert_close(found[0], expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("weighting", ["softmax", "others"])
def test_fusion(weighting: str) -> None:
    torch.manual_seed(0)
    fusion = SceneFusion(6, weighting)
    torch.nn.init.normal_(fusion.weights)
    # What the head does not let through shall be compared too.
    fusion.head = torch.nn.Identity()
    vectors = {name: unit(2, 4, 6, seed=i).float() for i, name in enumerate(("image", "point", "referral"))}
    present = {name: there(2, 4, seed=i + 5) for i, name in enumerate(vectors)}
    present["point"][0] = False
    found, powers = fusion(vectors, present), fusion.weights.exp()
    for scan in range(2):
        total = torch.zeros(6)
        for order, name in zip((0, 1, 3), ("image", "point", "referral"), strict=True):
            kept = [vectors[name][scan, i] for i in range(4) if present[name][scan, i]]
            if not kept:
                continue
            mean = sum(kept) / len(kept)
            below = powers.sum() - (powers[order] if weighting == "others" else 0)
            total = total + powers[order] / below * mean / mean.norm()
        torch.testing.assert_close(found[scan], total)

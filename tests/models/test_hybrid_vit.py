"""A hybrid vision transformer: what is masked leaves no trace, positions suit every grid, the trunk's norms stay."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from concord3d.errors import ConfigError
from concord3d.models.hybrid_vit import HybridViT, position_embedding

PATCH, CHANNELS = 4, 6


def small_trunk() -> nn.Sequential:
    """Sees beyond its patch, as convolutions with padding do."""
    return nn.Sequential(nn.Conv2d(3, CHANNELS, 3, padding=1), nn.BatchNorm2d(CHANNELS), nn.ReLU(), nn.AvgPool2d(PATCH))


def small_model(dropout: float = 0.0) -> HybridViT:
    torch.manual_seed(0)
    model = HybridViT(small_trunk(), CHANNELS, PATCH, 8, 2, 2, 16, 5, dropout)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def pictures(count: int = 3, side: int = 16) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def half_masked(count: int = 3, grid: int = 4) -> Tensor:
    return torch.rand(count, grid, grid, generator=torch.Generator().manual_seed(2)) < 0.5


@pytest.mark.parametrize("training", [False, True])
def test_pixels_under_the_mask_change_no_bit_of_the_output(training: bool) -> None:
    model, mask, before = small_model().train(training), half_masked(), pictures()
    hidden = mask.repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)[:, None]
    noise = torch.where(torch.rand_like(before) < 0.1, torch.tensor(torch.nan), 100 * torch.randn_like(before))
    after = torch.where(hidden, noise, before)
    for found, expected in zip(model(after, mask), model(before, mask), strict=True):
        assert torch.equal(found, expected) and found.isfinite().all()
    assert not torch.equal(model(before).pooled, model(before, mask).pooled)
    beside = torch.where(hidden, before, before + 1)
    assert not torch.equal(model(beside, mask).pooled, model(before, mask).pooled)


def test_a_token_behind_the_trunk_would_have_seen_its_neighbours() -> None:
    """The reason for masking pixels: the trunk's map of open patches depends on hidden pixels."""
    model, mask = small_model(), half_masked()
    hidden = mask.repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)[:, None]
    before, after = pictures(), torch.where(hidden, 5.0, pictures())
    seen = ~mask[:, None].expand(-1, CHANNELS, -1, -1)
    assert not torch.equal(model.trunk(before)[seen], model.trunk(after)[seen])
    assert torch.equal(model.trunk_map(before, mask)[seen], model.trunk_map(after, mask)[seen])


def test_hidden_tokens_differ_by_their_places_alone() -> None:
    model = small_model()
    everything = torch.ones(3, 4, 4, dtype=torch.bool)
    found = model(pictures(), everything)
    torch.testing.assert_close(found.pooled, found.pooled[:1].expand_as(found.pooled))
    assert found.tokens.shape == (3, 16, 8) and not torch.allclose(found.tokens[0, 0], found.tokens[0, 1])


def test_no_mask_is_a_mask_that_hides_nothing_and_gradients_reach_the_mask_token() -> None:
    model = small_model()
    nothing = torch.zeros(3, 4, 4, dtype=torch.bool)
    assert torch.equal(model(pictures(), nothing).pooled, model(pictures()).pooled)
    model(pictures(), half_masked()).pooled.square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in (model.mask_token, model.class_token))
    model.zero_grad()
    model(pictures(), nothing).pooled.square().sum().backward()
    assert model.mask_token.grad is not None and not model.mask_token.grad.any()


def test_positions_are_those_of_the_picture_on_every_grid() -> None:
    coarse, fine = position_embedding(4, 6, 16), position_embedding(12, 18, 16).view(12, 18, 16)
    # The middle patch of three by three lies where the coarse patch lies.
    torch.testing.assert_close(coarse, fine[1::3, 1::3].reshape(24, 16))
    assert len(torch.unique((coarse * 1e4).round(), dim=0)) == 24
    transposed = position_embedding(6, 4, 16).view(6, 4, 16).transpose(0, 1).reshape(24, 16)
    assert not torch.allclose(coarse, transposed)


def test_one_model_encodes_pictures_of_other_sizes_and_shapes() -> None:
    model = small_model()
    found = model(pictures(2, 24), half_masked(2, 6))
    assert found.pooled.shape == (2, 5) and found.tokens.shape == (2, 36, 8)
    wide = torch.randn(1, 3, 8, 20)
    assert model(wide, torch.ones(1, 2, 5, dtype=torch.bool)).tokens.shape == (1, 10, 8)


def test_the_map_can_be_kept_and_used_later() -> None:
    model, mask = small_model(), half_masked()
    assert torch.equal(model.from_map(model.trunk_map(pictures(), mask), mask).pooled, model(pictures(), mask).pooled)


def test_statistics_of_the_trunk_stay_in_training() -> None:
    fresh = HybridViT(small_trunk(), CHANNELS, PATCH, 8, 1, 2, 16, 5)
    assert fresh.training and not fresh.trunk[1].training
    model = small_model(dropout=0.5).train()
    before = {name: value.clone() for name, value in model.trunk.state_dict().items()}
    first, second = model(pictures()).pooled, model(pictures()).pooled
    assert all(torch.equal(value, before[name]) for name, value in model.trunk.state_dict().items())
    assert model.training and model.trunk[0].training and not torch.equal(first, second)
    assert torch.equal(model.trunk_map(pictures()), model.eval().trunk_map(pictures()))


def test_what_does_not_fit_is_refused() -> None:
    model = small_model()
    with pytest.raises(ConfigError, match=r"multiples of 4(?s:.*)18"):
        model(torch.zeros(1, 3, 18, 16))
    for mask in (torch.zeros(3, 4, 5, dtype=torch.bool), torch.zeros(2, 4, 4, dtype=torch.bool), torch.zeros(3, 4, 4)):
        with pytest.raises(ConfigError, match=r"mask does not fit(?s:.*)\(3, 4, 4\)"):
            model(pictures(), mask)
    for width, heads in ((8, 3), (6, 2)):
        with pytest.raises(ConfigError, match="cannot be shared"):
            HybridViT(small_trunk(), CHANNELS, PATCH, width, 1, heads, 16, 5)

"""Hidden blocks of pixels, and what becomes of pairs (CMCR spec 1.7 and 9)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import ConfigError
from concord3d.geometry.pixel_blocks import block_masks, hide_pixels, pair_rows


def _draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(0, 2**16))
@settings(max_examples=40)
def test_patches_are_whole_and_the_border_is_visible(height: int, width: int, patch: int, seed: int) -> None:
    patch = min(patch, height, width)
    masks = block_masks(3, (height, width), _draw(seed), patch, 1.0, 0.5)
    assert masks.shape == (3, height, width) and masks.dtype == torch.bool
    for picture, row, column in masks.nonzero().tolist():
        top, left = row // patch * patch, column // patch * patch
        assert top + patch <= height and left + patch <= width
        assert masks[picture, top : top + patch, left : left + patch].all()


def test_shares_of_pictures_and_of_patches() -> None:
    masks = block_masks(4000, (8, 12), _draw(), 4, 0.3, 0.6)
    patches = masks[:, ::4, ::4].flatten(1)
    masked = patches.any(1)
    # A masked picture with six visible patches is rare: 0.4^6 = 0.4 %.
    assert masked.float().mean().item() == pytest.approx(0.3 * (1 - 0.4**6), abs=0.02)
    assert patches.float().mean().item() == pytest.approx(0.18, abs=0.01)
    # Each patch has a draw of its own, so their number varies.
    assert len(patches[masked].sum(1).unique()) > 4


@pytest.mark.parametrize(("probability", "ratio", "share"), [(0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 1.0)])
def test_nothing_and_everything(probability: float, ratio: float, share: float) -> None:
    assert block_masks(5, (8, 8), _draw(), 4, probability, ratio).float().mean().item() == share


def test_the_generator_decides() -> None:
    first, again, other = (block_masks(4, (16, 16), _draw(seed), 4, 1.0, 0.5) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    draws = [_draw(), _draw()]
    for draw, probability in zip(draws, (0.0, 1.0), strict=True):
        block_masks(4, (16, 16), draw, 4, probability)
    assert torch.equal(draws[0].get_state(), draws[1].get_state())


def test_pairs_are_parted_and_none_takes_the_place_of_another() -> None:
    """CMCR spec 9: an integer choice of 0 and 1 makes all pairs of a camera its first two."""
    masks = torch.zeros(2, 3, 4, dtype=torch.bool)
    masks[1, 2, 3] = masks[0, 0, 0] = True
    pixels = torch.tensor([[0, 0, 1], [1, 2, 3], [0, 0, 0], [1, 0, 0], [1, 2, 3], [0, 2, 3]])
    rows = pair_rows(pixels, masks)
    assert rows.visible.tolist() == [0, 3, 5] and rows.hidden.tolist() == [1, 2, 4]
    draw = _draw()
    pixels = torch.stack([torch.randint(side, (500,), generator=draw) for side in masks.shape], 1)
    rows = pair_rows(pixels, masks)
    assert torch.equal(torch.cat(rows).sort().values, torch.arange(500))
    assert not masks[pixels[rows.visible].unbind(1)].any() and masks[pixels[rows.hidden].unbind(1)].all()
    empty = pair_rows(pixels[:0], masks)
    assert len(empty.visible) == len(empty.hidden) == 0


def test_hidden_pixels_are_black_and_the_picture_stays() -> None:
    pictures = torch.rand(2, 3, 4, 4, generator=_draw()) + 0.1
    before, masks = pictures.clone(), torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[1, :2] = True
    hidden = hide_pixels(pictures, masks)
    assert (
        (hidden[1, :, :2] == 0).all()
        and torch.equal(hidden[0], pictures[0])
        and torch.equal(hidden[1, :, 2:], pictures[1, :, 2:])
    )
    assert torch.equal(pictures, before)


@pytest.mark.parametrize("told", [(0, 0.5, 0.5), (9, 0.5, 0.5), (-1, 0.5, 0.5), (4, 1.5, 0.5), (4, 0.5, -0.1)])
def test_masks_that_do_not_exist(told: tuple[int, float, float]) -> None:
    with pytest.raises(ConfigError):
        block_masks(1, (8, 12), _draw(), *told)

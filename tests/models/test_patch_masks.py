"""Random masks: the number of hidden patches is exact, cells stay whole, and one seed gives one mask."""

from __future__ import annotations

import pytest
import torch

from concord3d.errors import ConfigError
from concord3d.models.patch_masks import random_masks


def drawn(*told: object, seed: int = 0) -> torch.Tensor:
    count, grid, ratio, *cell = told
    return random_masks(count, grid, ratio, torch.Generator().manual_seed(seed), *cell)


@pytest.mark.parametrize(
    ("grid", "ratio", "cell", "hidden"),
    [
        (14, 0.3, 2, 60),
        (8, 0.5, 2, 32),
        (8, 0.5, 1, 32),
        (10, 0.07, 1, 7),
        (4, 0.01, 1, 1),
        (4, 0, 1, 0),
        (4, 1, 2, 16),
    ],
)
def test_as_many_patches_are_hidden_as_are_asked_for(grid: int, ratio: float, cell: int, hidden: int) -> None:
    masks = drawn(50, grid, ratio, cell)
    assert masks.shape == (50, grid, grid) and masks.dtype == torch.bool
    assert (masks.sum((1, 2)) == hidden).all()


def test_cells_are_hidden_as_a_whole_and_all_alike_often() -> None:
    masks = drawn(2000, 8, 0.5, 2)
    cells = masks.view(2000, 4, 2, 4, 2)
    assert (cells.any(4).any(2) == cells.all(4).all(2)).all()
    shares = masks.float().mean(0)
    assert (shares - 0.5).abs().max() < 0.06 and len(torch.unique(masks.flatten(1), dim=0)) > 1700


def test_a_cell_at_the_border_may_be_smaller() -> None:
    assert drawn(1, 5, 1.0, 2).all() and drawn(3, 5, 0.5, 2).shape == (3, 5, 5)


def test_the_seed_decides() -> None:
    assert torch.equal(drawn(4, 8, 0.5), drawn(4, 8, 0.5)) and not torch.equal(
        drawn(4, 8, 0.5), drawn(4, 8, 0.5, seed=1)
    )


@pytest.mark.parametrize(("ratio", "cell"), [(-0.1, 1), (1.1, 1), (0.5, 0), (0.5, 9)])
def test_impossible_masks_are_refused(ratio: float, cell: int) -> None:
    with pytest.raises(ConfigError, match=r"cells of 1 to 8"):
        drawn(1, 8, ratio, cell)

"""The ladder of image transforms: its recipes, and what they do to views."""

import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from concord3d.errors import ConfigError
from concord3d.methods.image_augment import LevelRecipe, apply_recipe
from concord3d.methods.mm_point import ladder


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 5, channels: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=generator(1))


def test_ladder_is_nested_and_each_level_adds_one_operation() -> None:
    recipes = [ladder.level_recipe(level) for level in range(1, 12)]
    assert [recipe.flip for recipe in recipes] == [0.5] * 11
    assert [recipe.crop_scale_low for recipe in recipes[:5]] == [None, 0.6, 0.6, 0.6, 0.6]
    assert [recipe.crop_scale_low for recipe in recipes[5:]] == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.2, 0.2])
    assert [recipe.jitter for recipe in recipes[:4]] == [0, 0, 0.8, 0.8]
    assert [recipe.grayscale for recipe in recipes[:5]] == [0, 0, 0, 0.2, 0.2]
    assert [recipe.blur for recipe in recipes[:6]] == [0, 0, 0, 0, 0.5, 0.5]


def test_arms() -> None:
    nested = ladder.view_recipes("multi_level", 4)
    assert nested == tuple(ladder.level_recipe(level) for level in (1, 2, 3, 4))
    assert ladder.view_recipes("reversed", 4) == nested[::-1]
    assert set(ladder.view_recipes("uniform_weak", 4)) == {ladder.level_recipe(1)}
    assert set(ladder.view_recipes("uniform_strong", 4)) == {ladder.level_recipe(4)}
    assert set(ladder.view_recipes("uniform_crosspoint", 4)) == {LevelRecipe(jitter=1.0)}
    with pytest.raises(ConfigError, match="did you mean 'multi_level'"):
        ladder.view_recipes("multilevel", 4)


def test_flip_touches_about_half_the_images_and_nothing_else() -> None:
    batch = images(400, 1, 8)
    out = apply_recipe(batch, ladder.level_recipe(1), generator())
    same, mirrored = (out == batch).flatten(1).all(1), (out == batch.flip(3)).flatten(1).all(1)
    assert (same | mirrored).all()
    assert 160 < int(mirrored.sum()) < 240


@pytest.mark.parametrize("arm", ["multi_level", "reversed", "uniform_strong", "uniform_crosspoint", "none"])
@pytest.mark.parametrize("channels", [1, 3])
def test_views_become_normalised_slot_major_input(arm: str, channels: int) -> None:
    views = torch.randint(0, 256, (4, 6, 16, 16, channels), dtype=torch.uint8, generator=generator())
    out = ladder.augment_views(views, arm, generator(3))
    assert out.shape == (6, 4, 3, 16, 16) and out.dtype == torch.float32
    mean, std = torch.tensor(ladder.IMAGENET_MEAN), torch.tensor(ladder.IMAGENET_STD)
    restored = out * std[:, None, None] + mean[:, None, None]
    assert restored.min() > -1e-4 and restored.max() < 1 + 1e-4
    assert torch.equal(out, ladder.augment_views(views, arm, generator(3)))
    assert torch.equal(out, ladder.augment_views(views, arm, generator(4))) == (arm == "none")


def test_without_augmentation_a_view_is_only_normalised() -> None:
    views = torch.randint(0, 256, (3, 2, 8, 8, 1), dtype=torch.uint8, generator=generator())
    out = ladder.augment_views(views, "none", generator())
    expected = reference.normalize(
        views[1, 0].permute(2, 0, 1).expand(3, -1, -1).float() / 255,
        list(ladder.IMAGENET_MEAN),
        list(ladder.IMAGENET_STD),
    )
    torch.testing.assert_close(out[0, 1], expected)


def test_strength_rises_with_the_level() -> None:
    smooth = torch.nn.functional.avg_pool2d(images(200, 3, 32), 5, 1, 2)
    distances = [
        float((apply_recipe(smooth, ladder.level_recipe(level), generator()) - smooth).square().mean())
        for level in (0, 1, 2, 3)
    ]
    assert distances[0] == 0
    assert distances == sorted(distances)

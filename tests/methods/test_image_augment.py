import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as reference

from concord3d.errors import ConfigError
from concord3d.methods import image_augment as ours


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 5, channels: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=generator(1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("factor", [0.6, 1.0, 1.4])
@pytest.mark.parametrize("name", ["adjust_brightness", "adjust_contrast", "adjust_saturation"])
def test_colour_operations_equal_torchvision(name: str, factor: float, channels: int) -> None:
    batch = images(channels=channels)
    expected = getattr(reference, name)(batch, factor)
    torch.testing.assert_close(getattr(ours, name)(batch, torch.full((5,), factor)), expected, atol=1e-5, rtol=0)


def test_grayscale_equals_torchvision() -> None:
    torch.testing.assert_close(ours.grayscale(images()), reference.rgb_to_grayscale(images()), atol=1e-5, rtol=0)


@pytest.mark.parametrize("sigma", [0.1, 0.7, 2.0])
@pytest.mark.parametrize("size", [24, 40])
def test_blur_equals_torchvision(sigma: float, size: int) -> None:
    batch = images(size=size)
    expected = reference.gaussian_blur(batch, [23, 23], [sigma, sigma])
    torch.testing.assert_close(ours.gaussian_blur(batch, torch.full((5,), sigma)), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("box", [(0, 0, 32, 32), (3, 5, 20, 24), (10, 0, 22, 7), (31, 31, 1, 1)])
def test_crop_equals_torchvision(box: tuple[int, int, int, int], flip: bool) -> None:
    batch = images()
    expected = reference.resized_crop(batch, *box, size=[32, 32], antialias=False)
    expected = reference.horizontal_flip(expected) if flip else expected
    out = ours.crop_resize_flip(batch, torch.tensor(box).expand(5, -1), torch.full((5,), flip))
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=0)


def test_crop_boxes_have_the_distribution_of_torchvision() -> None:
    boxes = ours.draw_crops(4000, 64, 64, 0.6, generator()).double()
    top, left, height, width = boxes.unbind(1)
    assert (top >= 0).all() and (left >= 0).all()
    assert (top + height <= 64).all() and (left + width <= 64).all()
    blank = torch.zeros(3, 64, 64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = torch.tensor(
            [v2.RandomResizedCrop(64, (0.6, 1.0)).make_params([blank])["height"] for _ in range(2000)]
        ).double()
    assert float(height.mean()) == pytest.approx(float(theirs.mean()), abs=0.8)
    assert float(height.std()) == pytest.approx(float(theirs.std()), abs=0.5)


def test_ladder_is_nested_and_each_level_adds_one_operation() -> None:
    recipes = [ours.level_recipe(level) for level in range(1, 12)]
    assert [recipe.flip for recipe in recipes] == [0.5] * 11
    assert [recipe.crop_scale_low for recipe in recipes[:5]] == [None, 0.6, 0.6, 0.6, 0.6]
    assert [recipe.crop_scale_low for recipe in recipes[5:]] == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.2, 0.2])
    assert [recipe.jitter for recipe in recipes[:4]] == [0, 0, 0.8, 0.8]
    assert [recipe.grayscale for recipe in recipes[:5]] == [0, 0, 0, 0.2, 0.2]
    assert [recipe.blur for recipe in recipes[:6]] == [0, 0, 0, 0, 0.5, 0.5]


def test_arms() -> None:
    ladder = ours.view_recipes("multi_level", 4)
    assert ladder == tuple(ours.level_recipe(level) for level in (1, 2, 3, 4))
    assert ours.view_recipes("reversed", 4) == ladder[::-1]
    assert set(ours.view_recipes("uniform_weak", 4)) == {ours.level_recipe(1)}
    assert set(ours.view_recipes("uniform_strong", 4)) == {ours.level_recipe(4)}
    assert set(ours.view_recipes("uniform_crosspoint", 4)) == {ours.LevelRecipe(jitter=1.0)}
    with pytest.raises(ConfigError, match="did you mean 'multi_level'"):
        ours.view_recipes("multilevel", 4)


def test_flip_touches_about_half_the_images_and_nothing_else() -> None:
    batch = images(400, 1, 8)
    out = ours.apply_recipe(batch, ours.level_recipe(1), generator())
    same, mirrored = (out == batch).flatten(1).all(1), (out == batch.flip(3)).flatten(1).all(1)
    assert (same | mirrored).all()
    assert 160 < int(mirrored.sum()) < 240


@pytest.mark.parametrize("arm", ["multi_level", "reversed", "uniform_strong", "uniform_crosspoint", "none"])
@pytest.mark.parametrize("channels", [1, 3])
def test_views_become_normalised_slot_major_input(arm: str, channels: int) -> None:
    views = torch.randint(0, 256, (4, 6, 16, 16, channels), dtype=torch.uint8, generator=generator())
    out = ours.augment_views(views, arm, generator(3))
    assert out.shape == (6, 4, 3, 16, 16) and out.dtype == torch.float32
    mean, std = torch.tensor(ours.IMAGENET_MEAN), torch.tensor(ours.IMAGENET_STD)
    restored = out * std[:, None, None] + mean[:, None, None]
    assert restored.min() > -1e-4 and restored.max() < 1 + 1e-4
    assert torch.equal(out, ours.augment_views(views, arm, generator(3)))
    assert torch.equal(out, ours.augment_views(views, arm, generator(4))) == (arm == "none")


def test_without_augmentation_a_view_is_only_normalised() -> None:
    views = torch.randint(0, 256, (3, 2, 8, 8, 1), dtype=torch.uint8, generator=generator())
    out = ours.augment_views(views, "none", generator())
    expected = reference.normalize(
        views[1, 0].permute(2, 0, 1).expand(3, -1, -1).float() / 255, list(ours.IMAGENET_MEAN), list(ours.IMAGENET_STD)
    )
    torch.testing.assert_close(out[0, 1], expected)


def test_strength_rises_with_the_level() -> None:
    smooth = torch.nn.functional.avg_pool2d(images(200, 3, 32), 5, 1, 2)
    distances = [
        float((ours.apply_recipe(smooth, ours.level_recipe(level), generator()) - smooth).square().mean())
        for level in (0, 1, 2, 3)
    ]
    assert distances[0] == 0
    assert distances == sorted(distances)

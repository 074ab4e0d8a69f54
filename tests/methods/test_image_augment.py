import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as reference

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

"""Image transforms of graded strength, drawn per image and applied to whole batches.

Every random number is drawn from the generator on the CPU and then moved, so a CPU and a GPU run see the same images.
Which image an operation touches is known on the CPU, so no step waits for a GPU.

Shape legend: B images, m views per object, C channels (1 or 3), H height, W width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

LUMA = (0.2989, 0.587, 0.114)
JITTER_STRENGTH = 0.4
BLUR_RADIUS = 11
CROP_ATTEMPTS = 10


@dataclass(frozen=True)
class LevelRecipe:
    """Probabilities of the operations at one level of the ladder (MM-Point spec 4.2).

    Attributes:
        crop_scale_low: Lower end of the area fraction of the random crop, or None for no crop.
        jitter: Probability of brightness, contrast and saturation jitter of strength 0.4.
        grayscale: Probability of dropping the colour.
        blur: Probability of a Gaussian blur with sigma uniform in [0.1, 2] pixels.
        flip: Probability of the horizontal flip.
    """

    crop_scale_low: float | None = None
    jitter: float = 0.0
    grayscale: float = 0.0
    blur: float = 0.0
    flip: float = 0.5


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)


def _chosen(count: int, probability: float, generator: torch.Generator) -> Tensor:
    draw = torch.rand(count, generator=generator, device=generator.device)
    return (draw < probability).nonzero().flatten()


def draw_crops(count: int, height: int, width: int, scale_low: float, generator: torch.Generator) -> Tensor:
    """Draw crop boxes of area [scale_low, 1] and aspect ratio [3/4, 4/3], the whole image if ten attempts do not fit.

    Returns:
        (count, 4) int64: top, left, height, width.
    """
    area = _uniform((count, CROP_ATTEMPTS), scale_low, 1.0, generator) * (height * width)
    ratio = _uniform((count, CROP_ATTEMPTS), math.log(3 / 4), math.log(4 / 3), generator).exp()
    widths, heights = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (widths >= 1) & (heights >= 1) & (widths <= width) & (heights <= height)
    first = fits.int().argmax(dim=1, keepdim=True)
    any_fits = fits.any(dim=1)
    box_width = torch.where(any_fits, widths.gather(1, first).squeeze(1), float(width))
    box_height = torch.where(any_fits, heights.gather(1, first).squeeze(1), float(height))
    place = torch.rand((2, count), generator=generator, device=generator.device)
    top = (place[0] * (height - box_height + 1)).floor().clamp_max(height - 1)
    left = (place[1] * (width - box_width + 1)).floor().clamp_max(width - 1)
    return torch.stack([top, left, box_height, box_width], dim=1).long()


def crop_resize_flip(images: Tensor, boxes: Tensor, flip: Tensor) -> Tensor:
    """Cut a box out of each image, enlarge it bilinearly to the full size, and mirror it where asked.

    Args:
        images: (B, C, H, W) float.
        boxes: (B, 4) int64: top, left, height, width.
        flip: (B,) bool.

    Returns:
        (B, C, H, W) float; samples never reach outside the box.
    """
    height, width = images.shape[-2:]
    top, left, box_height, box_width = boxes.to(images.dtype).unbind(dim=1)

    def pixel(size: int, start: Tensor, extent: Tensor) -> Tensor:
        centre = torch.arange(size, device=images.device, dtype=images.dtype) + 0.5
        inside = centre[None] * (extent / size)[:, None] - 0.5
        return start[:, None] + torch.minimum(inside.clamp_min(0), extent[:, None] - 1)

    rows, columns = pixel(height, top, box_height), pixel(width, left, box_width)
    columns = torch.where(flip[:, None], columns.flip(1), columns)
    grid_y = ((rows + 0.5) * (2 / height) - 1)[:, :, None].expand(-1, -1, width)
    grid_x = ((columns + 0.5) * (2 / width) - 1)[:, None, :].expand(-1, height, -1)
    grid = torch.stack([grid_x, grid_y], dim=3)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def grayscale(images: Tensor) -> Tensor:
    """Return (B, 1, H, W) luminance of (B, C, H, W) images; one-channel images are returned unchanged."""
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(LUMA, dtype=images.dtype, device=images.device)
    return (images * weights[:, None, None]).sum(dim=1, keepdim=True)


def _blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return torch.lerp(other.expand_as(images), images, factor[:, None, None, None]).clamp(0, 1)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Scale (B, C, H, W) images in [0, 1] by a factor (B,), clipped."""
    return (images * factor[:, None, None, None]).clamp(0, 1)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Blend (B, C, H, W) images in [0, 1] with their mean luminance; factor (B,), 1 changes nothing."""
    return _blend(images, grayscale(images).mean(dim=(1, 2, 3), keepdim=True), factor)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Blend (B, C, H, W) images in [0, 1] with their luminance; factor (B,), 1 changes nothing."""
    return images if images.shape[1] == 1 else _blend(images, grayscale(images), factor)


def jitter_colour(images: Tensor, generator: torch.Generator, strength: float = JITTER_STRENGTH) -> Tensor:
    """Change brightness, contrast and saturation by factors in [1 - strength, 1 + strength], per image in random order.

    Args:
        images: (B, C, H, W) float in [0, 1].
        generator: Source of all randomness.
        strength: Half-width of the factors' range.
    """
    count = len(images)
    factors = _uniform((3, count), 1 - strength, 1 + strength, generator).to(images)
    order = torch.rand((count, 3), generator=generator, device=generator.device).argsort(dim=1)
    operations = (adjust_brightness, adjust_contrast, adjust_saturation)
    for turn in range(3):
        for kind, operation in enumerate(operations):
            index = (order[:, turn] == kind).nonzero().flatten().to(images.device)
            if len(index):
                images = images.index_copy(0, index, operation(images[index], factors[kind, index]))
    return images


def gaussian_blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image with its own Gaussian, kernel 23 (smaller where the image is), reflected at the border.

    Args:
        images: (B, C, H, W) float.
        sigma: (B,) pixels.
    """
    rows = _blur_matrix(sigma, images.shape[2]).to(images.dtype)
    columns = _blur_matrix(sigma, images.shape[3]).to(images.dtype)
    return rows[:, None] @ images @ columns[:, None].transpose(2, 3)


def _blur_matrix(sigma: Tensor, size: int) -> Tensor:
    # (B, size, size): the one-dimensional blur with reflection written as a matrix, so that every image may have its
    # own sigma in one batched product.
    radius = min(BLUR_RADIUS, size - 1)
    taps = torch.arange(-radius, radius + 1, device=sigma.device)
    weights = torch.exp(-0.5 * (taps[None] / sigma[:, None]).square())
    weights = weights / weights.sum(dim=1, keepdim=True)
    source = (torch.arange(size, device=sigma.device)[:, None] + taps[None]).abs()
    source = torch.where(source >= size, 2 * (size - 1) - source, source)
    place = functional.one_hot(source, size).to(weights.dtype)
    return torch.einsum("bt,its->bis", weights, place)


def apply_recipe(images: Tensor, recipe: LevelRecipe, generator: torch.Generator) -> Tensor:
    """Apply one recipe, every image with its own draws.

    Args:
        images: (B, C, H, W) float in [0, 1].
        recipe: Probabilities and ranges.
        generator: Source of all randomness.

    Returns:
        (B, C, H, W) float in [0, 1].
    """
    count, _, height, width = images.shape
    device = images.device
    flip = torch.rand(count, generator=generator, device=generator.device) < recipe.flip
    if recipe.crop_scale_low is not None:
        boxes = draw_crops(count, height, width, recipe.crop_scale_low, generator)
        images = crop_resize_flip(images, boxes.to(device), flip.to(device))
    elif recipe.flip > 0:
        images = torch.where(flip.to(device)[:, None, None, None], images.flip(3), images)
    if recipe.jitter > 0:
        index = _chosen(count, recipe.jitter, generator).to(device)
        images = images.index_copy(0, index, jitter_colour(images[index], generator))
    if recipe.grayscale > 0:
        index = _chosen(count, recipe.grayscale, generator).to(device)
        images = images.index_copy(0, index, grayscale(images[index]).expand(-1, images.shape[1], -1, -1))
    if recipe.blur > 0:
        index = _chosen(count, recipe.blur, generator).to(device)
        sigma = _uniform((len(index),), 0.1, 2.0, generator).to(device)
        images = images.index_copy(0, index, gaussian_blur(images[index], sigma))
    return images

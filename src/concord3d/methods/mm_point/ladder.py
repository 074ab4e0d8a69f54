"""The ladder of image transforms: how strongly each view of MM-Point is changed (MM-Point spec 4.2).

Shape legend: B objects, m views per object, C channels (1 or 3), H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.errors import ConfigError, nearest
from concord3d.methods.image_augment import LevelRecipe, apply_recipe
from concord3d.methods.mm_point.settings import VIEW_AUGMENTATIONS

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CROSSPOINT_RECIPE = LevelRecipe(jitter=1.0)


def level_recipe(level: int) -> LevelRecipe:
    """Return the nested ladder's recipe: level j has the operations of the levels 1..j (MM-Point spec 4.2).

    Args:
        level: 1 or more; 0 means no augmentation at all.
    """
    if level <= 0:
        return LevelRecipe(flip=0.0)
    return LevelRecipe(
        crop_scale_low=None if level < 2 else max(0.2, 0.6 - 0.1 * max(0, level - 5)),
        jitter=0.8 if level >= 3 else 0.0,
        grayscale=0.2 if level >= 4 else 0.0,
        blur=0.5 if level >= 5 else 0.0,
    )


def view_recipes(arm: str, num_views: int) -> tuple[LevelRecipe, ...]:
    """Return the recipe of each view slot for an ablation arm (MM-Point spec 4.2).

    Views are sampled in random order, so a slot is tied to a level and never to a camera.

    Raises:
        ConfigError: ``arm`` is unknown.
    """
    levels = range(1, num_views + 1)
    if arm == "multi_level":
        return tuple(level_recipe(level) for level in levels)
    if arm == "reversed":
        return tuple(level_recipe(level) for level in reversed(levels))
    if arm == "uniform_weak":
        return tuple(level_recipe(1) for _ in levels)
    if arm == "uniform_strong":
        return tuple(level_recipe(num_views) for _ in levels)
    if arm == "uniform_crosspoint":
        return tuple(CROSSPOINT_RECIPE for _ in levels)
    if arm == "none":
        return tuple(level_recipe(0) for _ in levels)
    raise ConfigError(
        f"Unknown view augmentation '{arm}'{nearest(arm, VIEW_AUGMENTATIONS)}", expected=VIEW_AUGMENTATIONS, found=arm
    )


def augment_views(views: Tensor, arm: str, generator: torch.Generator) -> Tensor:
    """Turn stored views into the image encoder's input, each view slot with its own strength (MM-Point spec 4.2).

    Args:
        views: (B, m, H, W, C) uint8, C = 1 (depth; repeated to 3 channels) or 3.
        arm: One of :data:`VIEW_AUGMENTATIONS`.
        generator: Source of all randomness.

    Returns:
        (m, B, 3, H, W) float32 with ImageNet mean and standard deviation removed; slot-major, so that one view slot is
        contiguous.
    """
    recipes = view_recipes(arm, views.shape[1])
    images = views.permute(1, 0, 4, 2, 3).float() / 255
    augmented = torch.stack(
        [apply_recipe(slot, recipe, generator) for slot, recipe in zip(images, recipes, strict=True)]
    )
    mean = torch.tensor(IMAGENET_MEAN, device=views.device)[:, None, None]
    std = torch.tensor(IMAGENET_STD, device=views.device)[:, None, None]
    return (augmented - mean) / std

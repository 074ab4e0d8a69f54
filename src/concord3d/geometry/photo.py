"""The photo variant of rendered views: backgrounds, light, shadow, colour cast and sensor faults, from arrays alone.

Shape legend: V views, H and W image height and width, C channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import RenderError

Floats = NDArray[np.float64]
_BACKGROUNDS = ("gradient", "texture", "room", "clutter")


def photo_background(
    color: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    normal: NDArray[np.floating],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Compose photo-like pictures from rendered views.

    All views of one call share the light's colour and the camera's faults; each has a background of its own.

    Args:
        color: (V, H, W, 3) or (H, W, 3) rendered colours.
        mask: (V, H, W) or (H, W), True on the object.
        normal: Like ``color``, unit normals in any one frame; zero on the background.
        rng: Source of randomness.

    Returns:
        Array of the shape and dtype of ``color``.

    Raises:
        RenderError: The shapes do not fit together.
    """
    if (
        color.shape[-1:] != (3,)
        or color.shape[:-1] != mask.shape
        or normal.shape != color.shape
        or mask.ndim not in (2, 3)
    ):
        raise RenderError(
            "Views do not fit together",
            expected="color (V, H, W, 3), mask (V, H, W), normal (V, H, W, 3)",
            found=(color.shape, mask.shape, normal.shape),
        )
    if color.ndim == 3:
        return photo_background(color[None], mask[None], normal[None], rng)[0]
    light = rng.normal(size=3) + np.array([0.0, 0.8, 0.4])
    light /= np.linalg.norm(light)
    cast = 1 + rng.normal(0, 0.07, 3)
    gamma, noise, blur = rng.uniform(0.8, 1.25), rng.uniform(0, 0.03), int(rng.integers(0, 2))
    pictures = [
        _compose(color[view] / 255.0, mask[view], _shading(normal[view], light), cast, rng)
        for view in range(len(color))
    ]
    photo = np.stack([_box_blur(picture, blur) for picture in pictures])
    photo = photo.clip(0, 1) ** gamma + rng.normal(0, noise, photo.shape)
    return (photo.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _shading(normal: NDArray[np.floating], light: Floats) -> Floats:
    """Return (H, W) factors around 1: wrapped Lambert, dark but never black where the light does not reach."""
    facing = np.einsum("hwc,c->hw", normal.astype(np.float64), light)
    return 0.85 + 0.35 * facing


def _compose(color: Floats, mask: NDArray[np.bool_], shading: Floats, cast: Floats, rng: np.random.Generator) -> Floats:
    height, width = mask.shape
    background = _background(height, width, rng)
    alpha = mask.astype(np.float64)
    soft = max(1, min(height, width) // 40)
    offset_x = int(rng.integers(-width // 8, width // 8 + 1))
    shadow = _box_blur(_shifted(alpha, max(1, height // 24), offset_x)[..., None], 2 * soft)
    background = background * (1 - rng.uniform(0.2, 0.6) * shadow)
    edge = alpha[..., None] * (0.5 + 0.5 * _box_blur(alpha[..., None], 1))
    picture = edge * color * shading[..., None] + (1 - edge) * background
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    vignette = 1 - rng.uniform(0, 0.3) * (rows**2 + columns**2) / 2
    return picture * vignette[..., None] * cast


def _background(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Return an (H, W, 3) background of one of four kinds."""
    kind = _BACKGROUNDS[int(rng.integers(len(_BACKGROUNDS)))]
    first, second = _muted(rng), _muted(rng)
    if kind == "gradient":
        return _gradient(height, width, first, second, rng)
    if kind == "texture":
        weight = _value_noise(height, width, rng)[..., None]
        return first * weight + second * (1 - weight)
    if kind == "room":
        horizon = int(height * rng.uniform(0.45, 0.8))
        wall = _gradient(height, width, first, 0.8 * first + 0.1, rng)
        floor = second * (0.8 + 0.4 * _value_noise(height, width, rng)[..., None])
        return np.where((np.arange(height) < horizon)[:, None, None], wall, floor)
    picture = _gradient(height, width, first, second, rng)
    for _ in range(int(rng.integers(4, 14))):
        _stamp(picture, rng)
    return picture


def _muted(rng: np.random.Generator) -> Floats:
    """Return an RGB colour of any brightness and of little saturation, as most walls, floors and things have."""
    return (rng.uniform(0.1, 0.95) + rng.uniform(0.02, 0.25) * rng.normal(size=3)).clip(0.03, 0.97)


def _stamp(picture: Floats, rng: np.random.Generator) -> None:
    """Draw one rectangle or ellipse of clutter into ``picture``."""
    height, width = picture.shape[:2]
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    middle = rng.uniform(0, 1, 2) * (height, width)
    half = rng.uniform(0.03, 0.3, 2) * (height, width)
    down, across = (rows - middle[0]) / half[0], (columns - middle[1]) / half[1]
    inside = (np.maximum(abs(down), abs(across)) < 1) if rng.random() < 0.6 else (down**2 + across**2 < 1)
    picture[inside] = _muted(rng)


def _gradient(height: int, width: int, first: Floats, second: Floats, rng: np.random.Generator) -> Floats:
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    weight = (0.5 + 0.35 * (np.cos(angle) * rows + np.sin(angle) * columns)).clip(0, 1)[..., None]
    return first * weight + second * (1 - weight)


def _value_noise(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Return (H, W) noise in [0, 1]: bilinearly enlarged random grids of three resolutions."""
    total, weights = np.zeros((height, width)), 0.0
    for cells in (3, 7, 17):
        grid = rng.random((cells + 1, cells + 1))
        y, x = np.linspace(0, cells, height, endpoint=False), np.linspace(0, cells, width, endpoint=False)
        row, column = y.astype(int), x.astype(int)
        fy, fx = (y - row)[:, None], (x - column)[None]
        upper = grid[row][:, column] * (1 - fx) + grid[row][:, column + 1] * fx
        lower = grid[row + 1][:, column] * (1 - fx) + grid[row + 1][:, column + 1] * fx
        weight = 3.0 / cells
        total += weight * (upper * (1 - fy) + lower * fy)
        weights += weight
    return total / weights


def _shifted(image: Floats, down: int, right: int) -> Floats:
    """Return (H, W) moved by whole pixels, zeros coming in."""
    height, width = image.shape
    down, right = min(down, height), max(-width, min(right, width))
    padded = np.pad(image, ((down, 0), (max(right, 0), max(-right, 0))))
    return padded[:height, max(-right, 0) : max(-right, 0) + width]


def _box_blur(image: Floats, radius: int) -> Floats:
    """Return (H, W, C) averaged over a window of 2 radius + 1 pixels in both directions."""
    if radius == 0:
        return image
    for axis in (0, 1):
        pad = [(0, 0)] * image.ndim
        pad[axis] = (radius + 1, radius)
        sums = np.cumsum(np.pad(image, pad, mode="edge"), axis=axis)
        size = image.shape[axis]
        span = 2 * radius + 1
        upper = np.take(sums, np.arange(span, span + size), axis=axis)
        image = (upper - np.take(sums, np.arange(size), axis=axis)) / span
    return image

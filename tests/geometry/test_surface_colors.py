"""Colours of points on a surface: interpolated, looked up in pictures, in light or in the numbers of a screen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.geometry.mesh import Mesh, SurfaceSample, sample_surface
from concord3d.geometry.srgb import light_of, shown_for
from concord3d.geometry.surface_colors import Picture, SurfaceColors, Wrap

SQUARE = Mesh(
    np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2], [0, 2, 3]], np.int32)
)
SQUARE_UV = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)
WHITE_CORNERS = np.full((2, 3, 3), 255, np.uint8)


def test_corner_colours_are_interpolated() -> None:
    corners = np.zeros((2, 3, 3), np.uint8)
    corners[:, :, 0] = SQUARE_UV[:, :, 0] * 200  # red grows with x
    sample = sample_surface(SQUARE, 400, np.random.default_rng(0))
    colors = SurfaceColors(corners).at(sample)
    assert colors.dtype == np.uint8 and np.abs(colors[:, 0] - 200.0 * sample.points[:, 0]).max() <= 0.51
    assert (colors[:, 1:] == 0).all()
    np.testing.assert_array_equal(SurfaceColors(corners).of_faces()[:, 0], [133, 67])


def literal_color(picture: np.ndarray, u: float, v: float) -> np.ndarray:
    """Bilinear between the four nearest pixel centres of a picture that repeats, one point at a time."""
    height, width = picture.shape[:2]
    x, y = u * width - 0.5, (1 - v) * height - 0.5
    left, top = math.floor(x), math.floor(y)
    total = np.zeros(3)
    for row, part_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, part_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            total += part_x * part_y * picture[row % height, column % width]
    return total


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), size=st.tuples(st.integers(1, 7), st.integers(1, 7)), stretch=st.floats(0.2, 3))
def test_pictures_are_sampled_like_their_literal_form(seed: int, size: tuple[int, int], stretch: float) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    colors = SurfaceColors(WHITE_CORNERS, np.zeros(2, np.int32), (SQUARE_UV * stretch - 0.5), (Picture(picture),))
    sample = sample_surface(SQUARE, 20, rng)
    # On the square the place in the picture is the place in the plane.
    expected = [literal_color(picture, *(point[:2] * stretch - 0.5)) for point in sample.points.astype(float)]
    np.testing.assert_allclose(colors.at(sample), np.array(expected), atol=0.6)


def test_each_face_has_its_own_picture_or_none() -> None:
    red, blue = (np.tile(np.array(color, np.uint8), (2, 2, 1)) for color in ((255, 0, 0), (0, 0, 255)))
    corners = np.array([[[255, 255, 255]] * 3, [[10, 20, 30]] * 3], np.uint8)
    for index, expected in (([1, -1], [[0, 0, 255], [10, 20, 30]]), ([0, 1], [[255, 0, 0], [0, 0, 30]])):
        colors = SurfaceColors(corners, np.array(index, np.int32), SQUARE_UV, (Picture(red), Picture(blue)))
        assert colors.of_faces().tolist() == expected
        sample = sample_surface(SQUARE, 50, np.random.default_rng(2))
        np.testing.assert_array_equal(colors.at(sample), np.array(expected, np.uint8)[sample.face_index])


def test_the_upper_left_of_the_square_shows_the_first_pixel() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0] = 255
    colors = SurfaceColors(WHITE_CORNERS, np.zeros(2, np.int32), SQUARE_UV, (Picture(picture),))
    sample = sample_surface(SQUARE, 3000, np.random.default_rng(0))
    x, y = sample.points[:, 0], sample.points[:, 1]
    shade = colors.at(sample)[:, 0]
    quarter = (np.abs(x - 0.25) < 0.1) & (np.abs(y - 0.75) < 0.1)
    assert shade[quarter].mean() > 150 > 60 > shade[(np.abs(x - 0.75) < 0.1) & (np.abs(y - 0.25) < 0.1)].mean()


def at_places(picture: Picture, places: np.ndarray, linear: bool = False) -> np.ndarray:
    """Colours of a picture at places given from its lower left."""
    count = len(places)
    uv = np.repeat(places[:, None].astype(np.float32), 3, axis=1)
    colors = SurfaceColors(np.full((count, 3, 3), 255, np.uint8), np.zeros(count, np.int32), uv, (picture,), linear)
    weights = np.tile(np.array([1, 0, 0], np.float32), (count, 1))
    nothing = np.zeros((count, 3), np.float32)
    return colors.at(SurfaceSample(nothing, nothing, np.arange(count), weights))[:, 0]


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [("repeat", [30, 10, 20, 30, 10]), ("clamp", [10, 10, 20, 30, 30]), ("mirror", [10, 10, 20, 30, 30])],
)
def test_pictures_go_on_as_their_wrap_says(wrap: Wrap, expected: list[int]) -> None:
    pixels = np.repeat(np.array([[[10], [20], [30]]], np.uint8), 3, axis=2)
    middles = (np.arange(-1, 4) + 0.5) / 3
    across = at_places(Picture(pixels, across=wrap), np.stack([middles, np.full(5, 0.5)], axis=1))
    down = at_places(Picture(pixels.transpose(1, 0, 2), down=wrap), np.stack([np.full(5, 0.5), 1 - middles], axis=1))
    assert across.tolist() == down.tolist() == expected
    second = at_places(Picture(pixels, across=wrap), np.array([[4.5 / 3, 0.5], [5.5 / 3, 0.5]])).tolist()
    assert second == {"repeat": [20, 30], "clamp": [30, 30], "mirror": [20, 10]}[wrap]


def test_the_nearest_pixel_or_a_blend() -> None:
    pixels = np.zeros((1, 2, 3), np.uint8)
    pixels[0, 1] = 200
    places = np.array([[0.49, 0.5], [0.51, 0.5]])
    assert at_places(Picture(pixels, nearest=True), places).tolist() == [0, 200]
    assert at_places(Picture(pixels), places).tolist() == [96, 104]


def test_light_is_blended_as_light() -> None:
    """Half the light of white is 188 of 255 on a screen."""
    pixels = np.zeros((1, 2, 3), np.uint8)
    pixels[0, 1] = 255
    middle = np.array([[0.5, 0.5]])
    assert at_places(Picture(pixels), middle).tolist() == [128]
    assert at_places(Picture(pixels), middle, linear=True).tolist() == [188]
    half = SurfaceColors(np.full((1, 3, 3), 127.5, np.float32), linear=True)
    assert half.of_faces().tolist() == [[188] * 3]


@given(shade=st.floats(0, 1))
def test_the_transfer_function_is_that_of_the_standard(shade: float) -> None:
    light = shade / 12.92 if shade <= 0.04045 else ((shade + 0.055) / 1.055) ** 2.4
    assert light_of(np.array([shade]))[0] == pytest.approx(light, abs=1e-12)
    assert shown_for(np.array([light]))[0] == pytest.approx(shade, abs=1e-6)


def test_all_shades_come_back_from_light() -> None:
    shades = np.arange(256, dtype=np.float32)
    np.testing.assert_array_equal((255 * shown_for(light_of(shades / 255))).round(), shades)

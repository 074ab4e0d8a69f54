"""Strong pictures: what they depend on, and what they leave."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from concord3d.features.picture_strength import PictureStrength
from concord3d.features.strong_pictures import StrongPictures, seeded
from concord3d.training.seeding import seed_everything

SIZE = 24
GREY, CLIP = (0.498,) * 3, (0.481, 0.457, 0.408)
PLAIN: dict[str, Any] = {"crop_area": (1.0, 1.0), "flip": 0.0, "rand_augment": None}


def picture(channels: int = 3, height: int = 32, width: int = 32) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def change(**told: Any) -> StrongPictures:
    return StrongPictures(SIZE, PictureStrength(**told), GREY)


def global_states() -> tuple[Any, bytes, int]:
    _, keys, position, *_ = np.random.get_state()  # noqa: NPY002
    return random.getstate(), np.asarray(keys).tobytes(), int(position)


def test_a_picture_depends_on_its_seed_alone() -> None:
    strong, shown = change(), picture()
    found = [strong(shown, seed) for seed in range(6)]
    seed_everything(3)
    again = [change()(shown.copy(), seed) for seed in reversed(range(6))][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(found, again, strict=True))
    assert len({one.tobytes() for one in found}) == 6
    assert all(one.shape == (SIZE, SIZE, 3) and one.dtype == np.uint8 for one in found)


def test_the_picture_itself_and_global_generators_are_left() -> None:
    shown = picture()
    before, states = shown.copy(), global_states()
    change()(shown, 5)
    assert np.array_equal(shown, before) and global_states() == states


def test_global_generators_are_put_back_after_an_error_too() -> None:
    states = global_states()
    with pytest.raises(ZeroDivisionError), seeded(7):
        assert random.random() == random.Random(7).random()
        np.random.rand()  # noqa: NPY002
        raise ZeroDivisionError
    assert global_states() == states


@pytest.mark.parametrize("mean", [GREY, CLIP])
def test_grey_stays_grey(mean: tuple[float, ...]) -> None:
    grey = picture(channels=1)
    strong = StrongPictures(SIZE, PictureStrength(), mean)
    for seed in range(12):
        found = strong(grey, seed)
        assert found.shape == (SIZE, SIZE, 1)
    alike = StrongPictures(SIZE, PictureStrength(), GREY)
    for seed in range(12):
        three = alike(grey.repeat(3, 2), seed)
        assert np.array_equal(three[..., 0], three[..., 1]) and np.array_equal(alike(grey, seed), three[..., :1])


def test_the_strongest_operations_are_carried_out() -> None:
    """timm's strongest posterising keeps no bit, which Pillow refuses."""
    strong = change(rand_augment="rand-m10-n3-inc1")
    assert all(strong(picture(), seed).shape == (SIZE, SIZE, 3) for seed in range(40))


def test_without_strength_a_picture_is_only_resized() -> None:
    shown = picture(height=SIZE, width=SIZE)
    np.testing.assert_array_equal(change(**PLAIN)(shown, 1), shown)
    mirrored = change(**{**PLAIN, "flip": 1.0})(shown, 1)
    np.testing.assert_array_equal(mirrored, shown[:, ::-1])


def test_half_of_the_pictures_are_mirrored() -> None:
    shown = picture(height=SIZE, width=SIZE)
    strong = change(**{**PLAIN, "flip": 0.5})
    mirrored = sum(not np.array_equal(strong(shown, seed), shown) for seed in range(200))
    assert 70 < mirrored < 130


def test_the_crop_keeps_the_share_of_the_area_that_it_is_told() -> None:
    """Columns and rows are counted by their own grey: a crop of a share of the area shows so much of the range."""
    ramp = np.broadcast_to(np.linspace(0, 255, 96)[:, None, None], (96, 96, 3)).astype(np.uint8)
    strong = change(**{**PLAIN, "crop_area": (0.3, 0.3)})
    heights = [int(np.ptp(strong(ramp, seed)[..., 0])) / 255 for seed in range(60)]
    # Sides of the ratios 3 : 4 to 4 : 3.
    assert min(heights) > 0.3**0.5 * 0.75**0.5 - 0.06 and max(heights) < 0.3**0.5 * (4 / 3) ** 0.5 + 0.06


def test_the_defaults_are_those_of_the_released_code() -> None:
    """Cross-MoST spec 3.2, 3.3."""
    told = PictureStrength()
    assert told.crop_area == (0.3, 1.0) and told.flip == 0.5 and told.rand_augment == "rand-m9-mstd0.5-inc1"
    assert (told.mask_ratio, told.mask_cell) == (0.3, 2)


@pytest.mark.parametrize(
    "told",
    [
        {"crop_area": (0.5, 0.3)}, {"crop_area": (0.0, 1.0)}, {"crop_area": (0.5, 1.1)}, {"flip": 1.5},
        {"rand_augment": "rand-m9-foo"}, {"rand_augment": "augmix-m3"}, {"mask_ratio": 1.01}, {"mask_cell": 0},
        {"masks": 0.3},
    ],
)  # fmt: skip
def test_impossible_strengths_are_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PictureStrength(**told)

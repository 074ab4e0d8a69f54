"""Photographs: upright, on white, and refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from concord3d.data.formats.photos import read_photo
from concord3d.errors import UnreadableFile

TURNED_LEFT = 6


def test_a_picture_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:, :2] = 255
    exif = Image.Exif()
    exif[0x0112] = TURNED_LEFT
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    found = read_photo(tmp_path / "a.png")
    assert found.shape == (6, 4, 3) and (found[:2] == 255).all() and not found[2:].any()


def test_transparency_lies_on_white_and_grey_has_three_channels(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((3, 3, 4), np.uint8), "RGBA").save(tmp_path / "clear.png")
    assert (read_photo(tmp_path / "clear.png") == 255).all()
    Image.fromarray(np.full((3, 5), 7, np.uint8)).save(tmp_path / "grey.png")
    assert read_photo(tmp_path / "grey.png").tolist() == [[[7] * 3] * 5] * 3


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    Image.fromarray(np.full((3, 3), 40_000, np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:-40])
    for name in ("text.jpg", "deep.png", "cut.png", "absent.png"):
        with pytest.raises(UnreadableFile, match=name):
            read_photo(tmp_path / name)

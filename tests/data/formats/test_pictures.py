"""Pictures of every size and kind become squares; some of a folder are chosen at even distances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from concord3d.data.formats.pictures import evenly_spaced, picture_files, read_resized, read_squares
from concord3d.errors import DatasetMissing, UnreadableFile


def striped(height: int, width: int) -> np.ndarray:
    """Red in the left third, green in the middle, blue in the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    for channel, columns in enumerate(np.array_split(np.arange(width), 3)):
        picture[:, columns, channel] = 250
    return picture


def test_the_long_side_is_cut_to_the_middle(tmp_path: Path) -> None:
    Image.fromarray(striped(30, 90)).save(tmp_path / "wide.png")
    Image.fromarray(striped(30, 90).transpose(1, 0, 2)).save(tmp_path / "high.png")
    Image.fromarray(striped(60, 60)).save(tmp_path / "square.png")
    wide, high, square = read_squares([tmp_path / f"{name}.png" for name in ("wide", "high", "square")], 12)
    for cut in (wide[:, 1:-1], high[1:-1]):
        assert (cut == [0, 250, 0]).all()
    assert (wide[:, [0, -1], 1] > 200).all() and (high[[0, -1], :, 1] > 200).all()
    assert (square[:, 0] == [250, 0, 0]).all() and (square[:, -1] == [0, 0, 250]).all()


def test_a_square_is_resized_as_a_whole(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (137, 137, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    expected = np.asarray(Image.fromarray(noise).resize((64, 64), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(read_squares([tmp_path / "a.png"], 64)[0], expected)


def test_small_pictures_are_enlarged_and_every_mode_is_rgb(tmp_path: Path) -> None:
    Image.fromarray(np.full((3, 2), 128, np.uint8)).save(tmp_path / "a.jpg", quality=95)
    Image.fromarray(np.full((2, 2), 128 * 257, np.uint16)).save(tmp_path / "b.png")
    Image.fromarray(np.full((5, 5, 4), 128, np.uint8), "RGBA").save(tmp_path / "c.png")
    squares = read_squares(picture_files(tmp_path), 16)
    assert squares.shape == (3, 16, 16, 3) and np.abs(squares.astype(int) - 128).max() <= 1


def test_files_of_a_folder_are_those_of_pictures_in_natural_order(tmp_path: Path) -> None:
    for name in ("f10.jpg", "f9.JPG", "f1.png", "Thumbs.db", "notes.txt", "f2.jpeg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    assert [path.name for path in picture_files(tmp_path)] == ["f1.png", "f2.jpeg", "f9.JPG", "f10.jpg"]
    assert picture_files(tmp_path / "absent") == []


@given(num_files=st.integers(1, 300), num_views=st.integers(1, 20))
def test_pictures_are_chosen_at_even_distances(num_files: int, num_views: int) -> None:
    files = [Path(f"{number}.jpg") for number in range(num_files)]
    if num_files < num_views:
        with pytest.raises(DatasetMissing, match=rf"at least {num_views} JPEG(.|\n)*found: {num_files}"):
            evenly_spaced(files, num_views, Path("folder"))
        return
    chosen = [int(path.stem) for path in evenly_spaced(files, num_views, Path("folder"))]
    gaps = np.diff([*chosen, num_files])
    assert chosen[0] == 0 and len(set(chosen)) == num_views and gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut"])
def test_a_file_that_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f.jpg").write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"f\.jpg"):
        read_squares([tmp_path / "f.jpg"], 16)


def test_a_truncated_picture_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "f.jpg")
    (tmp_path / "f.jpg").write_bytes((tmp_path / "f.jpg").read_bytes()[:2000])
    with pytest.raises(UnreadableFile, match=r"f\.jpg"):
        read_squares([tmp_path / "f.jpg"], 16)


def test_a_whole_picture_keeps_its_size_or_is_resized_with_its_edges(tmp_path: Path) -> None:
    Image.fromarray(striped(30, 90)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_resized(tmp_path / "a.png", (30, 90), (30, 90)), striped(30, 90))
    small = read_resized(tmp_path / "a.png", (30, 90), (10, 9))
    assert small.shape == (10, 9, 3) and (small[:, [0, 4, 8]].argmax(axis=2) == [0, 1, 2]).all()
    assert (small[:, [0, 4, 8]].max(axis=2) == 250).all()


def test_a_picture_of_another_size_or_kind_is_named(tmp_path: Path) -> None:
    Image.fromarray(striped(30, 90)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableFile, match=r"a\.png(.|\n)*30 x 90 pixels where 90 x 30"):
        read_resized(tmp_path / "a.png", (90, 30), (9, 9))
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    for name in ("b.jpg", "absent.jpg"):
        with pytest.raises(UnreadableFile, match=name):
            read_resized(tmp_path / name, (30, 90), (9, 9))

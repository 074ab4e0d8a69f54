"""Which class and split a file of a folder belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from concord3d.errors import UnreadableFile
from concord3d.own_data.errors import MixedKinds, NoItems
from concord3d.own_data.listing import listed_files


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a.npy", "b.OBJ"), [("", ""), ("", "")]),
        (("cup/a.npy", "lamp/deep/b.npy"), [("cup", ""), ("lamp", "")]),
        (("test/cup/a.npy", "train/cup/b.npy"), [("cup", "test"), ("cup", "train")]),
        (("cup/test/a.off", "cup/train/b.off"), [("cup", "test"), ("cup", "train")]),
        (("test.npz", "train.npz"), [("", "test"), ("", "train")]),
        (("test/a.npy", "train/b.npy"), [("", "test"), ("", "train")]),
    ],
)
def test_layouts(tmp_path: Path, names: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    touch(tmp_path, *names, "notes.txt", ".hidden.npy", "cup/._a.npy")
    assert [(item.category, item.split) for item in listed_files(tmp_path)] == expected


def test_numbers_in_names_are_sorted_as_numbers(tmp_path: Path) -> None:
    touch(tmp_path, "cup/10.npy", "cup/9.npy")
    assert [item.name for item in listed_files(tmp_path)] == ["cup/9", "cup/10"]


def test_folders_without_meshes_and_clouds_are_refused_by_what_they_hold(tmp_path: Path) -> None:
    with pytest.raises(NoItems, match="an empty folder"):
        listed_files(tmp_path)
    touch(tmp_path, "a.jpg", "b.jpg", "c")
    with pytest.raises(NoItems, match=r"2 x \.jpg, 1 x no suffix"):
        listed_files(tmp_path)
    with pytest.raises(UnreadableFile, match="There is no such folder"):
        listed_files(tmp_path / "nowhere")
    with pytest.raises(UnreadableFile, match="No mesh and no cloud"):
        listed_files(tmp_path / "a.jpg")


@pytest.mark.parametrize("names", [("a.npy", "cup/b.npy"), ("train/cup/a.npy", "cup/b.npy")])
def test_files_outside_the_folders_of_others_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(MixedKinds, match="1 outside"):
        listed_files(touch(tmp_path, *names))

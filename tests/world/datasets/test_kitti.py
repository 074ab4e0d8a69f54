"""KITTI of the world: the same bytes from the same recipe, and boxes that hold what they name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from tests.world.made import tree

from concord3d.errors import ConfigError
from concord3d.world.build import build_dataset
from concord3d.world.datasets import find_family
from concord3d.world.datasets.interface import WorldRecipe

OPTIONS = {"beams": 64, "azimuth_steps": 360, "height": 48, "width": 160}


class Line(NamedTuple):
    type: str
    numbers: np.ndarray


def recipe(train: int = 2, val: int = 1, **options: int) -> WorldRecipe:
    return WorldRecipe("kitti", {"train": train, "val": val}, None, 1, 7, {**OPTIONS, **options})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kitti")
    build_dataset(recipe(train=5), folder)
    return folder


def lines(root: Path) -> list[tuple[str, Line]]:
    found = []
    for path in sorted((root / "kitti/training/label_2").iterdir()):
        for line in path.read_text().splitlines():
            words = line.split()
            found.append((path.stem, Line(words[0], np.array(words[1:], float))))
    return found


def test_bytes_depend_on_the_recipe_alone_and_a_frame_on_no_other(built: Path, tmp_path: Path) -> None:
    build_dataset(recipe(train=5), tmp_path / "two workers", workers=2)
    assert tree(built) == tree(tmp_path / "two workers")
    build_dataset(recipe(train=3), tmp_path / "fewer")
    fewer, more = tree(tmp_path / "fewer"), tree(built)
    same = [name for name in fewer if "00000" in name and not name.split("/")[-1].startswith("000003")]
    assert len(same) == 4 * 3 and all(fewer[name] == more[name] for name in same)
    assert (built / "kitti/ImageSets/val.txt").read_text() == "000005\n"


def test_every_line_has_the_form_of_kitti(built: Path) -> None:
    found = lines(built)
    assert {line.type for _, line in found} >= {"Car", "Pedestrian"}
    for _, line in found:
        assert len(line.numbers) == 14
        left, top, right, bottom = line.numbers[3:7]
        assert 0 <= left < right <= 159 and 0 <= top < bottom <= 47
        if line.type != "DontCare":
            assert 0 <= line.numbers[0] <= 1 and line.numbers[1] in (0, 1, 2) and abs(line.numbers[2]) <= np.pi + 1e-4
            x, _, z = line.numbers[10:13]
            expected = line.numbers[13] - np.arctan2(x, z)
            assert abs((line.numbers[2] - expected + np.pi) % (2 * np.pi) - np.pi) < 1e-3


def test_boxes_stand_on_the_road_and_hold_points(built: Path) -> None:
    folder, held = built / "kitti/training", []
    for frame, line in lines(built):
        if line.type != "Car" or line.numbers[1] > 0 or line.numbers[12] > 25:
            continue
        points = np.fromfile(folder / f"velodyne/{frame}.bin", "<f4").reshape(-1, 4)[:, :3].astype(float)
        told = dict(row.split(": ") for row in (folder / f"calib/{frame}.txt").read_text().splitlines())
        velo = np.array(told["Tr_velo_to_cam"].split(), float).reshape(3, 4)
        camera = points @ velo[:, :3].T + velo[:, 3]
        height, width, length = line.numbers[7:10]
        away = camera - line.numbers[10:13]
        angle = line.numbers[13]
        # The front of the car is at (cos, 0, -sin) of its angle.
        along = away @ [np.cos(angle), 0, -np.sin(angle)]
        across = away @ [np.sin(angle), 0, np.cos(angle)]
        near = (np.abs(along) < length / 2 + 1) & (np.abs(across) < width / 2 + 1)
        near &= (away[:, 1] < -0.15) & (away[:, 1] > -height)
        inside = near & (np.abs(along) < length / 2 + 0.1) & (np.abs(across) < width / 2 + 0.1)
        held.append((int(inside.sum()), int(near.sum())))
        assert abs(line.numbers[11] - 1.65) < 0.02
    assert len(held) >= 3 and all(inside > 10 for inside, _ in held)
    # Half as wide a box would hold far less of what is about it.
    assert sum(inside for inside, _ in held) > 0.8 * sum(near for _, near in held)


@pytest.mark.parametrize(("option", "value"), [("beams", 40), ("height", 0), ("width", 5000), ("azimuth_steps", True)])
def test_impossible_options_are_refused(option: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"options.{option}"):
        recipe(**{option: value}).validated(find_family("kitti").layouts["kitti"])

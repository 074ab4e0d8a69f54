"""Streets as data sets: bytes of the recipe alone, official names, and options that are checked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.world.made import tree

from concord3d.errors import ConfigError
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.datasets.nuscenes import VERSION

OPTIONS = {"keyframes": 2, "beams": 16, "azimuth_steps": 60, "height": 12, "width": 20}
RECIPE = WorldRecipe("nuscenes", {"train": 2, "val": 2}, None, 1, 7, OPTIONS)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streets")
    build_dataset(RECIPE, folder)
    return folder


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    return json.loads((folder / "nuscenes" / VERSION / f"{name}.json").read_text())


def test_bytes_depend_on_the_recipe_alone(built: Path, tmp_path: Path) -> None:
    build_dataset(RECIPE, tmp_path / "two workers", workers=2)
    assert tree(built) == tree(tmp_path / "two workers")
    build_dataset(replace(RECIPE, seed=8), tmp_path / "other")
    own, other = tree(built), tree(tmp_path / "other")
    drawn = [name for name in own if "/samples/" in name or "sample_annotation" in name]
    assert len(drawn) == 57 and all(own[name] != other.get(name) for name in drawn)


def test_a_scene_does_not_depend_on_the_others(built: Path, tmp_path: Path) -> None:
    build_dataset(replace(RECIPE, splits={"val": 1}), tmp_path)
    alone, among = tree(tmp_path), tree(built)
    samples = [name for name in alone if "/samples/" in name or name.endswith((".bin", ".npz"))]
    assert len(samples) == 18 and all(alone[name] == among[name] for name in samples)


def test_all_tables_are_there_and_their_tokens_lead_somewhere(built: Path) -> None:
    names = sorted(path.stem for path in (built / "nuscenes" / VERSION).iterdir())
    assert len(names) == 15
    tables = {name: table(built, name) for name in names}
    by_token = {name: {row["token"] for row in rows} for name, rows in tables.items()}
    assert all(len(by_token[name]) == len(rows) > 0 for name, rows in tables.items())
    for rows in tables.values():
        for row in rows:
            for key, value in row.items():
                target = key.removesuffix("_token").removeprefix("first_").removeprefix("last_")
                target = {"annotation": "sample_annotation"}.get(target, target)
                if key.endswith("_token"):
                    assert value in by_token[target], (key, value)
            for target in ("attribute", "log"):
                assert set(row.get(f"{target}_tokens", ())) <= by_token[target]
            if "filename" in row:
                assert (built / "nuscenes" / row["filename"]).is_file()
    assert [row["name"] for row in tables["scene"]] == ["scene-0001", "scene-0002", "scene-0003", "scene-0012"]
    assert [row["index"] for row in tables["category"]] == list(range(32))
    assert len(tables["sample_data"]) == 4 * 2 * 7 and {row["nbr_samples"] for row in tables["scene"]} == {2}


def test_keyframes_are_half_a_second_apart_and_cameras_have_their_own_time(built: Path) -> None:
    samples = table(built, "sample")
    for first, second in zip(samples[::2], samples[1::2], strict=True):
        assert first["next"] == second["token"] and second["prev"] == first["token"]
        assert second["timestamp"] - first["timestamp"] == 500_000
    poses = {row["token"]: row for row in table(built, "ego_pose")}
    delays = {row["timestamp"] - next(s["timestamp"] for s in samples if s["token"] == row["sample_token"])
              for row in table(built, "sample_data")}  # fmt: skip
    assert min(delays) == -42_000 and max(delays) == 0 and len(delays) == 6
    data = table(built, "sample_data")
    assert all(poses[row["ego_pose_token"]]["timestamp"] == row["timestamp"] for row in data)
    # The vehicle drives on meanwhile: between two of its poses lies its speed.
    speeds = []
    for scene in table(built, "scene"):
        frames = {row["token"] for row in samples if row["scene_token"] == scene["token"]}
        own = sorted((row for row in data if row["sample_token"] in frames), key=lambda row: row["timestamp"])
        times = np.array([row["timestamp"] for row in own]) / 1e6
        places = np.array([poses[row["ego_pose_token"]]["translation"] for row in own])
        velocity = (places[-1] - places[0]) / (times[-1] - times[0])
        np.testing.assert_allclose(places, places[0] + (times - times[0])[:, None] * velocity, atol=1e-4)
        speeds.append(np.linalg.norm(velocity))
    assert max(speeds) > 3


def test_boxes_hold_the_points_that_they_count(built: Path) -> None:
    annotations = table(built, "sample_annotation")
    counted = sum(row["num_lidar_pts"] for row in annotations)
    labelled = 0
    for path in (built / "nuscenes" / "panoptic").rglob("*.npz"):
        with np.load(path) as stored:
            assert stored["data"].dtype == np.uint16
            labelled += int((stored["data"] % 1000 > 0).sum())
    assert counted == labelled > 100
    assert all(min(row["size"]) > 0.1 and max(row["size"]) < 25 for row in annotations)


def test_files_have_the_form_of_the_real_ones(built: Path) -> None:
    for path in (built / "nuscenes" / "samples" / "LIDAR_TOP").iterdir():
        points = np.fromfile(path, "<f4").reshape(-1, 5)
        assert 300 < len(points) < 16 * 60 and set(points[:, 4]) <= set(range(16))
        assert (np.linalg.norm(points[:, :3], axis=1) < 90).all() and np.isfinite(points).all()
    for path in (built / "nuscenes" / "samples").glob("CAM_*/*.jpg"):
        with Image.open(path) as image:
            assert image.size == (20, 12) and image.format == "JPEG"
    assert {path.suffix for path in (built / "nuscenes" / "maps").iterdir()} == {".png"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": {"beam": 16}}, "no option 'beam'; did you mean 'beams'"),
        ({"options": {"beams": 17}}, r"No such LiDAR(.|\n)*16, 32, 64"),
        ({"options": {"beams": [32, 17]}}, r"No such LiDAR(.|\n)*16, 32, 64(.|\n)*17"),
        ({"options": {"beams": []}}, r"No LiDAR(.|\n)*some of 16, 32, 64"),
        ({"options": {"beams": "32"}}, r"No LiDAR(.|\n)*some of 16, 32, 64"),
        ({"options": {"keyframes": 0}}, r"Impossible option(.|\n)*keyframes(.|\n)*1 to 40"),
        ({"options": {"height": 10**6}}, r"Impossible option(.|\n)*height"),
        ({"options": {"width": 12.5}}, r"Impossible option(.|\n)*width"),
        ({"options": {"azimuth_steps": True}}, r"Impossible option(.|\n)*azimuth_steps"),
        ({"splits": {"val": 151}}, r"not so many scenes(.|\n)*1 to 150"),
        ({"splits": {"test": 1}}, "no split 'test'"),
        ({"categories": ("car",)}, "no category 'car'"),
    ],
)
def test_impossible_recipes(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_dataset(replace(RECIPE, **change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_scenes_take_turns_with_several_lidars(tmp_path: Path) -> None:
    options = {"beams": [32, 64], "azimuth_steps": 30, "height": 12, "width": 20}
    build_dataset(WorldRecipe("nuscenes", {"train": 3}, None, 1, 7, options), tmp_path / "both")
    build_dataset(WorldRecipe("nuscenes", {"train": 3}, None, 1, 7, {**options, "beams": 64}), tmp_path / "one")
    found = {}
    for folder in ("both", "one"):
        paths = [
            tmp_path / folder / "nuscenes" / row["filename"]
            for row in table(tmp_path / folder, "sample_data")
            if "LIDAR_TOP" in row["filename"]
        ]
        found[folder] = [path.read_bytes() for path in paths]
    beams = [len(set(np.frombuffer(sweep, "<f4").reshape(-1, 5)[:, 4])) for sweep in found["both"]]
    assert beams[0] == beams[2] <= 32 < beams[1] <= 64
    assert [sweep == other for sweep, other in zip(found["both"], found["one"], strict=True)] == [False, True, False]

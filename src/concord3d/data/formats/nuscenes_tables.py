"""The tables of nuScenes v1.0: from scenes to the files and poses of their keyframes (CMCR spec 1.1).

Shape legend: V cameras.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.layout import NEXT_STEP
from concord3d.errors import DatasetMissing, UnreadableFile
from concord3d.files import read_json
from concord3d.geometry.rigid import Matrix, from_quaternion, inverse

VERSION = "v1.0-trainval"
LIDAR = "LIDAR_TOP"
# In the order in which SLidR and CMCR count them.
CAMERAS = ("CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Keyframe:
    """One keyframe.

    Attributes:
        token: That of its row in the table of samples.
        name: ``<scene>/<number of the keyframe>``.
        sweep: Path of the LiDAR's file below the root.
        labels: Path of the semantic labels, or None.
        panoptic: Path of the panoptic labels, or None.
        pictures: V paths of the pictures, in the order of :data:`CAMERAS`.
        sizes: V pairs of height and width of the pictures.
        camera_from_lidar: (V, 4, 4) float64, by way of the vehicle's poses at the times of LiDAR and camera.
        intrinsics: (V, 3, 3) float64 for pictures of these sizes.
        global_from_lidar: (4, 4) float64.
        global_from_ego: (4, 4) float64 at the time of the LiDAR.
    """

    token: str
    name: str
    sweep: str
    labels: str | None
    panoptic: str | None
    pictures: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    camera_from_lidar: Matrix
    intrinsics: NDArray[np.float64]
    global_from_lidar: Matrix
    global_from_ego: Matrix


class NuScenesTables:
    """The tables of one release.

    Args:
        root: Folder that holds :data:`VERSION`.

    Raises:
        UnreadableFile: A table is absent, or no list of rows with tokens.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / VERSION
        self._scenes = list(self._indexed("scene").values())
        self._samples = self._indexed("sample")
        self._poses = self._indexed("ego_pose")
        self._calibrated = self._indexed("calibrated_sensor")
        self._sensors = self._indexed("sensor")
        self._labels = self._paths("lidarseg")
        self._panoptic = self._paths("panoptic")
        self._data: dict[str, dict[str, Row]] = {}
        with form_named(self._folder, "sample_data"):
            for row in _rows(self._folder, "sample_data"):
                if row["is_key_frame"]:
                    channel = self._follow(self._sensors, "sensor", self._calibration(row)["sensor_token"])["channel"]
                    self._data.setdefault(row["sample_token"], {})[channel] = row

    def keyframes(self, scenes: Collection[str]) -> Iterator[Keyframe]:
        """Yield the keyframes of some scenes, in the order of the scene table.

        Args:
            scenes: Names; those that the table lacks are passed over.

        Raises:
            UnreadableFile: A token leads nowhere, to another scene or in a circle, or a row lacks a key.
            DatasetMissing: A keyframe has no sweep, or lacks a camera.
        """
        for name, number, sample in self._samples_of(scenes):
            yield self._keyframe(f"{name}/{number:03d}", sample)

    def num_keyframes(self, scenes: Collection[str]) -> int:
        """Return how many keyframes some scenes have."""
        return sum(1 for _ in self._samples_of(scenes))

    def _samples_of(self, scenes: Collection[str]) -> Iterator[tuple[str, int, Row]]:
        """Yield scene, number and row of each keyframe of some scenes."""
        with form_named(self._folder, "scene and sample"):
            for scene in self._scenes:
                if scene["name"] in scenes:
                    for number, sample in enumerate(self._chain(scene)):
                        yield scene["name"], number, sample

    def _chain(self, scene: Row) -> Iterator[Row]:
        token, seen = scene["first_sample_token"], set[str]()
        while token:
            sample = self._follow(self._samples, "sample", token)
            if token in seen or sample["scene_token"] != scene["token"]:
                raise _broken(
                    self._folder,
                    "sample",
                    f"keyframes of {scene['name']} alone, each once",
                    f"{token} again or of another scene",
                )
            seen.add(token)
            yield sample
            token = sample["next"]

    def _keyframe(self, name: str, sample: Row) -> Keyframe:
        rows = self._data.get(sample["token"], {})
        absent = [channel for channel in (LIDAR, *CAMERAS) if channel not in rows]
        if absent:
            raise DatasetMissing(
                "A keyframe lacks a sensor", where=self._folder / "sample_data.json",
                expected=f"{', '.join((LIDAR, *CAMERAS))} of {name}", found=f"absent: {', '.join(absent)}",
                next_step="obtain the tables again",
            )  # fmt: skip
        with form_named(self._folder, name):
            sweep, pictures = rows[LIDAR], [rows[channel] for channel in CAMERAS]
            global_from_lidar = self._pose(sweep)
            chain = np.stack([inverse(self._pose(picture)) @ global_from_lidar for picture in pictures])
            intrinsics = [self._calibration(picture)["camera_intrinsic"] for picture in pictures]
            return Keyframe(
                sample["token"],
                name,
                sweep["filename"],
                self._labels.get(sweep["token"]),
                self._panoptic.get(sweep["token"]),
                tuple(picture["filename"] for picture in pictures),
                tuple((int(picture["height"]), int(picture["width"])) for picture in pictures),
                chain,
                np.array(intrinsics, dtype=np.float64).reshape(len(CAMERAS), 3, 3),
                global_from_lidar,
                self._ego_pose(sweep),
            )

    def _pose(self, row: Row) -> Matrix:
        """Return (4, 4) the global frame from the frame of a sensor at the time of its recording."""
        calibration = self._calibration(row)
        return self._ego_pose(row) @ from_quaternion(calibration["rotation"], calibration["translation"])

    def _ego_pose(self, row: Row) -> Matrix:
        ego = self._follow(self._poses, "ego_pose", row["ego_pose_token"])
        return from_quaternion(ego["rotation"], ego["translation"])

    def _calibration(self, row: Row) -> Row:
        return self._follow(self._calibrated, "calibrated_sensor", row["calibrated_sensor_token"])

    def _follow(self, table: Mapping[str, Row], name: str, token: str) -> Row:
        return followed(self._folder, table, name, token)

    def _indexed(self, name: str) -> dict[str, Row]:
        return indexed(self._folder, name)

    def _paths(self, name: str) -> dict[str, str]:
        """Return path by token of the sweep, nothing where the extension is not there."""
        if not (self._folder / f"{name}.json").is_file():
            return {}
        return {row["sample_data_token"]: row["filename"] for row in _rows(self._folder, name)}


def indexed(folder: Path, name: str) -> dict[str, Row]:
    """Return the rows of a table by their token.

    Args:
        folder: That of the tables.
        name: The table.

    Raises:
        UnreadableFile: It is absent, or no list of rows with tokens.
    """
    return {row["token"]: row for row in _rows(folder, name)}


def _rows(folder: Path, name: str) -> list[Row]:
    path = folder / f"{name}.json"
    rows = read_json(path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "token" in row for row in rows):
        raise UnreadableFile("Not a table of nuScenes", where=path, expected="a list of rows with tokens")
    return rows


def followed(folder: Path, table: Mapping[str, Row], name: str, token: str) -> Row:
    """Return the row of a table that a token leads to.

    Raises:
        UnreadableFile: There is none.
    """
    if token not in table:
        raise _broken(folder, name, f"a row with the token {token}", "none")
    return table[token]


def _broken(folder: Path, table: str, expected: str, found: str) -> UnreadableFile:
    return UnreadableFile(
        "A chain of tokens is broken", where=folder / f"{table}.json", expected=expected, found=found,
        next_step="obtain the tables again",
    )  # fmt: skip


@contextmanager
def form_named(folder: Path, what: str) -> Iterator[None]:
    """Say of which table or keyframe a row has another form, where reading one fails.

    Raises:
        UnreadableFile: A key is missing, or a value is of another type.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableFile(
            "A row of a table has another form", where=f"{folder}: {what}", found=error, next_step=NEXT_STEP
        ) from error

"""The tables of nuScenes v1.0: rows that every release has, and those of one scene.

A row is a mapping of JSON values. Tokens are digests of what they stand for, so equal scenes have equal tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from concord3d.geometry.rigid import Matrix, to_quaternion
from concord3d.world.streets.rig import CAMERA_NAMES, LIDAR
from concord3d.world.streets.taxonomy import GENERAL_CATEGORIES

Row = dict[str, Any]
Tables = dict[str, list[Row]]

TABLES = (
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "lidarseg", "log", "map", "panoptic",
    "sample", "sample_annotation", "sample_data", "scene", "sensor", "visibility",
)  # fmt: skip
ATTRIBUTES = (
    "vehicle.moving", "vehicle.stopped", "vehicle.parked", "cycle.with_rider", "cycle.without_rider",
    "pedestrian.sitting_lying_down", "pedestrian.standing", "pedestrian.moving",
)  # fmt: skip
LOCATIONS = ("singapore-onenorth", "boston-seaport", "singapore-queenstown", "singapore-hollandvillage")
_VISIBILITIES = ("v0-40", "v40-60", "v60-80", "v80-100")


def token(*parts: object) -> str:
    """Return the token of what ``parts`` name: 32 hexadecimal digits, as in the real tables."""
    return hashlib.md5("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def empty_tables() -> Tables:
    """Return every table without rows."""
    return {name: [] for name in TABLES}


def common_tables(log_of: Mapping[str, str]) -> Tables:
    """Return the rows that belong to no scene.

    Args:
        log_of: Location of each log token.
    """
    tables = empty_tables()
    tables["category"] = [
        {"token": token("category", name), "name": name, "description": "", "index": index}
        for index, name in enumerate(GENERAL_CATEGORIES)
    ]
    tables["attribute"] = [{"token": token("attribute", name), "name": name, "description": ""} for name in ATTRIBUTES]
    tables["visibility"] = [
        {"token": str(number), "level": level, "description": ""} for number, level in enumerate(_VISIBILITIES, 1)
    ]
    tables["sensor"] = [
        {"token": token("sensor", name), "channel": name, "modality": "lidar" if name == LIDAR else "camera"}
        for name in (LIDAR, *CAMERA_NAMES)
    ]
    tables["map"] = [
        {
            "token": token("map", place),
            "log_tokens": [log for log, location in log_of.items() if location == place],
            "category": "semantic_prior",
            "filename": f"maps/{token('map', place)}.png",
        }
        for place in dict.fromkeys(log_of.values())
    ]
    return tables


@dataclass(frozen=True)
class Annotated:
    """A box around an actor at one keyframe.

    Attributes:
        instance: Number of the actor.
        category: Name of the general category.
        attribute: One of :data:`ATTRIBUTES`, or None.
        pose: (4, 4) global frame from the frame of the box: origin in its middle, x in front, z up.
        size: Width, length and height in metres.
        num_points: Points of the sweep that belong to it.
    """

    instance: int
    category: str
    attribute: str | None
    pose: Matrix
    size: tuple[float, float, float]
    num_points: int


@dataclass(frozen=True)
class SceneTables:
    """Gathers the rows of one scene, keyframe by keyframe.

    Attributes:
        scene: Its name.
        version: Version of the release, such as ``v1.0-trainval``.
        times_us: Time of each keyframe in microseconds.
        tables: The rows so far.
    """

    scene: str
    version: str
    times_us: Sequence[int]
    tables: Tables = field(default_factory=empty_tables)

    def add_scene(self, description: str, location: str) -> None:
        """Add scene, log and keyframes."""
        count = len(self.times_us)
        log = token("log", self.scene)
        self.tables["log"].append({
            "token": log, "logfile": f"world-{self.scene}", "vehicle": "world", "date_captured": "2026-01-01",
            "location": location,
        })  # fmt: skip
        self.tables["scene"].append({
            "token": token("scene", self.scene), "log_token": log, "nbr_samples": count, "name": self.scene,
            "description": description, "first_sample_token": self.sample(0),
            "last_sample_token": self.sample(count - 1),
        })  # fmt: skip
        for number, time in enumerate(self.times_us):
            self.tables["sample"].append({
                "token": self.sample(number), "timestamp": time, "scene_token": token("scene", self.scene),
                **self._neighbours("sample", number),
            })  # fmt: skip

    def add_sensor(self, channel: str, ego_from_sensor: Matrix, intrinsics: Matrix | None) -> None:
        """Add the calibration of a sensor of this scene's vehicle; a LiDAR has no intrinsics."""
        self.tables["calibrated_sensor"].append({
            "token": self._calibrated(channel), "sensor_token": token("sensor", channel),
            "translation": ego_from_sensor[:3, 3].tolist(), "rotation": to_quaternion(ego_from_sensor[:3, :3]),
            "camera_intrinsic": [] if intrinsics is None else intrinsics.tolist(),
        })  # fmt: skip

    def add_data(
        self, channel: str, number: int, time_us: int, global_from_ego: Matrix, size: tuple[int, int] = (0, 0)
    ) -> str:
        """Add what a sensor recorded at a keyframe, and the vehicle's pose at that time.

        Args:
            channel: Name of the sensor.
            number: Number of the keyframe.
            time_us: Microseconds.
            global_from_ego: (4, 4).
            size: Height and width of a picture.

        Returns:
            Path of the file below the root, where the caller writes it.
        """
        own, suffix = self.data(channel, number), "pcd.bin" if channel == LIDAR else "jpg"
        path = f"samples/{channel}/world-{self.scene}__{channel}__{time_us}.{suffix}"
        self.tables["ego_pose"].append({
            "token": own, "timestamp": time_us, "rotation": to_quaternion(global_from_ego[:3, :3]),
            "translation": global_from_ego[:3, 3].tolist(),
        })  # fmt: skip
        self.tables["sample_data"].append({
            "token": own, "sample_token": self.sample(number), "ego_pose_token": own,
            "calibrated_sensor_token": self._calibrated(channel), "timestamp": time_us,
            "fileformat": suffix.split(".")[0], "is_key_frame": True, "height": size[0], "width": size[1],
            "filename": path, **self._neighbours("data", number, channel),
        })  # fmt: skip
        return path

    def add_labels(self, number: int) -> tuple[str, str]:
        """Add the label files of a keyframe; return their paths below the root: semantic and panoptic."""
        sweep = self.data(LIDAR, number)
        paths = (f"lidarseg/{self.version}/{sweep}_lidarseg.bin", f"panoptic/{self.version}/{sweep}_panoptic.npz")
        for table, path in zip(("lidarseg", "panoptic"), paths, strict=True):
            self.tables[table].append({"token": sweep, "sample_data_token": sweep, "filename": path})
        return paths

    def add_boxes(self, number: int, boxes: Sequence[Annotated]) -> None:
        """Add the boxes of a keyframe; every keyframe of a scene has the same instances."""
        count = len(self.times_us)
        for box in boxes:
            own = token("instance", self.scene, box.instance)
            if number == 0:
                self.tables["instance"].append({
                    "token": own, "category_token": token("category", box.category), "nbr_annotations": count,
                    "first_annotation_token": self._annotation(box.instance, 0),
                    "last_annotation_token": self._annotation(box.instance, count - 1),
                })  # fmt: skip
            self.tables["sample_annotation"].append({
                "token": self._annotation(box.instance, number), "sample_token": self.sample(number),
                "instance_token": own, "visibility_token": "4" if box.num_points else "1",
                "attribute_tokens": [token("attribute", box.attribute)] if box.attribute else [],
                "translation": box.pose[:3, 3].tolist(), "size": list(box.size),
                "rotation": to_quaternion(box.pose[:3, :3]), "num_lidar_pts": box.num_points, "num_radar_pts": 0,
                **self._neighbours("annotation", number, str(box.instance)),
            })  # fmt: skip

    def sample(self, number: int) -> str:
        """Return the token of a keyframe."""
        return token("sample", self.scene, "", number)

    def data(self, channel: str, number: int) -> str:
        """Return the token of what a sensor recorded at a keyframe."""
        return token("data", self.scene, channel, number)

    def _annotation(self, instance: int, number: int) -> str:
        return token("annotation", self.scene, instance, number)

    def _calibrated(self, channel: str) -> str:
        return token("calibrated", self.scene, channel)

    def _neighbours(self, kind: str, number: int, of: str = "") -> dict[str, str]:
        """Return the tokens before and after the one of a keyframe, empty at the ends."""
        last = len(self.times_us) - 1
        return {
            "prev": token(kind, self.scene, of, number - 1) if number else "",
            "next": token(kind, self.scene, of, number + 1) if number < last else "",
        }

"""nuScenes v1.0-trainval: streets with a LiDAR's sweeps, six cameras, boxes and labels (CMCR spec 1.1).

Layout below a root folder: ``nuscenes/v1.0-trainval/*.json`` (the tables), ``maps/*.png``,
``samples/LIDAR_TOP/*.pcd.bin`` (P, 5) float32, ``samples/CAM_*/*.jpg``, ``lidarseg/v1.0-trainval/*_lidarseg.bin`` (P,)
uint8, ``panoptic/v1.0-trainval/*_panoptic.npz`` (``data`` (P,) uint16, 1000 times the category plus the instance).
Only keyframes are written. The scenes have the first official names of each split.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.nuscenes_splits import SCENES
from concord3d.errors import ConfigError
from concord3d.files import canonical_json, write_text
from concord3d.geometry.rigid import Matrix, rigid, turn_about_z
from concord3d.world.datasets.interface import SERIES_OFFSET, SPLIT_OFFSET, DatasetFamily, Layout, WorldRecipe
from concord3d.world.formats.nuscenes_tables import LOCATIONS, Annotated, SceneTables, Tables, common_tables
from concord3d.world.streets.actors import Actor
from concord3d.world.streets.casting import ready_for_rays
from concord3d.world.streets.lidar import ELEVATIONS, LabelledSweep, scan
from concord3d.world.streets.pictures import take_pictures
from concord3d.world.streets.rig import CAMERA_DELAYS, CAMERA_NAMES, LIDAR
from concord3d.world.streets.street import Street, compose_street

VERSION = "v1.0-trainval"
FOLDER = "nuscenes"
KEYFRAME_SECONDS = 0.5
_SCENE_SECONDS = 25
_EPOCH_US = 1_600_000_000_000_000
_SERIES = 8
_LIMITS = {"keyframes": 40, "azimuth_steps": 4096, "height": 1200, "width": 1920}


@dataclass(frozen=True)
class StreetOptions:
    """What a recipe of streets may say.

    Attributes:
        keyframes: Keyframes of each scene, two a second.
        beams: Beams of the LiDAR: 16, 32 or 64. Of several the scenes take turns, so that a training sees them all.
        azimuth_steps: Firings of each beam in one turn.
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.
    """

    keyframes: int = 1
    beams: int | Sequence[int] = 32
    azimuth_steps: int = 1080
    height: int = 225
    width: int = 400

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            value: Any = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= limit:
                raise ConfigError(
                    "Impossible option of streets", where=f"options.{name}", expected=f"1 to {limit}", found=value
                )
        known = ", ".join(map(str, ELEVATIONS))
        if not isinstance(self.beams, int) and (isinstance(self.beams, str) or not self.beams):
            raise ConfigError("No LiDAR", where="options.beams", expected=f"some of {known}", found=self.beams)
        for beams in self._lidars:
            if beams not in ELEVATIONS:
                raise ConfigError("No such LiDAR", where="options.beams", expected=known, found=beams)

    @property
    def _lidars(self) -> tuple[int, ...]:
        return (self.beams,) if isinstance(self.beams, int) else tuple(self.beams)

    def beams_of(self, number: int) -> int:
        """Return the beams of the LiDAR of one scene, by its number."""
        return self._lidars[number % len(self._lidars)]


@dataclass(frozen=True)
class StreetItem:
    """One scene.

    Attributes:
        split: The split that it belongs to.
        name: Its official name.
        number: Its number among all scenes of the data set.
        count: 1.
    """

    split: str
    name: str
    number: int
    count: int = 1


class NuScenes(DatasetFamily[StreetItem, Tables]):
    """Streets; what is counted are scenes."""

    # Both show the same streets; only the options of a scale tell them apart.
    layouts = {
        name: Layout(_SERIES, ("train", "val"), (), options=StreetOptions) for name in ("nuscenes", "nuscenes_boxes")
    }

    def items(self, recipe: WorldRecipe, split: str) -> list[StreetItem]:
        names, wanted = SCENES[split], recipe.splits[split]
        if wanted > len(names):
            raise ConfigError(
                f"'{recipe.dataset}' has not so many scenes", where=f"splits.{split}", expected=f"1 to {len(names)}",
                found=wanted,
            )  # fmt: skip
        before = sum(len(SCENES[other]) for other in SCENES if list(SCENES).index(other) < list(SCENES).index(split))
        return [StreetItem(split, name, before + number) for number, name in enumerate(names[:wanted])]

    def make(self, recipe: WorldRecipe, out: Path, item: StreetItem) -> Tables:
        options: StreetOptions = recipe.chosen_options(self.layouts[recipe.dataset])
        root = out / FOLDER
        times: NDArray[np.float64] = KEYFRAME_SECONDS * np.arange(options.keyframes, dtype=np.float64)
        first_index = _SERIES * SERIES_OFFSET + SPLIT_OFFSET[item.split]
        street = compose_street(_rng(recipe, item, 0), times, first_index, recipe.seed)
        start = _EPOCH_US + item.number * _SCENE_SECONDS * 1_000_000
        scene = SceneTables(item.name, VERSION, [start + round(time * 1e6) for time in times])
        scene.add_scene(street.plan.description(), LOCATIONS[item.number % len(LOCATIONS)])
        scene.add_sensor(LIDAR, street.rig.ego_from_lidar, None)
        matrices = street.rig.intrinsics(options.height, options.width)
        for name, pose, matrix in zip(CAMERA_NAMES, street.rig.ego_from_camera, matrices, strict=True):
            scene.add_sensor(name, pose, matrix)
        for number, time in enumerate(times):
            rng = _rng(recipe, item, 1 + number)
            _record(root, street, scene, options, options.beams_of(item.number), number, float(time), rng)
        return scene.tables

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[StreetItem], made: Sequence[Tables]) -> None:
        logs = {log["token"]: log["location"] for tables in made for log in tables["log"]}
        for name, rows in common_tables(logs).items():
            every = [*rows, *(row for tables in made for row in tables[name])]
            write_text(out / FOLDER / VERSION / f"{name}.json", canonical_json(every))
            if name == "map":
                for row in every:
                    _write_picture(out / FOLDER / row["filename"], np.zeros((64, 64), np.uint8))


def _rng(recipe: WorldRecipe, item: StreetItem, purpose: int) -> np.random.Generator:
    return np.random.default_rng([recipe.seed, zlib.crc32(item.name.encode()), _SERIES, purpose])


def _record(
    root: Path,
    street: Street,
    scene: SceneTables,
    options: StreetOptions,
    beams: int,
    number: int,
    time: float,
    rng: np.random.Generator,
) -> None:
    """Record one keyframe: what moves stands still meanwhile, but for the vehicle of the sensors."""
    rays, mesh = ready_for_rays(street, time)
    pose = street.street_from_ego(time)
    sweep = scan(
        rays,
        mesh,
        pose @ street.rig.ego_from_lidar,
        beams,
        options.azimuth_steps,
        street.plan.rain,
        rng,
    )
    path = scene.add_data(LIDAR, number, scene.times_us[number], street.global_from_street @ pose)
    _write_bytes(root / path, sweep.points)
    _write_labels(root, scene.add_labels(number), sweep)
    poses = np.stack([street.street_from_ego(time + delay) for delay in CAMERA_DELAYS])
    size = (options.height, options.width)
    pictures = take_pictures(rays, mesh, street.plan, poses @ street.rig.ego_from_camera, street.rig.focal, *size, rng)
    for name, picture, own, delay in zip(CAMERA_NAMES, pictures, poses, CAMERA_DELAYS, strict=True):
        moment = scene.times_us[number] + round(delay * 1e6)
        _write_picture(root / scene.add_data(name, number, moment, street.global_from_street @ own, size), picture)
    counts = np.bincount(sweep.instance, minlength=len(street.actors) + 1)
    boxes = [_box(actor, street.global_from_street, time, int(counts[actor.instance])) for actor in street.actors]
    scene.add_boxes(number, boxes)


def _box(actor: Actor, global_from_street: Matrix, time: float, num_points: int) -> Annotated:
    length, width, height = actor.model.size.tolist()
    pose = global_from_street @ rigid(turn_about_z(actor.yaw), actor.at(time) + np.array([0, 0, height / 2]))
    return Annotated(actor.instance, actor.category, _attribute(actor), pose, (width, length, height), num_points)


def _attribute(actor: Actor) -> str | None:
    moves, kind = actor.velocity != (0.0, 0.0), actor.category
    if kind.startswith("human."):
        sits = actor.model.variant == "sitting"
        return "pedestrian.moving" if moves else f"pedestrian.{'sitting_lying_down' if sits else 'standing'}"
    if kind in ("vehicle.bicycle", "vehicle.motorcycle"):
        return "cycle.without_rider"
    if kind.startswith("vehicle."):
        return "vehicle.moving" if moves else "vehicle.parked"
    return None


def _write_labels(root: Path, paths: tuple[str, str], sweep: LabelledSweep) -> None:
    semantic, panoptic = (root / path for path in paths)
    _write_bytes(semantic, sweep.category)
    panoptic.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(panoptic, data=(sweep.category * np.uint16(1000) + sweep.instance).astype(np.uint16))


def _write_bytes(path: Path, array: NDArray[Any]) -> None:
    """Write the bytes of an array; not synced, for the caller renames the whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(array.tobytes())


def _write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    options: Mapping[str, Any] = {"quality": 95, "subsampling": 0} if path.suffix == ".jpg" else {}
    Image.fromarray(picture).save(path, **options)


FAMILY = NuScenes()

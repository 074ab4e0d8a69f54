"""KITTI for the detection of objects: streets with a sweep, one picture and boxes (CMCR spec 1.3).

Layout below a root folder: ``kitti/training/velodyne/<frame>.bin`` (P, 4) float32 x in front, y to the left, z up in
metres, reflectance 0 to 1; ``image_2/<frame>.png``, ``calib/<frame>.txt`` and ``label_2/<frame>.txt`` (objects that the
picture shows), and the frames of each split in ``kitti/ImageSets/<split>.txt``.

Shape legend: N objects, H and W height and width of the picture.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from concord3d.errors import ConfigError
from concord3d.files import write_text
from concord3d.geometry.cameras import Cameras
from concord3d.geometry.ray_casting import RayScene, pixel_rays
from concord3d.geometry.rigid import Matrix, inverse, rigid, turn_about_z
from concord3d.world.datasets.interface import SERIES_OFFSET, SPLIT_OFFSET, DatasetFamily, Layout, WorldRecipe
from concord3d.world.formats.kitti_calibration import (
    CAMERA_FROM_LIDAR,
    FOCAL,
    LIDAR_PLACE,
    calibration_lines,
    intrinsics,
)
from concord3d.world.formats.kitti_objects import KittiObject, actor_object, object_line
from concord3d.world.streets.actors import Actor
from concord3d.world.streets.casting import ready_for_rays, ready_mesh
from concord3d.world.streets.lidar import ELEVATIONS, scan
from concord3d.world.streets.meshes import LabelledMesh, MeshBuilder
from concord3d.world.streets.pictures import take_pictures
from concord3d.world.streets.street import Street, compose_street

FOLDER = "kitti"
_SERIES = 18
_LIMITS = {"azimuth_steps": 4096, "height": 1200, "width": 1920}


@dataclass(frozen=True)
class KittiOptions:
    """What a recipe of frames may say.

    Attributes:
        beams: Beams of the LiDAR: 16, 32 or 64.
        azimuth_steps: Firings of each beam in one turn.
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.
    """

    beams: int = 64
    azimuth_steps: int = 1024
    height: int = 94
    width: int = 310

    def __post_init__(self) -> None:
        if self.beams not in ELEVATIONS:
            known = ", ".join(map(str, ELEVATIONS))
            raise ConfigError("No such LiDAR", where="options.beams", expected=known, found=self.beams)
        for name, limit in _LIMITS.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= limit:
                raise ConfigError(
                    "Impossible option of frames", where=f"options.{name}", expected=f"1 to {limit}", found=value
                )


@dataclass(frozen=True)
class FrameItem:
    """One frame.

    Attributes:
        split: The split that it belongs to.
        number: Its number in the split.
        name: Of its files.
        count: 1.
    """

    split: str
    number: int
    name: str
    count: int = 1


class Kitti(DatasetFamily[FrameItem, None]):
    """Frames, each of a street of its own; what is counted are frames."""

    layouts = {"kitti": Layout(_SERIES, ("train", "val"), (), options=KittiOptions)}

    def items(self, recipe: WorldRecipe, split: str) -> list[FrameItem]:
        before = recipe.splits.get("train", 0) if split == "val" else 0
        return [FrameItem(split, number, f"{before + number:06d}") for number in range(recipe.splits[split])]

    def make(self, recipe: WorldRecipe, out: Path, item: FrameItem) -> None:
        options: KittiOptions = recipe.chosen_options(self.layouts[recipe.dataset])
        streets, sensors = (_rng(recipe, item, purpose) for purpose in (0, 1))
        first_index = _SERIES * SERIES_OFFSET + SPLIT_OFFSET[item.split]
        street = compose_street(streets, np.zeros(1), first_index, recipe.seed)
        rays, mesh = ready_for_rays(street, 0.0)
        # The scanner's y is in front.
        ego = street.street_from_ego(0.0)
        scanner = ego @ rigid(turn_about_z(-np.pi / 2), LIDAR_PLACE)
        sweep = scan(rays, mesh, scanner, options.beams, options.azimuth_steps, street.plan.rain, sensors)
        points = sweep.points[:, :4].copy()
        points[:, 0], points[:, 1] = sweep.points[:, 1], -sweep.points[:, 0]
        points[:, 3] /= 255
        size = (options.height, options.width)
        camera = ego @ rigid(np.eye(3), LIDAR_PLACE) @ inverse(CAMERA_FROM_LIDAR)
        [picture] = take_pictures(rays, mesh, street.plan, camera[None], np.array([FOCAL]), *size, sensors)
        lines = [object_line(each) for each in _objects(street, rays, mesh, camera, size)]
        files = {
            f"velodyne/{item.name}.bin": points.astype("<f4").tobytes(),
            f"calib/{item.name}.txt": calibration_lines(*size, odometry=False).encode(),
            f"label_2/{item.name}.txt": "".join(f"{line}\n" for line in lines).encode(),
        }
        folder = out / FOLDER / "training"
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / "image_2").mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / "image_2" / f"{item.name}.png")

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[FrameItem], made: Sequence[None]) -> None:
        for split in recipe.splits:
            names = "".join(f"{item.name}\n" for item in items if item.split == split)
            write_text(out / FOLDER / "ImageSets" / f"{split}.txt", names)


def _rng(recipe: WorldRecipe, item: FrameItem, purpose: int) -> np.random.Generator:
    return np.random.default_rng([recipe.seed, zlib.crc32(item.split.encode()), item.number, _SERIES, purpose])


def _objects(
    street: Street, rays: RayScene, mesh: LabelledMesh, street_from_camera: Matrix, size: tuple[int, int]
) -> Iterator[KittiObject]:
    """Yield the objects that the picture shows, with the share of each that is not hidden."""
    camera_from_street = inverse(street_from_camera)
    focal = FOCAL * size[1]
    pixels = pixel_rays(Cameras(camera_from_street[None, :3, :3], camera_from_street[None, :3, 3], focal, *size))
    pixels = pixels.reshape(-1, 6)
    hits = rays.cast(pixels)
    shown = np.bincount(mesh.instance[hits.face[hits.face >= 0]], minlength=len(street.actors) + 1)
    for actor in street.actors:
        if shown[actor.instance]:
            alone = int((ready_mesh(_alone(actor)).cast(pixels).face >= 0).sum())
            found = actor_object(actor, camera_from_street, intrinsics(*size), size, int(shown[actor.instance]), alone)
            if found is not None:
                yield found


def _alone(actor: Actor) -> LabelledMesh:
    made, model = MeshBuilder(), actor.model
    vertices: NDArray[np.float64] = model.vertices @ turn_about_z(actor.yaw).T + actor.at(0.0)
    made.add(vertices, model.faces, model.colors, actor.category, actor.instance)
    return made.build()


FAMILY = Kitti()

"""Examples for the 3D viewer: what the methods read, made from the synthetic world as its data sets are.

Equal sources give equal bytes. Points are coloured by what the world knows of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from concord3d.geometry.mesh import Mesh, sample_surface
from concord3d.geometry.mixing.operators import mix_clouds
from concord3d.geometry.mixing.settings import MixingSettings
from concord3d.geometry.ray_casting import RayCaster
from concord3d.site.scene_files import Points, Scene
from concord3d.world.objects.generation import generate
from concord3d.world.objects.scan import scan_cloud
from concord3d.world.rooms.camera_path import camera_path
from concord3d.world.rooms.frames import draw_light, take_frames
from concord3d.world.rooms.furniture import WorldFurniture
from concord3d.world.rooms.meshes import room_mesh
from concord3d.world.rooms.objects import FLOOR, WALL
from concord3d.world.rooms.reconstruction import reconstruct
from concord3d.world.rooms.spaces import furnish_space
from concord3d.world.streets.lidar import scan
from concord3d.world.streets.street import compose_street
from concord3d.world.streets.taxonomy import GENERAL_CATEGORIES

SEED = 1
OBJECTS = ("airplane", "chair", "guitar", "motorcycle", "toilet", "piano")
NUM_POINTS = 2048
NUM_MIXED_POINTS = 1024
MIXED = ("airplane", "chair")
OPERATOR_WORDS = {
    "point_cut_mix_k": "PointCutMix-K: a neighbourhood of one cloud takes the place of the matched points of the other",
    "point_cut_mix_r": "PointCutMix-R: points drawn at random take the place of the matched points of the other cloud",
    "rsmix": "RSMix: a rigid piece of one cloud is set into the other",
    "point_mixup": "PointMixup: every point lies between two matched points, so that it belongs to both clouds",
}
ROOMS = ("Living room / Lounge", "Bedroom / Hotel")
NUM_ROOM_POINTS = 6000
AZIMUTH_STEPS = 400
SWEEP_RANGE_M = 40.0
_UP_Y, _UP_Z = "y", "z"


def all_scenes() -> list[Scene]:
    """Return all examples, in the order of the menu."""
    return [*_objects(), _scanned(), *_mixed(), *_rooms(), _sweep()]


def _grouped(points: Points, labels: NDArray[np.integer[Any]], names: Sequence[str]) -> dict[str, Points]:
    """Return points by the name of their label, the largest group first."""
    found = sorted(np.unique(labels), key=lambda label: -int((labels == label).sum()))
    groups: dict[str, list[Points]] = {}
    for label in found:
        groups.setdefault(names[label], []).append(points[labels == label])
    return {name: np.concatenate(parts) for name, parts in groups.items()}


def _cloud(category: str, num_points: int) -> tuple[Points, NDArray[np.int64], tuple[str, ...]]:
    """Return a cloud of an object of the world in the unit sphere, the part of each point, and names of the parts."""
    made = generate(category, 0, SEED)
    mesh = made.mesh.normalized()
    sample = sample_surface(mesh, num_points, np.random.default_rng(SEED))
    assert mesh.face_parts is not None
    return sample.points, mesh.face_parts[sample.face_index].astype(np.int64), made.part_names


def _objects() -> Iterator[Scene]:
    for category in OBJECTS:
        points, parts, names = _cloud(category, NUM_POINTS)
        caption = (
            f"{NUM_POINTS} points on the surface of an object of the world ({category}), in the colours of its parts."
        )
        yield Scene(f"object_{category}", "Objects", category, caption, _UP_Y, _grouped(points, parts, names))


def _scanned() -> Scene:
    neighbours = [generate("table", 0, SEED).mesh]
    chair = generate("chair", 0, SEED)
    points, on_it = scan_cloud(chair, NUM_POINTS, np.random.default_rng(SEED), neighbours)
    caption = (
        "The same chair as a depth sensor would have kept it in a room, cut out by its box: sides that no viewpoint "
        "sees are missing, and pieces of the floor and of neighbours are left."
    )
    groups = _grouped(points, (~on_it).astype(np.int64), ("chair", "background"))
    return Scene("scanned_chair", "Objects", "chair, scanned", caption, _UP_Y, groups)


def _mixed() -> Iterator[Scene]:
    first, second = (torch.from_numpy(_cloud(category, NUM_MIXED_POINTS)[0]).float()[None] for category in MIXED)
    settings = MixingSettings(match_points=NUM_MIXED_POINTS // 2)
    for operator, words in OPERATOR_WORDS.items():
        generator = torch.Generator().manual_seed(SEED)
        mixed = mix_clouds(operator, first, second, torch.tensor([0.5]), generator, settings)
        points, names = mixed.points[0].numpy(), tuple(f"from the {category}" for category in MIXED)
        if mixed.from_first is None:
            groups: Mapping[str, Points] = {"between both": points}
        else:
            groups = _grouped(points, (~mixed.from_first[0]).numpy().astype(np.int64), names)
        caption = f"{words}. Half {MIXED[0]}, half {MIXED[1]}."
        yield Scene(f"mixed_{operator}", "Mixed clouds", words.partition(":")[0], caption, _UP_Y, groups)


def _rooms() -> Iterator[Scene]:
    for number, kind in enumerate(ROOMS):
        rng = np.random.default_rng([SEED, number])
        space = furnish_space(kind, WorldFurniture(0, SEED, 250), rng)
        room, light = room_mesh(space, 0.25), draw_light(rng)
        frames = take_frames(RayCaster(1), room, light, camera_path(space, 24, rng), 96, 128, rng)
        scanned = reconstruct(room, frames, light, rng)
        sample = sample_surface(Mesh(scanned.vertices, scanned.faces), NUM_ROOM_POINTS, rng)
        labels = scanned.identity[scanned.faces[sample.face_index, 0]]
        names = {0: "not annotated", FLOOR: "floor", WALL: "wall"} | {one.identity: one.kind for one in space.objects}
        listed = [names.get(label, "") for label in range(max(names) + 1)]
        caption = (
            f"A room of the kind {kind.lower()} after a walk with a depth camera through it (24 frames): "
            f"{NUM_ROOM_POINTS} points of the reconstruction, in the colours of what they belong to. "
            "What the camera never saw is missing."
        )
        yield Scene(f"room_{number}", "Rooms", kind.lower(), caption, _UP_Z, _grouped(sample.points, labels, listed))


def _sweep() -> Scene:
    rng = np.random.default_rng(SEED)
    street = compose_street(rng, np.zeros(1), 0, SEED)
    mesh, pose = street.mesh_at(0.0), street.street_from_ego(0.0)
    rays = RayCaster(1).scene(mesh.mesh)
    sweep = scan(rays, mesh, pose @ street.rig.ego_from_lidar, 32, AZIMUTH_STEPS, street.plan.rain, rng)
    near = np.linalg.norm(sweep.points[:, :2], axis=1) < SWEEP_RANGE_M
    names = [name.rpartition(".")[2].replace("_", " ") for name in GENERAL_CATEGORIES]
    groups = _grouped(sweep.points[near, :3], sweep.category[near].astype(np.int64), names)
    caption = (
        f"One turn of a LiDAR with 32 beams in a street of the world, {AZIMUTH_STEPS} steps around, up to "
        f"{SWEEP_RANGE_M:.0f} m, in the colours of the general categories of nuScenes."
    )
    return Scene("sweep_street", "Sweeps", "a street", caption, _UP_Z, groups)

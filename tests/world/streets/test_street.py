"""Streets: nothing stands in another's way, kerbs have risers, and all sixteen classes occur."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.geometry.ray_casting import RayCaster
from concord3d.world.objects.generation import generate
from concord3d.world.streets.actors import EGO_SIZE, KINDS, Actor
from concord3d.world.streets.lidar import scan
from concord3d.world.streets.models import street_model
from concord3d.world.streets.street import Street, compose_street
from concord3d.world.streets.taxonomy import CATEGORY_INDEX, GENERAL_CATEGORIES

TIMES = np.array([0.0, 0.5, 1.0])
# The classes of the benchmark, by words of their categories.
CLASSES = (
    "barrier", "bicycle", "bus", "car", "construction", "motorcycle", "pedestrian", "trafficcone", "trailer", "truck",
    "driveable_surface", "flat.other", "sidewalk", "terrain", "manmade", "vegetation",
)  # fmt: skip


@cache
def street(seed: int) -> Street:
    return compose_street(np.random.default_rng(seed), TIMES, 80_000_000, 3)


def corners(x: float, y: float, yaw: float, length: float, width: float) -> np.ndarray:
    c, s = np.cos(yaw), np.sin(yaw)
    half = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * [length / 2, width / 2]
    return half @ np.array([[c, s], [-s, c]]) + [x, y]


def apart(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether a line separates two rectangles."""
    for box in (first, second):
        for edge in (box[1] - box[0], box[2] - box[1]):
            a, b = first @ edge, second @ edge
            if a.max() < b.min() or b.max() < a.min():
                return True
    return False


def footprint(actor: Actor, time: float) -> np.ndarray:
    x, y, _ = actor.at(time)
    return corners(x, y, actor.yaw, actor.model.size[0], actor.model.size[1])


@given(seed=st.integers(0, 400))
@settings(max_examples=15)
def test_no_actor_touches_another_or_the_vehicle_of_the_sensors(seed: int) -> None:
    made = street(seed)
    for time in TIMES:
        x, y = np.array([made.ego.x, made.ego.y]) + time * np.array(made.ego.velocity)
        boxes = [corners(x, y, made.ego.yaw, *EGO_SIZE), *(footprint(actor, time) for actor in made.actors)]
        for number, box in enumerate(boxes):
            assert all(apart(box, other) for other in boxes[number + 1 :])


def test_instances_are_numbered_and_faces_know_them() -> None:
    made = street(1)
    assert [actor.instance for actor in made.actors] == list(range(1, len(made.actors) + 1))
    mesh = made.mesh_at(0.0)
    assert set(mesh.instance.tolist()) == set(range(len(made.actors) + 1))
    for actor in made.actors:
        assert set(mesh.category[mesh.instance == actor.instance].tolist()) == {CATEGORY_INDEX[actor.category]}
    assert mesh.mesh.face_colors is not None and len(mesh.mesh.face_colors) == len(mesh.category)
    still = mesh.category[mesh.instance == 0]
    assert {GENERAL_CATEGORIES[index].split(".")[0] for index in np.unique(still)} == {"flat", "static"}


def test_what_moves_moves_along_its_front() -> None:
    speeds = set()
    for seed in range(8):
        for actor in street(seed).actors:
            velocity = np.array(actor.velocity)
            speed = float(np.linalg.norm(velocity))
            if speed:
                assert velocity @ [np.cos(actor.yaw), np.sin(actor.yaw)] > 0.9 * speed
                speeds.add(actor.category)
            assert speed <= 11 and ("pedestrian" not in actor.category or speed <= 1.6)
    assert {"vehicle.car", "vehicle.truck", "human.pedestrian.adult"} <= speeds
    assert not speeds & {"movable_object.barrier", "movable_object.trafficcone", "vehicle.construction"}


def test_only_actors_and_the_sensors_move() -> None:
    made = next(street(seed) for seed in range(20) if street(seed).ego.velocity[0] > 3)
    first, last = made.mesh_at(0.0), made.mesh_at(1.0)
    still = first.instance == 0
    used = np.unique(first.mesh.faces[still])
    np.testing.assert_array_equal(first.mesh.vertices[used], last.mesh.vertices[used])
    moved = made.street_from_ego(1.0)[:3, 3] - made.street_from_ego(0.0)[:3, 3]
    np.testing.assert_allclose(moved[:2], made.ego.velocity)
    assert made.plan.lanes[0].speed == pytest.approx(np.linalg.norm(made.ego.velocity))


def test_kerbs_have_risers() -> None:
    """A ray that leaves the road just above its surface meets the ground beside it, not the sky below a strip."""
    met = set()
    for seed in range(6):
        made = street(seed)
        scene = RayCaster(1).scene(made.still.mesh)
        x = np.arange(-60.0, 60.0, 1.3)
        free = np.array([any(low + 1 < one < high - 1 for low, high in made.plan.stretches) for one in x])
        rays = np.zeros((len(x), 6), np.float32)
        rays[:, 0], rays[:, 1], rays[:, 2], rays[:, 4] = x, made.plan.half_road - 0.3, made.plan.kerb / 2, 1
        hits = scene.cast(rays[free])
        np.testing.assert_allclose(hits.distance, 0.3, atol=1e-4)
        met |= {GENERAL_CATEGORIES[index] for index in np.unique(made.still.category[hits.face])}
    assert met == {"flat.sidewalk", "flat.terrain"}


def test_the_vehicle_drives_on_the_road() -> None:
    for seed in range(8):
        made = street(seed)
        scene = RayCaster(1).scene(made.still.mesh)
        rays = np.array([[*made.street_from_ego(time)[:2, 3], 1.0, 0, 0, -1] for time in TIMES], np.float32)
        hits = scene.cast(rays)
        assert {GENERAL_CATEGORIES[index] for index in made.still.category[hits.face]} == {"flat.driveable_surface"}
        assert hits.distance == pytest.approx(1.0, abs=0.02)


def test_all_sixteen_classes_are_scanned_in_twenty_streets() -> None:
    seen: dict[str, int] = dict.fromkeys(CLASSES, 0)
    for seed in range(20):
        made = street(seed)
        mesh = made.mesh_at(0.0)
        place = made.street_from_ego(0.0) @ made.rig.ego_from_lidar
        rng = np.random.default_rng(0)
        sweep = scan(RayCaster(1).scene(mesh.mesh), mesh, place, 32, 240, made.plan.rain, rng)
        names = [GENERAL_CATEGORIES[index] for index in np.unique(sweep.category)]
        for word in CLASSES:
            seen[word] += any(word in name for name in names)
    assert min(seen.values()) >= 4, seen
    assert {kind.category for kind in KINDS} < set(GENERAL_CATEGORIES)


def test_a_street_is_decided_by_its_source_of_randomness() -> None:
    first, again, other = (compose_street(np.random.default_rng(seed), TIMES, 80_000_000, 3) for seed in (5, 5, 6))
    assert first.mesh_at(0.5).mesh.vertices.tobytes() == again.mesh_at(0.5).mesh.vertices.tobytes()
    assert first.plan == again.plan != other.plan
    worlds = [
        compose_street(np.random.default_rng(5), TIMES, first_index, 3) for first_index in (80_000_000, 81_000_000)
    ]
    assert worlds[0].plan == worlds[1].plan, "streets of two splits differ in their objects"
    assert worlds[0].mesh_at(0).mesh.vertices.tobytes() != worlds[1].mesh_at(0).mesh.vertices.tobytes()


def test_objects_stand_on_the_ground_with_their_front_along_x() -> None:
    headings = set()
    for index in range(12):
        model = street_model("car", index, 0)
        headings.add(generate("car", index, 0).style["heading_deg"])
        assert model.size[0] > 1.5 * model.size[1] and model.vertices[:, 2].min() == pytest.approx(0, abs=1e-6)
        np.testing.assert_allclose(model.vertices.min(axis=0)[:2], -model.vertices.max(axis=0)[:2], atol=1e-9)
    assert len(headings) > 2, "cars of the world are turned in several ways"
    # A truck's cab is in front: its glass lies at greater x than its middle.
    truck = street_model("truck", 1, 0)
    glass = np.ptp(truck.colors.astype(int), axis=1) < 20
    dark = glass & (truck.colors.max(axis=1) < 42) & (truck.vertices[truck.faces].mean(axis=1)[:, 2] > 1.5)
    assert truck.vertices[truck.faces[dark]].mean(axis=(0, 1))[0] > 0.2 * truck.size[0]
    assert truck.scaled(0.5).size == pytest.approx(truck.size / 2)

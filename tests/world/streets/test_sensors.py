"""The LiDAR returns points on surfaces with their labels; cameras see what the LiDAR sees where it projects to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from concord3d.geometry.projection import project_points
from concord3d.geometry.ray_casting import RayCaster, RayScene
from concord3d.geometry.rigid import inverse
from concord3d.world.streets.lidar import ELEVATIONS, LabelledSweep, scan
from concord3d.world.streets.meshes import LabelledMesh, MeshBuilder
from concord3d.world.streets.pictures import take_pictures
from concord3d.world.streets.rig import CAMERA_DELAYS, CAMERA_NAMES, draw_rig
from concord3d.world.streets.street import Street, compose_street
from concord3d.world.streets.taxonomy import CATEGORY_INDEX


@pytest.fixture(scope="module")
def made() -> tuple[Street, LabelledMesh, RayScene]:
    street = compose_street(np.random.default_rng(2), np.array([0.0]), 80_000_000, 3)
    mesh = street.mesh_at(0.0)
    return street, mesh, RayCaster(1).scene(mesh.mesh)


def swept(
    made: tuple[Street, LabelledMesh, RayScene], beams: int = 32, rain: bool = False, seed: int = 0
) -> LabelledSweep:
    street, mesh, scene = made
    place = street.street_from_ego(0.0) @ street.rig.ego_from_lidar
    return scan(scene, mesh, place, beams, 180, rain, np.random.default_rng(seed))


@pytest.mark.parametrize("beams", [16, 32, 64])
def test_beams_have_their_elevations(made: tuple[Street, LabelledMesh, RayScene], beams: int) -> None:
    sweep = swept(made, beams)
    xyz, ring = sweep.points[:, :3].astype(np.float64), sweep.points[:, 4].astype(int)
    elevation = np.degrees(np.arcsin(xyz[:, 2] / np.linalg.norm(xyz, axis=1)))
    np.testing.assert_allclose(elevation, ELEVATIONS[beams][ring], atol=1e-3)
    assert len(ELEVATIONS[beams]) == beams and (np.diff(ELEVATIONS[beams]) > 0).all()
    assert 0.3 * beams * 180 < len(xyz) < beams * 180
    # One turn, step by step, clockwise from behind the vehicle, which looks along y.
    turned = np.degrees(np.arctan2(-xyz[:, 0], -xyz[:, 1])) % 360
    steps = np.rint(turned / 2).astype(int) % 180
    assert (np.diff(steps) >= 0).all()


def test_points_lie_on_the_faces_that_label_them(made: tuple[Street, LabelledMesh, RayScene]) -> None:
    street, mesh, scene = made
    sweep = swept(made)
    place = street.street_from_ego(0.0) @ street.rig.ego_from_lidar
    xyz = sweep.points[:, :3].astype(np.float64)
    distance = np.linalg.norm(xyz, axis=1)
    rays = np.zeros((len(xyz), 6), np.float32)
    rays[:, :3], rays[:, 3:] = place[:3, 3], (xyz / distance[:, None]) @ place[:3, :3].T
    hits = scene.cast(rays)
    outside = sweep.category != CATEGORY_INDEX["vehicle.ego"]
    same = outside & (mesh.category[hits.face] == sweep.category)
    assert same.sum() > 0.99 * outside.sum()
    error = (hits.distance - distance)[same & (np.abs(hits.distance - distance) < 0.2)]
    assert len(error) > 0.98 * outside.sum() and 0.01 < error.std() < 0.03 and abs(error.mean()) < 2e-3
    np.testing.assert_array_equal(mesh.instance[hits.face][same] > 0, sweep.instance[same] > 0)


def test_the_lowest_beams_meet_the_roof_of_the_own_vehicle(made: tuple[Street, LabelledMesh, RayScene]) -> None:
    sweep = swept(made)
    roof = sweep.category == CATEGORY_INDEX["vehicle.ego"]
    near = np.linalg.norm(sweep.points[:, :3], axis=1) < 1.5
    np.testing.assert_array_equal(roof, near)
    assert 0.02 < roof.mean() < 0.12 and sweep.points[roof, 4].max() < 12 and not sweep.instance[roof].any()
    np.testing.assert_allclose(sweep.points[roof, 2], -0.42, atol=0.06)
    assert not (swept(made, 16).category == CATEGORY_INDEX["vehicle.ego"]).any()


def test_rain_costs_returns_and_noise_has_its_own_source(made: tuple[Street, LabelledMesh, RayScene]) -> None:
    first, again, other, wet = swept(made), swept(made), swept(made, seed=1), swept(made, rain=True)
    np.testing.assert_array_equal(first.points, again.points)
    assert first.points.shape != other.points.shape or (first.points != other.points).any()
    assert len(wet.points) < 0.95 * len(first.points)
    intensity = first.points[:, 3]
    assert intensity.min() >= 0 and intensity.max() <= 255 and (intensity == np.rint(intensity)).all()
    assert np.unique(intensity).size > 20


def wall(color: tuple[int, int, int]) -> LabelledMesh:
    built = MeshBuilder()
    built.add_boxes((5.0, -20, -5), (6.0, 20, 9), color, "static.manmade")
    built.add_boxes((-6.0, -20, -5), (-5.0, 20, 9), (20, 20, 20), "static.vegetation")
    return built.build()


def test_bright_and_frontal_surfaces_return_more() -> None:
    mesh = wall((230, 230, 230))
    sweep = scan(RayCaster(1).scene(mesh.mesh), mesh, np.eye(4), 16, 360, False, np.random.default_rng(0))
    bright = sweep.category == CATEGORY_INDEX["static.manmade"]
    assert bright.any() and (~bright).any()
    intensity, side = sweep.points[:, 3], np.abs(sweep.points[:, 1])
    assert intensity[bright].mean() > 2 * intensity[~bright].mean()
    assert intensity[bright & (side < 2)].mean() > 1.3 * intensity[bright & (side > 10)].mean()


def test_pictures_show_what_the_lidar_measures(made: tuple[Street, LabelledMesh, RayScene]) -> None:
    """The faces that points lie on are those that the pixels look at, but for the edges of things."""
    street, mesh, scene = made
    height, width = 90, 160
    sweep = swept(made)
    lidar = street.street_from_ego(0.0) @ street.rig.ego_from_lidar
    cameras = street.street_from_ego(0.0) @ street.rig.ego_from_camera
    pairs = project_points(sweep.points, inverse(cameras) @ lidar, street.rig.intrinsics(height, width), height, width)
    assert np.bincount(pairs.camera, minlength=6).min() > 50
    # Shading keeps the hue, so one channel of three tells the category from two thirds of the others.
    painted = np.where(np.arange(3) == mesh.category[:, None] % 3, 200, 10).astype(np.uint8)
    flat = replace(mesh, mesh=replace(mesh.mesh, face_colors=painted))
    clear = replace(street.plan, light=1.0, rain=False)
    pictures = take_pictures(scene, flat, clear, cameras, street.rig.focal, height, width, np.random.default_rng(0))
    assert pictures.shape == (6, height, width, 3) and pictures.dtype == np.uint8
    near = np.linalg.norm(sweep.points[pairs.point, :3], axis=1) < 20
    hue = pictures[pairs.camera, pairs.row, pairs.column].argmax(axis=1)
    same = (hue == sweep.category[pairs.point] % 3)[near]
    assert all(same[pairs.camera[near] == camera].mean() > 0.93 for camera in range(6))


def test_night_is_darker_and_pictures_have_their_own_noise(made: tuple[Street, LabelledMesh, RayScene]) -> None:
    street, mesh, scene = made
    cameras = street.street_from_ego(0.0) @ street.rig.ego_from_camera

    def shot(light: float, seed: int) -> np.ndarray:
        plan = replace(street.plan, light=light, rain=False)
        return take_pictures(scene, mesh, plan, cameras, street.rig.focal, 18, 32, np.random.default_rng(seed))

    day, again, other, night = shot(1.0, 0), shot(1.0, 0), shot(1.0, 1), shot(0.3, 0)
    np.testing.assert_array_equal(day, again)
    assert (day != other).any() and np.abs(day.astype(int) - other).mean() < 5
    assert night.mean() < 0.4 * day.mean()
    assert min(one.std() for one in day) > 10, "no picture is empty"


def test_cameras_look_all_round_in_the_order_of_slidr() -> None:
    first, second = draw_rig(np.random.default_rng(0)), draw_rig(np.random.default_rng(1))
    ahead = first.ego_from_camera[:, :3, 2]
    degrees = np.degrees(np.arctan2(ahead[:, 1], ahead[:, 0]))
    np.testing.assert_allclose(np.abs(degrees), [0, 56, 110, 180, 108, 55], atol=2)
    assert [name.split("_", 1)[1] for name in CAMERA_NAMES] == [
        "FRONT", "FRONT_RIGHT", "BACK_RIGHT", "BACK", "BACK_LEFT", "FRONT_LEFT",
    ]  # fmt: skip
    assert (degrees[1:3] < 0).all() and (degrees[4:] > 0).all() and len(CAMERA_DELAYS) == 6
    np.testing.assert_allclose(first.ego_from_camera[:, :3, 1] @ [0, 0, 1], -1, atol=2e-3)
    np.testing.assert_allclose(first.ego_from_lidar[:3, 1], [1, 0, 0], atol=0.05)
    assert not np.array_equal(first.ego_from_camera, second.ego_from_camera)
    np.testing.assert_allclose(first.ego_from_camera, second.ego_from_camera, atol=0.1)
    k = first.intrinsics(90, 160)
    assert k.shape == (6, 3, 3) and (k[:, 0, 2] == 79.5).all() and (k[:, 1, 2] == 44.5).all()
    assert k[3, 0, 0] < 0.7 * k[0, 0, 0]

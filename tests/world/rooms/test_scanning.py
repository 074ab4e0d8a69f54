"""What a scanner brings home: where the camera stood, what it saw, and the mesh made of it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.spatial import cKDTree
from tests.world.rooms.made import SUPPLIER, spaces

from concord3d.geometry.mesh import Mesh
from concord3d.geometry.ray_casting import RayCaster
from concord3d.world.rooms.camera_path import EYE_DISTANCE, camera_path
from concord3d.world.rooms.frames import Frames, draw_light, take_frames
from concord3d.world.rooms.meshes import RoomMesh, room_mesh
from concord3d.world.rooms.objects import FLOOR, WALL
from concord3d.world.rooms.reconstruction import Reconstruction, reconstruct
from concord3d.world.rooms.spaces import Space

SIZE = (48, 64)
Scan = tuple[Space, RoomMesh, Frames, Reconstruction]


@cache
def scans() -> list[Scan]:
    made = []
    for number, space in enumerate(spaces()[:20]):
        rng = np.random.default_rng([number, 7])
        room, light = room_mesh(space, 0.25), draw_light(rng)
        frames = take_frames(RayCaster(1), room, light, camera_path(space, 8, rng), *SIZE, rng)
        made.append((space, room, frames, reconstruct(room, frames, light, rng)))
    return made


def placed(frames: Frames) -> np.ndarray:
    """Points where the depths of all frames say that something is."""
    view, row, column = np.nonzero(frames.depth > 0)
    z = frames.depth[view, row, column].astype(np.float64)
    x = (column + 0.5 - SIZE[1] / 2) / frames.focal * z
    y = (row + 0.5 - SIZE[0] / 2) / frames.focal * z
    poses = frames.poses[view]
    return np.einsum("nij,nj->ni", poses[:, :3, :3], np.stack([x, y, z], axis=1)) + poses[:, :3, 3]


def distances(vertices: np.ndarray, faces: np.ndarray, points: np.ndarray) -> np.ndarray:
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.core.Tensor(vertices.astype(np.float32)), o3d.core.Tensor(faces.astype(np.uint32)))
    return scene.compute_distance(o3d.core.Tensor(points.astype(np.float32))).numpy()


def test_the_eye_keeps_its_distance() -> None:
    close = 0
    for space, _, frames, _ in scans():
        eyes = frames.poses[:, :3, 3]
        assert (space.layout.clearance(eyes[:, :2]) > 0.1).all() and (eyes[:, 2] > 1.2).all()
        for one in space.objects:
            outside = np.clip(np.maximum(one.box[0] - eyes, eyes - one.box[1]), 0, None)
            gap = np.linalg.norm(outside, axis=1)
            # A full bathroom has no place that is free enough; not even there is the eye in something.
            assert (gap > 0.05).all(), (space.scene_type, one.kind)
            close += int((gap < EYE_DISTANCE - 0.01).sum())
    assert close < 0.03 * sum(len(space.objects) * 8 for space, *_ in scans())


def test_poses_are_rotations_that_look_at_furniture() -> None:
    for _, room, frames, _ in scans():
        turns = frames.poses[:, :3, :3]
        np.testing.assert_allclose(turns @ np.swapaxes(turns, 1, 2), np.tile(np.eye(3), (8, 1, 1)), atol=1e-9)
        np.testing.assert_allclose(np.linalg.det(turns), 1)
        # The second axis points down.
        assert (turns[:, 2, 1] < 0).all()
        assert frames.identity.shape == (8, *SIZE)
        assert set(np.unique(frames.identity)) <= {0, *room.face_object.tolist()}
    looked_at = [np.mean((frames.identity > FLOOR).any(axis=(1, 2))) for *_, frames, _ in scans()]
    assert min(looked_at) > 0.8
    shares = [np.mean(frames.identity > FLOOR) for *_, frames, _ in scans()]
    assert 0.2 < np.mean(shares) < 0.8


def test_most_objects_are_in_a_frame_and_some_are_in_none() -> None:
    seen = total = 0
    for space, _, frames, _ in scans():
        own = {one.identity for one in space.annotated}
        seen, total = seen + len(own & set(np.unique(frames.identity).tolist())), total + len(own)
    assert 0.8 < seen / total < 1


def test_depth_lies_on_the_room_and_nearly_on_the_scan() -> None:
    medians = []
    for _, room, frames, scan in scans():
        points = placed(frames)
        assert distances(room.mesh.vertices, room.mesh.faces, points).max() < 1e-3
        medians.append(np.median(distances(scan.vertices, scan.faces, points)))
    # The noise of a scanner, but also holes where a face has a corner that no frame saw.
    assert 0.001 < np.mean(medians) < 0.006 and max(medians) < 0.01


def test_the_frame_shows_the_object_that_the_depth_is_of() -> None:
    for _, room, frames, _ in scans()[:6]:
        points = placed(frames)
        identity = frames.identity[frames.depth > 0]
        for one in np.unique(identity):
            own = room.face_object == one
            assert distances(room.mesh.vertices, room.mesh.faces[own], points[identity == one]).max() < 1e-3


def test_a_scan_has_only_what_some_frame_saw() -> None:
    shares = []
    for _, room, frames, scan in scans():
        shares.append(len(scan.vertices) / len(room.mesh.vertices))
        assert scan.faces.min() == 0 and scan.faces.max() == len(scan.vertices) - 1
        assert len(np.unique(scan.faces)) == len(scan.vertices) == len(scan.colors) == len(scan.identity)
        # No face belongs to two objects.
        assert (scan.identity[scan.faces] == scan.identity[scan.faces[:, :1]]).all()
        points = placed(frames)
        assert np.quantile(cKDTree(points).query(scan.vertices)[0], 0.95) < 0.2
    assert 0.3 < np.mean(shares) < 0.95


def test_a_scan_without_frames_of_an_object_lacks_it() -> None:
    for _, _, frames, scan in scans():
        lost = set(np.unique(scan.identity)) - set(np.unique(frames.identity))
        assert len(lost) <= 2


def test_vertices_know_one_object_and_walls_are_squares() -> None:
    space, room, *_ = scans()[0]
    for identity in np.unique(room.face_object):
        own = room.mesh.faces[room.face_object == identity]
        assert (room.vertex_object[own] == identity).all()
    walls = Mesh(room.mesh.vertices, room.mesh.faces[room.face_object == WALL])
    floor = Mesh(room.mesh.vertices, room.mesh.faces[room.face_object == FLOOR])
    missing = 0.0 if space.layout.notch is None else float(np.prod(np.ptp(space.layout.notch, axis=0)))
    around = sum(wall.length for wall in space.layout.walls)
    assert walls.face_areas().sum() == pytest.approx(around * space.layout.height, rel=1e-5)
    assert floor.face_areas().sum() == pytest.approx(np.prod(space.layout.size) - missing, rel=1e-5)
    assert 0.02 < walls.face_areas().mean() < 0.045


def test_two_visits_have_different_light_and_exposure() -> None:
    space = spaces()[1]
    room = room_mesh(space, 0.25)
    pictures = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        light = draw_light(rng)
        poses = camera_path(space, 2, np.random.default_rng(0))
        pictures.append(take_frames(RayCaster(1), room, light, poses, *SIZE, rng).color.astype(float))
    assert np.abs(pictures[0] - pictures[1]).mean() > 2
    assert np.corrcoef(pictures[0].ravel(), pictures[1].ravel())[0, 1] > 0.8


def test_a_supplier_gives_many_models_and_each_is_always_the_same() -> None:
    names = {SUPPLIER.draw("chair", np.random.default_rng(seed)).name for seed in range(40)}
    assert len(names) > 20
    for kind in ("chair", "window", "rug", "sofa"):
        one = SUPPLIER.draw(kind, np.random.default_rng(1))
        assert one is SUPPLIER.draw(kind, np.random.default_rng(1))
        assert one.vertices[:, 2].min() == 0 and len(one.vertices) >= SUPPLIER.min_vertices
        assert np.abs(one.vertices[:, :2].min(axis=0) + one.vertices[:, :2].max(axis=0)).max() < 1e-9
        assert len(one.colors) == len(one.faces)

"""Ceilings, beams and columns: they belong to the room, meet nothing else, and are seen."""

from __future__ import annotations

from functools import cache

import numpy as np
from tests.world.rooms.made import spaces

from concord3d.geometry.ray_casting import RayCaster
from concord3d.world.rooms.building_parts import Building, with_building_parts
from concord3d.world.rooms.frames import draw_light
from concord3d.world.rooms.meshes import room_mesh
from concord3d.world.rooms.spaces import Space
from concord3d.world.rooms.surface_scan import scan_surfaces

SQUARE = 0.5


@cache
def buildings() -> tuple[tuple[Space, Building], ...]:
    return tuple(
        (space, with_building_parts(room_mesh(space, SQUARE), space, SQUARE, np.random.default_rng(number)))
        for number, space in enumerate(spaces())
    )


def box_of(building: Building, identity: int) -> tuple[np.ndarray, np.ndarray]:
    places = building.mesh.mesh.vertices[building.mesh.vertex_object == identity]
    return places.min(axis=0), places.max(axis=0)


def test_a_room_has_one_ceiling_as_large_as_its_floor() -> None:
    for space, building in buildings():
        [ceiling] = [identity for identity, part in building.parts.items() if part == "ceiling"]
        own = building.mesh.face_object == ceiling
        floor = building.mesh.face_object == 2
        areas = building.mesh.mesh.face_areas()
        np.testing.assert_allclose(areas[own].sum(), areas[floor].sum(), rtol=1e-5)
        heights = building.mesh.mesh.vertices[building.mesh.vertex_object == ceiling, 2]
        np.testing.assert_allclose(heights, space.layout.height, rtol=1e-6)


def test_the_furnished_room_is_left_as_it_is() -> None:
    for space, building in buildings():
        bare = room_mesh(space, SQUARE)
        count = len(bare.mesh.faces)
        np.testing.assert_array_equal(building.mesh.mesh.vertices[: len(bare.mesh.vertices)], bare.mesh.vertices)
        np.testing.assert_array_equal(building.mesh.mesh.faces[:count], bare.mesh.faces)
        np.testing.assert_array_equal(building.mesh.face_object[:count], bare.face_object)
        assert not set(building.parts) & set(bare.face_object.tolist())


def test_beams_hang_from_the_ceiling_and_columns_stand_where_nothing_else_does() -> None:
    found = {"beam": 0, "column": 0}
    for space, building in buildings():
        columns = []
        for identity, part in building.parts.items():
            low, high = box_of(building, identity)
            if part == "ceiling":
                continue
            found[part] += 1
            inside = np.array([[low[0], low[1]], [high[0], high[1]], [low[0], high[1]], [high[0], low[1]]])
            assert space.layout.clearance(inside).min() > -1e-5 and abs(high[2] - space.layout.height) < 1e-5
            if part == "beam":
                assert low[2] >= 2.25 - 1e-5
            else:
                assert low[2] == 0
                columns.append((low, high))
        others = [one.box for one in space.objects] + [space.layout.door_zone()]
        for number, (low, high) in enumerate(columns):
            for other in (*others, *columns[:number]):
                assert (low >= other[1] - 1e-5).any() or (high <= other[0] + 1e-5).any()
    assert min(found.values()) > 10, found


def test_a_scan_holds_what_a_tripod_sees() -> None:
    for space, building in buildings()[:10]:
        scan = scan_surfaces(
            RayCaster(1), building.mesh, space, draw_light(np.random.default_rng(1)), 100, np.random.default_rng(2)
        )
        whole = 100 * float(building.mesh.mesh.face_areas().sum())
        assert 0.3 * whole < len(scan.points) < 0.95 * whole
        seen = np.bincount(scan.identity, minlength=max(building.parts) + 1)
        assert all(seen[identity] for identity in (1, 2, *building.parts))
        ceiling = scan.points[scan.identity == min(building.parts)]
        assert np.abs(ceiling[:, 2] - space.layout.height).max() < 0.02
        # The floor below what stands flat on it cannot be seen.
        floor = scan.points[scan.identity == 2]
        for one in space.objects:
            if one.kind in ("rug", "refrigerator"):
                low, high = one.box[0][:2] + 0.08, one.box[1][:2] - 0.08
                turned = np.abs(np.sin(2 * one.yaw)) < 1e-6
                assert not turned or not ((floor[:, :2] > low) & (floor[:, :2] < high)).all(axis=1).any(), one.kind

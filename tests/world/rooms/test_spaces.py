"""Furnished spaces: things stand where things stand, and the door opens."""

from __future__ import annotations

import numpy as np
import pytest
from tests.world.rooms.made import PER_TYPE, SUPPLIER, every_state, later_visits, spaces

from concord3d.geometry.mesh import Mesh
from concord3d.geometry.ray_casting import RayCaster
from concord3d.world.rooms.kinds import KINDS
from concord3d.world.rooms.layouts import DOOR_CLEARANCE, RoomLayout
from concord3d.world.rooms.objects import FLOOR, WALL, PlacedObject, surface_heights
from concord3d.world.rooms.scene_types import SCENE_TYPES
from concord3d.world.rooms.spaces import Space, furnish_space

TOLERANCE = 0.01


def wall_distance(layout: RoomLayout, one: PlacedObject) -> float:
    """Distance from the nearest corner of an object's box to a wall."""
    low, high = one.box
    corners = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
    return float(layout.clearance(corners).min())


def overlap(one: PlacedObject, other: PlacedObject) -> float:
    """Least depth by which two boxes overlap, negative where they are apart."""
    return float((np.minimum(one.box[1], other.box[1]) - np.maximum(one.box[0], other.box[0])).min())


def test_everything_is_inside_the_room() -> None:
    for space in every_state():
        for one in space.objects:
            assert one.vertices[:, 2].min() > -0.001 and one.vertices[:, 2].max() < space.layout.height
            assert space.layout.clearance(one.vertices[:, :2]).min() > -0.001, (space.scene_type, one.kind)


def test_nothing_floats() -> None:
    caster, rested = RayCaster(1), 0
    for space in every_state():
        by_identity = {one.identity: one for one in space.objects}
        for one in space.objects:
            low = one.box[0]
            if one.support == FLOOR:
                assert low[2] < 0.001, one.kind
            elif one.support == WALL:
                assert wall_distance(space.layout, one) < 0.06, one.kind
            else:
                below = by_identity[one.support]
                mesh = Mesh(below.vertices.astype(np.float32), below.model.faces)
                steps = np.linspace(-0.3, 0.3, 5)
                places = one.middle[:2] + np.array([[x, y] for x in steps for y in steps]) * (one.box[1] - low)[:2]
                down = np.tile([0, 0, low[2] + 0.002, 0, 0, -1.0], (25, 1))
                down[:, :2] = places
                gaps = caster.scene(mesh).cast(down.astype(np.float32)).distance
                assert gaps.max() < (0.2 if one.kind == "pillow" else 0.05), (one.kind, below.kind, gaps)
                rested += 1
    assert rested > 40


def test_nothing_is_in_anything_else() -> None:
    for space in every_state():
        solid = [one for one in space.objects if one.kind != "rug"]
        for number, one in enumerate(solid):
            for other in solid[:number]:
                if other.identity in (one.support,) or one.identity == other.support:
                    continue
                assert overlap(one, other) < TOLERANCE, (space.scene_type, one.kind, other.kind)


def test_the_door_can_be_opened_and_nothing_tall_hides_a_window() -> None:
    for space in every_state():
        low, high = space.layout.door_zone()
        zones = [(low, high, ("door", "rug"))]
        zones += [(*zone, ("window", "curtain")) for zone in space.layout.window_zones(1.0, 2.2)]
        for zone_low, zone_high, may in zones:
            for one in space.objects:
                if one.kind not in may:
                    depth = np.minimum(one.box[1], zone_high) - np.maximum(one.box[0], zone_low)
                    assert depth.min() < TOLERANCE, (space.scene_type, one.kind)
        assert np.ptp([low, high], axis=0)[:2].max() >= DOOR_CLEARANCE


def test_nothing_is_in_the_middle_of_a_bathroom() -> None:
    for space in every_state():
        if space.scene_type == "Bathroom":
            standing = [one for one in space.objects if one.support in (FLOOR, WALL)]
            assert all(wall_distance(space.layout, one) < 0.07 for one in standing)


@pytest.mark.parametrize(
    ("scene_type", "kinds"),
    [
        ("Bathroom", {"toilet", "sink"}),
        ("Bedroom / Hotel", {"bed", "night_stand"}),
        ("Bookstore / Library", {"bookshelf"}),
        ("Classroom", {"whiteboard", "table", "chair"}),
        ("Conference Room", {"table", "chair"}),
        ("Dining Room", {"table", "chair"}),
        ("Kitchen", {"counter", "refrigerator", "sink"}),
        ("Living room / Lounge", {"sofa", "tv_stand"}),
        ("Lobby", {"sofa", "bench", "plant"}),
        ("Office", {"desk"}),
    ],
)
def test_a_room_has_what_makes_it_one(scene_type: str, kinds: set[str]) -> None:
    own = [{one.kind for one in space.objects} for space in spaces() if space.scene_type == scene_type]
    assert len(own) == PER_TYPE and all({"door"} <= found for found in own)
    assert sum(len(kinds & found) for found in own) >= 0.75 * len(own) * len(kinds)


def test_layouts_are_drawn_afresh() -> None:
    sizes = {tuple(space.layout.size.round(3)) for space in spaces()}
    assert len(sizes) == len(spaces())
    notched = [space for space in spaces() if space.layout.notch is not None]
    assert 0.1 < len(notched) / len(spaces()) < 0.5
    for space in spaces():
        corners, following = space.layout.outline, np.roll(space.layout.outline, -1, axis=0)
        twice = (corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1]).sum()
        missing = 0.0 if space.layout.notch is None else float(np.prod(np.ptp(space.layout.notch, axis=0)))
        # Clockwise: the area is negative.
        assert twice / 2 == pytest.approx(missing - np.prod(space.layout.size))


def test_a_later_visit_finds_one_gone_one_new_and_some_moved() -> None:
    for before, later, changes in later_visits():
        first, second = ({one.identity: one for one in space.objects if one.annotated} for space in (before, later))
        assert set(first) - set(second) == set(changes.removed) and len(changes.removed) <= 1
        assert set(second) - set(first) == set(changes.added) and len(changes.added) <= 1
        assert not set(changes.added) & set(range(before.next_identity))
        for identity in set(first) & set(second):
            own, now = first[identity], second[identity]
            if identity in changes.moved:
                moved = own.vertices @ changes.moved[identity][:3, :3].T + changes.moved[identity][:3, 3]
                np.testing.assert_allclose(moved, now.vertices, atol=1e-9)
                assert KINDS[own.kind].movable and np.abs(own.vertices - now.vertices).max() > 0.1
            else:
                assert own is now
    counts = [len(changes.moved) for *_, changes in later_visits()]
    assert max(counts) <= 3 and np.mean([count > 0 for count in counts]) > 0.85
    assert np.mean([len(changes.removed) for *_, changes in later_visits()]) > 0.9
    assert np.mean([len(changes.added) for *_, changes in later_visits()]) > 0.9


def test_surface_heights_are_those_of_rays() -> None:
    table = next(one for space in spaces() for one in space.objects if one.kind == "table")
    low, high = table.box
    places = np.random.default_rng(0).uniform(low[:2] - 0.1, high[:2] + 0.1, (200, 2))
    rays = np.concatenate([places, np.full((200, 1), 5.0), np.tile([0, 0, -1.0], (200, 1))], axis=1)
    mesh = Mesh(table.vertices.astype(np.float32), table.model.faces)
    expected = 5 - RayCaster(1).scene(mesh).cast(rays.astype(np.float32)).distance
    found = surface_heights(table, places)
    # A ray along an edge may go either way.
    assert np.mean(np.isclose(found, expected, atol=1e-4) | (np.isinf(found) & np.isinf(expected))) > 0.98
    assert np.isinf(found).any() and np.isfinite(found).any()


def test_a_space_depends_on_its_source_alone() -> None:
    def made() -> Space:
        return furnish_space(next(iter(SCENE_TYPES)), SUPPLIER, np.random.default_rng(5))

    first, second = made(), made()
    for one, other in zip(first.objects, second.objects, strict=True):
        assert one.model.name == other.model.name
        np.testing.assert_array_equal(one.vertices, other.vertices)

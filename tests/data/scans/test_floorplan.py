"""Floorplans are horizontal sections seen from above."""

from __future__ import annotations

import numpy as np
import trimesh

from concord3d.data.scans.floorplan import floorplan
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.ray_casting import RayCaster

CASTER = RayCaster(1)
NO_EDGES = np.zeros((0, 2, 3))


def box(middle: tuple[float, float, float], size: tuple[float, float, float]) -> Mesh:
    shape = trimesh.creation.box(size)
    return Mesh((shape.vertices + middle).astype(np.float32), shape.faces.astype(np.int32))


def room(width: float, depth: float, height: float, only: str = "floor ceiling") -> np.ndarray:
    ring = np.array([[0, 0], [width, 0], [width, depth], [0, depth]], float)
    levels = [z for name, z in (("floor", 0.0), ("ceiling", height)) if name in only]
    return np.array(
        [[[*ring[i], z], [*ring[(i + 1) % 4], z]] for z in levels for i in range(4)]
        + [[[*corner, 0.0], [*corner, height]] for corner in ring]
    )


def drawn(picture: np.ndarray) -> tuple[int, int]:
    """Height and width of what is not white."""
    rows, columns = np.nonzero((picture < 250).any(axis=2))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_nothing_gives_no_floorplan() -> None:
    assert floorplan(CASTER, NO_EDGES, [], 64) is None
    # An edge without a length has no cylinder.
    assert floorplan(CASTER, np.zeros((1, 2, 3)), [], 64) is None


def test_edges_alone_and_models_alone_are_drawn() -> None:
    picture = floorplan(CASTER, room(4, 3, 2.5), [], 224)
    assert picture is not None and picture.shape == (224, 224, 3) and picture.dtype == np.uint8
    # Only the outline is drawn: the middle is white.
    assert (picture[100:124, 100:124] == 255).all() and (picture < 200).any()
    alone = floorplan(CASTER, NO_EDGES, [box((0, 0, 0.5), (1, 2, 1))], 224)
    # The top lies above the middle of the height: the section goes through the box and meets its bottom.
    assert alone is not None and (alone[100:124, 100:124] == round(255 * 2 / np.pi)).all()


def test_what_lies_above_the_middle_is_not_drawn() -> None:
    lamp, stool = box((1, 1, 2.3), (0.5, 0.5, 0.2)), box((3, 2, 0.2), (0.5, 0.5, 0.4))
    with_stool = floorplan(CASTER, room(4, 3, 2.5), [stool], 224)
    with_lamp = floorplan(CASTER, room(4, 3, 2.5), [lamp], 224)
    bare = floorplan(CASTER, room(4, 3, 2.5), [], 224)
    np.testing.assert_array_equal(with_lamp, bare)
    assert (with_stool != bare).any()
    # Edges of the ceiling vanish: only the lower ends of the corners remain.
    high = floorplan(CASTER, room(4, 3, 2.5, only="ceiling"), [], 224)
    assert high is not None and (high < 250).sum() < 0.2 * (bare < 250).sum()


def test_the_plan_is_turned_by_a_quarter_clockwise() -> None:
    # The stool stands in the corner with large x and small y; after -90 degrees about z, x points down and y right.
    picture = floorplan(CASTER, room(4, 3, 2.5), [box((3.5, 0.5, 0.2), (0.6, 0.6, 0.4))], 224)
    filled = np.argwhere(picture[:, :, 0] == round(255 * 2 / np.pi))
    low = filled[:, 0].mean() > 112, filled[:, 1].mean() < 112
    assert low == (True, True)


def test_small_pictures_keep_their_edges() -> None:
    large, small = (floorplan(CASTER, room(6, 5, 2.5), [], pixels) for pixels in (224, 32))
    assert small.shape == (32, 32, 3)
    rows, columns = np.nonzero((small < 250).any(axis=2))
    share = [(np.ptp(axis) + 1) / 32 for axis in (rows, columns)]
    expected = [extent / 224 for extent in drawn(large)]
    np.testing.assert_allclose(share, expected, atol=0.12)


def test_a_room_longer_than_is_seen_is_cut() -> None:
    # After the turn y is across: what is seen is 0.8 times the extent along x high and 1.6 times wide on each side.
    wide = floorplan(CASTER, room(1, 3.1, 2.5), [], 224)
    # Longer than 3.2 times: both short walls lie outside.
    cut = floorplan(CASTER, room(1, 6, 2.5), [], 224)
    assert (wide < 250).any(axis=2).sum() > 0 and cut is not None
    ends = [(picture < 250).any(axis=2) for picture in (wide, cut)]
    columns = [np.flatnonzero(end.any(axis=0)) for end in ends]
    # The first and last drawn columns hold a whole wall where it is seen, else only the two long walls.
    filled = [end[:, found[1]].sum() for end, found in zip(ends, columns, strict=True)]
    assert filled[0] > 2 * filled[1]

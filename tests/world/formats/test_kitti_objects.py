"""Lines of KITTI's label files: directions, rectangles and what is hidden."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.geometry.rigid import inverse, rigid
from concord3d.world.formats.kitti_calibration import CAMERA_FROM_LIDAR, intrinsics
from concord3d.world.formats.kitti_objects import actor_object, object_line
from concord3d.world.streets.actors import Actor
from concord3d.world.streets.models import StreetModel

SIZE = (94, 310)
# The camera looks along x from 1.65 m above the ground.
CAMERA = inverse(rigid(inverse(CAMERA_FROM_LIDAR)[:3, :3], [0.0, 0.0, 1.65]))
CORNERS = np.array([[x, y, z] for x in (-2, 2) for y in (-1, 1) for z in (0, 1.5)], float)


def actor(x: float, y: float = 0.0, degrees: float = 0.0, category: str = "vehicle.car", variant: str = "") -> Actor:
    model = StreetModel(CORNERS, np.zeros((0, 3), np.int32), np.zeros((0, 3), np.uint8), variant)
    return Actor(1, category, model, x, y, 0.0, float(np.radians(degrees)), (0.0, 0.0))


@pytest.mark.parametrize(("degrees", "rotation"), [(0, -90), (30, -120), (90, 180), (-90, 0), (-150, 60)])
def test_directions_are_counted_from_the_right_of_the_camera_downwards(degrees: float, rotation: float) -> None:
    found = actor_object(actor(20, 5, degrees), CAMERA, intrinsics(*SIZE), SIZE, 50, 50)
    assert found is not None
    off = np.degrees(found.rotation_y) - rotation
    assert abs((off + 180) % 360 - 180) < 1e-9
    assert found.place == pytest.approx((-5, 1.65, 20)) and found.size == pytest.approx((1.5, 2, 4))
    seen = found.rotation_y - np.arctan2(-5, 20)
    assert np.cos(found.alpha) == pytest.approx(np.cos(seen)) and np.sin(found.alpha) == pytest.approx(np.sin(seen))


def test_rectangles_are_cut_at_the_edge_of_the_picture() -> None:
    whole = actor_object(actor(20), CAMERA, intrinsics(*SIZE), SIZE, 50, 50)
    assert whole is not None and whole.truncated == pytest.approx(0)
    focal = intrinsics(*SIZE)[0, 0]
    # The corners at 18 m are the widest.
    assert whole.rectangle[2] - whole.rectangle[0] == pytest.approx(2 * focal / 18)
    cut = actor_object(actor(12, 9), CAMERA, intrinsics(*SIZE), SIZE, 50, 50)
    assert cut is not None and 0.1 < cut.truncated < 0.9 and cut.rectangle[0] == 0
    for behind in (actor(-10), actor(10, 60)):
        assert actor_object(behind, CAMERA, intrinsics(*SIZE), SIZE, 50, 50) is None


@pytest.mark.parametrize(("shown", "level"), [(100, 0), (60, 1), (20, 2)])
def test_hidden_shares_have_levels(shown: int, level: int) -> None:
    found = actor_object(actor(20), CAMERA, intrinsics(*SIZE), SIZE, shown, 100)
    assert found is not None and (found.occluded, found.type) == (level, "Car")


def test_types() -> None:
    def kind(category: str, variant: str = "", shown: int = 50) -> str | None:
        found = actor_object(actor(20, category=category, variant=variant), CAMERA, intrinsics(*SIZE), SIZE, shown, 50)
        return None if found is None else found.type

    assert (
        kind("human.pedestrian.adult") == "Pedestrian" and kind("human.pedestrian.adult", "sitting") == "Person_sitting"
    )
    assert kind("vehicle.trailer") == "Misc" and kind("vehicle.bicycle") is None
    small = actor_object(actor(20), CAMERA, intrinsics(*SIZE), SIZE, 3, 50)
    assert small is not None and object_line(small).startswith("DontCare -1 -1 -10 ")
    assert len(object_line(small).split()) == 15

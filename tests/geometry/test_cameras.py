import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from concord3d.geometry.cameras import orbit_cameras

angles = st.floats(-360, 360)


@given(azimuth=angles, elevation=st.floats(-90, 90))
def test_rotations_are_proper_and_look_at_the_origin(azimuth: float, elevation: float) -> None:
    cameras = orbit_cameras([azimuth], [elevation], image_size=64, distance=3.0)
    rotation = cameras.rotation[0]
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9) and np.linalg.det(rotation) > 0
    pixels, depth = cameras.project(np.zeros((1, 3)))
    assert np.allclose(pixels, 32) and np.allclose(depth, 3)
    assert np.allclose(np.linalg.norm(cameras.centers, axis=1), 3)


def test_the_front_view_shows_right_and_up_as_written() -> None:
    cameras = orbit_cameras([0, 90], 0.0, image_size=100)
    assert np.allclose(cameras.centers, [[0, 0, 2.6], [2.6, 0, 0]], atol=1e-12)
    pixels, _ = cameras.project(np.array([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]))
    assert pixels[0, 0, 0] > 50 and np.isclose(pixels[0, 0, 1], 50)  # +x is right of the middle, seen from the front
    assert pixels[0, 1, 1] < 50  # +y is above the middle
    assert pixels[1, 2, 0] < 50  # seen from +x, the front (+z) is on the left


@given(azimuth=angles, point=st.tuples(*[st.floats(-0.57, 0.57)] * 3))
def test_the_default_camera_sees_the_unit_sphere_whole(azimuth: float, point: tuple[float, float, float]) -> None:
    pixels, depth = orbit_cameras([azimuth], 25.0, image_size=64).project(np.array([point]))
    assert depth.min() > 0 and pixels.min() >= 0 and pixels.max() <= 64

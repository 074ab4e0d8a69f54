"""Which face each pixel sees, and what happens without the library that casts the rays."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest

from concord3d.errors import BadMesh, DependencyMissing, SystemLibraryMissing
from concord3d.geometry.cameras import orbit_cameras
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.ray_casting import RayCaster, import_open3d


def walls() -> Mesh:
    """A near triangle pair (faces 0, 1) before a far, larger one (faces 2, 3); the front looks along +z."""
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    near, far = square * 0.2 + [0, 0, 0.5], square * 0.6 - [0, 0, 0.5]
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Mesh(np.concatenate([near, far]).astype(np.float32), np.concatenate([faces, faces + 4]))


def test_the_nearest_face_is_seen_with_its_depth() -> None:
    hits = RayCaster(1).cast(walls(), orbit_cameras([0, 180], 0, image_size=33))
    front, back = hits.face[0, 16, 16], hits.face[1, 16, 16]
    assert front in (0, 1) and back in (2, 3)
    assert hits.depth[:, 16, 16] == pytest.approx([2.1, 2.1], abs=1e-5)
    assert {-1, 2} <= set(hits.face[0].ravel().tolist())
    assert (hits.depth[hits.face < 0] == 0).all() and (hits.depth[hits.face >= 0] > 2).all()
    # From the front the near wall covers the middle alone, from behind the far one hides it.
    assert set(hits.face[1].ravel().tolist()) == {-1, 2, 3}


def test_what_is_seen_does_not_depend_on_threads_or_earlier_cameras() -> None:
    caster, mesh = RayCaster(2), walls()
    rings = [orbit_cameras([20, 75], 30.0, image_size=24), orbit_cameras([200], -10.0, image_size=16)]
    for cameras in [*rings, rings[0]]:
        kept, fresh = caster.cast(mesh, cameras), RayCaster(1).cast(mesh, cameras)
        np.testing.assert_array_equal(kept.face, fresh.face)
        np.testing.assert_array_equal(kept.depth, fresh.depth)


def test_single_rays_meet_the_nearest_face_at_a_distance_in_lengths_of_their_direction() -> None:
    rays = np.array(
        [[0, 0, 2, 0, 0, -1], [0, 0, 2, 0, 0, -2], [0, 0, -2, 0, 0, 1], [0, 0, 2, 0, 0, 1], [0.4, 0.1, 2, 0, 0, -1]],
        np.float32,
    )
    hits = RayCaster(1).scene(walls()).cast(rays)
    assert hits.distance[:3] == pytest.approx([1.5, 0.75, 1.5]) and np.isinf(hits.distance[3])
    assert hits.distance[4] == pytest.approx(2.5)
    assert hits.face[0] in (0, 1) and hits.face[2] in (2, 3) and hits.face[3] == -1 and hits.face[4] in (2, 3)


def test_a_mesh_without_faces_is_refused() -> None:
    with pytest.raises(BadMesh):
        RayCaster(1).cast(Mesh(walls().vertices, walls().faces[:0]), orbit_cameras([0], 0, image_size=16))


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (ModuleNotFoundError("No module named 'open3d'"), DependencyMissing, "not installed"),
        (OSError("libusb-1.0.so.0: cannot open shared object file"), SystemLibraryMissing, "libusb-1.0-0"),
        (ImportError("libGL.so.1: cannot open shared object file"), SystemLibraryMissing, "apt-get install .*libgl1"),
        (ImportError("libEGL.so.1: cannot open shared object file"), SystemLibraryMissing, "apt-get install .*libegl1"),
        (ImportError("libnew.so.7: cannot open shared object file"), SystemLibraryMissing, "libnew.so.7"),
        (ImportError("undefined symbol: _ZN3foo"), DependencyMissing, "undefined symbol"),
    ],
)
def test_absence_is_named(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, kind: type[DependencyMissing], message: str
) -> None:
    original = builtins.__import__

    def failing_import(name: str, *args: object, **kwargs: object) -> object:
        if name == "open3d":
            raise failure
        return original(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "open3d", raising=False)
    monkeypatch.setattr(builtins, "__import__", failing_import)
    with pytest.raises(kind, match=message):
        import_open3d()

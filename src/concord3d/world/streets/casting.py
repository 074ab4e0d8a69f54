"""A street made ready for the rays of LiDARs and cameras."""

from __future__ import annotations

from functools import cache

from concord3d.geometry.ray_casting import RayCaster, RayScene
from concord3d.world.streets.meshes import LabelledMesh
from concord3d.world.streets.street import Street


@cache
def _caster() -> RayCaster:
    # Data sets are built by several processes, each with one thread.
    return RayCaster(1)


def ready_for_rays(street: Street, time: float) -> tuple[RayScene, LabelledMesh]:
    """Return a street as it stands at a time in seconds, for rays and with its labels."""
    mesh = street.mesh_at(time)
    return ready_mesh(mesh), mesh


def ready_mesh(mesh: LabelledMesh) -> RayScene:
    """Return a mesh for rays."""
    return _caster().scene(mesh.mesh)

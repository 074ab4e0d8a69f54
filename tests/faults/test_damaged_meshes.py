"""Mesh files with bytes changed, lost or put in at any place: a mesh or a named error, never a raw one."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from concord3d.data.formats.mesh_files import read_colored_mesh
from concord3d.errors import ConcordError
from concord3d.geometry.mesh import sample_surface

PUT_IN = [b"-", b"9999999999", b"\n", b" ", b"nan", b"#"]
SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
FACES = [[0, 1, 2], [0, 2, 3]]
OBJ = (
    "mtllib a.mtl\nv 0 0 0 1 0 0\nv 1 0 0 1 0 0\nv 1 1 0 0 0 1\nv 0 1 0\nvt 0 0\nvt 1 1\nusemtl m\nf 1/1 2/2 3/1 4/2\n"
)
PLY = (
    "ply\nformat ascii 1.0\nelement vertex 4\n"
    "property float x\nproperty float y\nproperty float z\nproperty uchar red\n"
    "property uchar green\nproperty uchar blue\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
    "0 0 0 1 2 3\n1 0 0 1 2 3\n1 1 0 1 2 3\n0 1 0 1 2 3\n4 0 1 2 3\n"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    visual = trimesh.visual.TextureVisuals(
        uv=SQUARE[:, :2],
        material=trimesh.visual.material.PBRMaterial(baseColorTexture=Image.new("RGB", (2, 2), (9, 8, 7))),
    )
    trimesh.Trimesh(SQUARE, FACES, visual=visual, process=False).export(folder / "a.glb")
    trimesh.Trimesh(SQUARE, FACES, process=False).export(folder / "b.ply")
    return {
        ".glb": (folder / "a.glb").read_bytes(),
        ".off": b"COFF\n4 1 0\n0 0 0 1 2 3\n1 0 0 1 2 3\n1 1 0 1 2 3\n0 1 0 1 2 3\n4 0 1 2 3\n",
        ".obj": OBJ.encode(),
        ".PLY": PLY.encode(),
        ".ply": (folder / "b.ply").read_bytes(),
    }


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_named(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], data: st.DataObject
) -> None:
    suffix = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(len(content) - 1, 0)))
        lost = data.draw(st.integers(0, 6))
        put_in = data.draw(st.one_of(st.binary(max_size=4), st.sampled_from(PUT_IN)))
        content[place : place + lost] = put_in
    path = tmp_path_factory.mktemp("damaged") / f"a{suffix}"
    path.write_bytes(content)
    try:
        mesh, colors = read_colored_mesh(path)
        sample = sample_surface(mesh, 8, np.random.default_rng(0), path)
    except ConcordError as error:
        assert path.name in str(error)
    else:
        assert np.isfinite(sample.points).all() or not np.isfinite(mesh.face_areas()).all()
        assert colors is None or colors.at(sample).shape == (8, 3)

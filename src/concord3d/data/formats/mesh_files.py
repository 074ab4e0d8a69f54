"""Mesh files of every format, read by their suffix."""

from __future__ import annotations

import logging
from pathlib import Path

from concord3d.data.formats.findings import Findings
from concord3d.data.formats.gltf import read_gltf
from concord3d.data.formats.linked_files import LinkedFiles
from concord3d.data.formats.obj import read_obj
from concord3d.data.formats.off import read_off
from concord3d.data.formats.ply import read_ply_mesh
from concord3d.errors import UnreadableFile
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.surface_colors import SurfaceColors

_log = logging.getLogger(__name__)

_READERS = {".glb": read_gltf, ".gltf": read_gltf, ".obj": read_obj, ".ply": read_ply_mesh}
MESH_SUFFIXES = (".glb", ".gltf", ".obj", ".off", ".ply")


def read_mesh(path: Path, root: Path | None = None, findings: Findings | None = None) -> Mesh:
    """Read a mesh; see :func:`read_colored_mesh`.

    Returns:
        The mesh; several parts are joined with their transforms, and the colour of a face is the mean over it. Where
        only some parts have colours the others are light grey.
    """
    return read_colored_mesh(path, root, findings)[0]


def read_colored_mesh(
    path: Path, root: Path | None = None, findings: Findings | None = None
) -> tuple[Mesh, SurfaceColors | None]:
    """Read a mesh with the colour of every point of its surface.

    A material's picture that is absent, or is no picture, leaves the material's own colour (in glTF white by default).

    Args:
        path: The file: OFF, glTF, OBJ or PLY by its suffix, in letters of any case.
        root: Folder of the data set, in which the pictures that the mesh names must lie; by default the folder above
            the mesh's own.
        findings: Receives what was met and left out; by default the log does.

    Returns:
        The mesh as from :func:`read_mesh`, and its colours, or None where no part has any.

    Raises:
        UnreadableFile: Truncated, of another format, it needs what is not read, or a picture breaks off.
        BadMesh: No faces, broken indices or values that are not finite.
    """
    if findings is None:
        own = Findings()
        read = read_colored_mesh(path, root, own)
        for sentence in own.sentences():
            _log.warning("%s: %s", path, sentence)
        return read
    suffix = path.suffix.lower()
    if suffix == ".off":
        return read_off(path, findings)
    if suffix not in _READERS:
        raise UnreadableFile("No format of meshes", where=path, expected=", ".join(MESH_SUFFIXES), found=path.suffix)
    folder = path.absolute().parent
    return _READERS[suffix](path, LinkedFiles(path, root or folder.parent, findings))

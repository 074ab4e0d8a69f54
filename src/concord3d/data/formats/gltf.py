"""Meshes in glTF 2.0, binary (.glb) or text (.gltf).

The meshes of the scene are read as its nodes place them. What moves is read at rest: morph targets with the weights
that the document gives, and skinned meshes as they were modelled, placed by their node (joints are not followed).

Shape legend: V vertices, F faces.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.gltf_document import DRACO, GltfDocument
from concord3d.data.formats.gltf_materials import GltfMaterials
from concord3d.data.formats.linked_files import LinkedFiles, unsupported
from concord3d.data.formats.mesh_parts import MeshPart, joined
from concord3d.data.layout import NEXT_STEP
from concord3d.errors import ConcordError, UnreadableFile
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.surface_colors import SurfaceColors

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
# What a document that contradicts itself leads to.
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RecursionError,
)
_INSTANCES = "EXT_mesh_gpu_instancing"


def read_gltf(path: Path, files: LinkedFiles) -> tuple[Mesh, SurfaceColors | None]:
    """Read the triangles of a scene.

    Args:
        path: The file.
        files: Where the files that it names lie.

    Raises:
        UnreadableFile: Truncated, of another format, or it needs an extension that is not read.
        BadMesh: No triangles, broken indices or values that are not finite.
    """
    try:
        document = GltfDocument.open(path, files)
        parts = list(_parts(document))
    except ConcordError:
        raise
    except _DAMAGE as error:
        raise UnreadableFile("Cannot read a glTF mesh", where=path, found=repr(error), next_step=NEXT_STEP) from error
    return joined(parts, path, files.findings)


def _parts(document: GltfDocument) -> Iterator[MeshPart]:
    materials = GltfMaterials(document)
    made: dict[tuple[int, int], tuple[NDArray[np.integer], SurfaceColors | None]] = {}
    for node, frame in _placed_nodes(document):
        mesh = document.item("meshes", node["mesh"])
        for number, primitive in enumerate(mesh["primitives"]):
            if primitive.get("mode", _TRIANGLES) not in (_TRIANGLES, _STRIP, _FAN):
                document.files.findings.note("meshes with points or lines, which have no surface", document.path.name)
                continue
            vertices = _positions(document, primitive, node.get("weights", mesh.get("weights", [])))
            key = (node["mesh"], number)
            if key not in made:
                faces = _faces(document, primitive, len(vertices))
                made[key] = faces, _colors(materials, primitive, faces, len(vertices))
            yield _placed(MeshPart(vertices, *made[key]), frame)


def _colors(
    materials: GltfMaterials, primitive: dict[str, Any], faces: NDArray[np.integer], num_vertices: int
) -> SurfaceColors | None:
    # Faces beyond the vertices are named when the parts are joined.
    if not len(faces) or faces.max() >= num_vertices:
        return None
    return materials.colors(primitive, faces, num_vertices)


def _placed_nodes(document: GltfDocument) -> Iterator[tuple[dict[str, Any], NDArray[np.float64]]]:
    """Yield the nodes of the scene that have a mesh, and the frame of the scene from theirs."""
    content = document.content
    nodes = content.get("nodes", [])
    if content.get("scenes"):
        roots = document.item("scenes", content.get("scene", 0)).get("nodes", [])
    else:
        children = {child for node in nodes for child in node.get("children", [])}
        roots = [index for index in range(len(nodes)) if index not in children]
    waiting, seen = [(index, np.eye(4)) for index in roots], set[int]()
    while waiting:
        index, parent = waiting.pop()
        if index in seen:
            raise ValueError(f"nodes[{index}] has two parents, or is its own")
        seen.add(index)
        node = document.item("nodes", index)
        if not node.get("extensions", {}).get("KHR_node_visibility", {}).get("visible", True):
            continue
        frame = parent @ _matrix(node)
        waiting += [(child, frame) for child in node.get("children", [])]
        if "mesh" in node:
            if _INSTANCES in node.get("extensions", {}):
                raise unsupported(document.path, _INSTANCES)
            yield node, frame


def _matrix(node: dict[str, Any]) -> NDArray[np.float64]:
    from trimesh import transformations

    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", [0, 0, 0, 1])
    moved = np.asarray(transformations.translation_matrix(node.get("translation", [0, 0, 0])))
    turned = np.dot(moved, transformations.quaternion_matrix([w, x, y, z]))
    return np.dot(turned, np.diag([*node.get("scale", [1, 1, 1]), 1.0]))


def _positions(document: GltfDocument, primitive: dict[str, Any], weights: list[float]) -> NDArray[np.float64]:
    """Return (V, 3) the vertices of a primitive, moved by its morph targets."""
    _refuse_compressed(document, primitive)
    vertices = _vectors(document, primitive["attributes"], "POSITION")
    for weight, target in zip(weights, primitive.get("targets", []), strict=False):
        if weight and "POSITION" in target:
            vertices = vertices + weight * _vectors(document, target, "POSITION")
    return vertices


def _vectors(document: GltfDocument, attributes: dict[str, Any], name: str) -> NDArray[np.float64]:
    found = document.numbers(attributes[name])
    if found.shape[1] != 3:
        raise ValueError(f"{name} {found.shape}, where three coordinates belong")
    return found.astype(np.float64)


def _refuse_compressed(document: GltfDocument, primitive: dict[str, Any]) -> None:
    accessor = document.item("accessors", primitive["attributes"]["POSITION"])
    if DRACO in primitive.get("extensions", {}) and not {"bufferView", "sparse"} & accessor.keys():
        raise unsupported(document.path, DRACO)


def _faces(document: GltfDocument, primitive: dict[str, Any], num_vertices: int) -> NDArray[np.int64]:
    """Return (F, 3) the triangles of a list, a strip or a fan (section 3.7.2.1); a rest of one or two is left out."""
    if "indices" in primitive:
        indices = document.numbers(primitive["indices"])
        if indices.shape[1] != 1 or indices.dtype.kind != "u":
            raise ValueError(f"indices {indices.shape} of {indices.dtype}, where whole numbers belong")
        order = indices[:, 0].astype(np.int64)
    else:
        order = np.arange(num_vertices, dtype=np.int64)
    mode = primitive.get("mode", _TRIANGLES)
    if mode == _TRIANGLES:
        return order[: len(order) // 3 * 3].reshape(-1, 3)
    k = np.arange(max(len(order) - 2, 0))
    if mode == _STRIP:
        return np.stack([order[k], order[k + 1 + k % 2], order[k + 2 - k % 2]], axis=1)
    return np.stack([order[k + 1], order[k + 2], np.full(len(k), order[0] if len(order) else 0)], axis=1)


def _placed(part: MeshPart, frame: NDArray[np.float64]) -> MeshPart:
    """Return a part in the frame of the scene; a reflection turns its faces over (section 3.7.4)."""
    from trimesh import transformations

    vertices = transformations.transform_points(part.vertices, frame)
    if np.linalg.det(frame[:3, :3]) >= 0:
        return MeshPart(vertices, part.faces, part.colors)
    colors = part.colors
    if colors is not None:
        uv = None if colors.uv is None else colors.uv[:, ::-1]
        colors = SurfaceColors(colors.corners[:, ::-1], colors.picture_index, uv, colors.pictures, colors.linear)
    return MeshPart(vertices, part.faces[:, ::-1], colors)

"""CAD models beside scans: ShapeNetCore's files, Scan2CAD's alignments, SceneCAD's layouts (CrossOver spec 1.2, 1.7).

Frames: a CAD model has y up and its front towards -z, the middle of its box at the origin and a diagonal of 1.
Scan2CAD's world is the scan's frame with y up, moved.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix, rigid, to_quaternion, transformed
from concord3d.world.formats.text_rows import text_rows
from concord3d.world.rooms.furniture import FurnitureModel
from concord3d.world.rooms.kinds import KINDS
from concord3d.world.rooms.layouts import RoomLayout
from concord3d.world.rooms.objects import PlacedObject

Array = NDArray[np.float64]

SYMMETRIES = ("__SYM_NONE", "__SYM_ROTATE_UP_2", "__SYM_ROTATE_UP_4", "__SYM_ROTATE_UP_INF")
# From a model of furniture (z up, front towards +x) to a CAD model.
_CAD_AXES = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])
_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def cad_id(model: FurnitureModel) -> str:
    """Return the identifier of a model among those of ShapeNet."""
    return hashlib.blake2b(model.name.encode(), digest_size=16).hexdigest()


def write_cad_model(root: Path, model: FurnitureModel) -> None:
    """Write ``<synset>/<id>/models/model_normalized.obj``, unless it is there.

    Args:
        root: Folder of ShapeNetCore.
        model: A model of a kind that ShapeNetCore has.
    """
    path = root / str(KINDS[model.kind].synset) / cad_id(model) / "models" / "model_normalized.obj"
    if path.exists():
        return
    middle, diagonal = _middle(model), _diagonal(model)
    vertices = (model.vertices - middle) @ _CAD_AXES.T / diagonal
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = text_rows("v %.6f %.6f %.6f\n", list(vertices.T)) + text_rows("f %d %d %d\n", list(model.faces.T + 1))
    path.write_text(lines)


def scan2cad_record(scan: str, objects: list[PlacedObject], raw_from_room: Matrix) -> dict[str, Any]:
    """Return the annotation of one scan.

    Args:
        scan: Its id.
        objects: Those of which a CAD model is placed.
        raw_from_room: (4, 4).
    """
    world_from_raw = rigid(_Y_UP, [0.35, 0.9, -0.6])
    return {
        "id_scan": scan,
        "trs": _trs(world_from_raw, np.ones(3)),
        "n_aligned_models": len(objects),
        "aligned_models": [_aligned(one, world_from_raw @ raw_from_room) for one in objects],
    }


def _aligned(one: PlacedObject, world_from_room: Matrix) -> dict[str, Any]:
    kind, model = KINDS[one.kind], one.model
    scale = np.abs(_CAD_AXES @ one.scale) * _diagonal(model)
    room_from_cad = one.pose @ rigid(_CAD_AXES.T, one.scale * _middle(model))
    half = np.abs(_CAD_AXES @ model.size) / _diagonal(model) / 2
    return {
        "catid_cad": kind.synset,
        "id_cad": cad_id(model),
        "sym": SYMMETRIES[kind.symmetry],
        "center": [0.0, 0.0, 0.0],
        "bbox": half.tolist(),
        "trs": _trs(world_from_room @ room_from_cad, scale),
    }


def _trs(matrix: Matrix, scale: Array) -> dict[str, list[float]]:
    return {
        "translation": matrix[:3, 3].tolist(),
        "rotation": to_quaternion(matrix[:3, :3]),
        "scale": scale.tolist(),
    }


def _middle(model: FurnitureModel) -> Array:
    middle: Array = (model.vertices.min(axis=0) + model.vertices.max(axis=0)) / 2
    return middle


def _diagonal(model: FurnitureModel) -> float:
    return float(np.linalg.norm(model.size))


def scenecad_layout(layout: RoomLayout, raw_from_room: Matrix, rng: np.random.Generator) -> dict[str, Any]:
    """Return the corners, edges and faces of a shell, as somebody annotated them, to about a centimetre.

    Args:
        layout: The shell.
        raw_from_room: (4, 4).
        rng: Source of the annotator's inaccuracy.
    """
    count = len(layout.outline)
    low = np.column_stack([layout.outline, np.zeros(count)])
    corners = np.concatenate([low, low + np.array([0.0, 0.0, layout.height])])
    raw = transformed(corners, raw_from_room) + rng.normal(0, 0.01, corners.shape)
    ring = np.arange(count)
    following = np.roll(ring, -1)
    edges = np.concatenate([
        np.stack([ring, following], axis=1), np.stack([ring, following], axis=1) + count,
        np.stack([ring, ring + count], axis=1),
    ])  # fmt: skip
    quads = np.stack([ring, following, following + count, ring + count], axis=1)
    # A reader maps (x, y, z) to (x, -z, y).
    stored = raw[:, [0, 2, 1]] * np.array([1.0, 1.0, -1.0])
    return {"verts": stored.round(5).tolist(), "edges": edges.tolist(), "quads": quads.tolist()}

"""CAD models beside ScanNet: Scan2CAD's alignments, ShapeNetCore's meshes, SceneCAD's layouts (CrossOver spec 1.7).

Shape legend: E layout edges.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.json_files import form_named, read_json
from concord3d.data.formats.mesh_files import read_mesh
from concord3d.data.scans.cad_models import PlacedModel
from concord3d.errors import BadMesh, DatasetMissing
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.rigid import Matrix, from_quaternion, transformed

_log = logging.getLogger(__name__)
_KEPT_MESHES = 64


class CadAnnotations:
    """Which CAD models stand where.

    Args:
        alignments: ``full_annotations.json``.
        shapenet: Folder of ShapeNetCore v2.

    Raises:
        DatasetMissing: The file or the folder is absent.
        UnreadableFile: The file is truncated or of another form.
    """

    def __init__(self, alignments: Path, shapenet: Path) -> None:
        self._path, self._shapenet = alignments, shapenet
        if not shapenet.is_dir():
            raise DatasetMissing(
                "The CAD models of ShapeNetCore are missing",
                where=shapenet,
                next_step="unpack ShapeNetCore.v2 into this folder",
            )
        records = read_json(alignments)
        with form_named(alignments):
            self._records: dict[str, dict[str, Any]] = {record["id_scan"]: record for record in records}
        self._mesh = lru_cache(_KEPT_MESHES)(self._read)

    def placed(self, scan: str, scan_from_raw: Matrix) -> list[PlacedModel]:
        """Return the models of a scan in the order of the annotation; those that ShapeNetCore lacks are left out.

        Args:
            scan: Its identifier.
            scan_from_raw: (4, 4) from the scan's raw frame to that of its points.

        Raises:
            UnreadableFile: The annotation has another form, or a model is damaged.
        """
        record = self._records.get(scan)
        if record is None:
            return []
        found, lacking = [], []
        with form_named(self._path):
            scan_from_world = scan_from_raw @ np.linalg.inv(_placement(record["trs"]))
            wanted = [
                (f"{model['catid_cad']}/{model['id_cad']}", scan_from_world @ _placement(model["trs"]))
                for model in record["aligned_models"]
            ]
        for name, matrix in wanted:
            mesh = self._mesh(name)
            if mesh is None:
                lacking.append(name)
            else:
                found.append(PlacedModel(name, mesh, matrix))
        if lacking:
            _log.warning("%s: %d CAD models are not in %s, first: %s", scan, len(lacking), self._shapenet, lacking[0])
        return found

    def _read(self, name: str) -> Mesh | None:
        path = self._shapenet / name / "models" / "model_normalized.obj"
        if not path.is_file():
            return None
        try:
            mesh = read_mesh(path)
        except BadMesh as error:
            _log.warning("a CAD model is left out: %s", error)
            return None
        return mesh if mesh.face_areas().sum() > 0 else None


def _placement(trs: dict[str, Any]) -> Matrix:
    """Return the (4, 4) matrix that scales, then turns, then moves."""
    matrix = from_quaternion(trs["rotation"], trs["translation"])
    matrix[:3, :3] = matrix[:3, :3] * np.asarray(trs["scale"], dtype=np.float64)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
        raise ValueError("a placement that is not finite or flattens")
    return matrix


def read_layout(path: Path, scan_from_raw: Matrix) -> NDArray[np.float64]:
    """Read the edges of a SceneCAD layout.

    Args:
        path: ``<scan>.json``; where it is absent there are no edges.
        scan_from_raw: (4, 4) from the scan's raw frame to that of its points.

    Returns:
        (E, 2, 3) ends of edges.

    Raises:
        UnreadableFile: The file is truncated or of another form.
    """
    if not path.is_file():
        return np.zeros((0, 2, 3))
    content = read_json(path)
    with form_named(path):
        stored = np.array(content["verts"], dtype=np.float64).reshape(-1, 3)
        edges = np.array(content["edges"], dtype=np.int64).reshape(-1, 2)
        if len(edges) and not 0 <= edges.min() <= edges.max() < len(stored):
            raise ValueError(f"an edge with the corner {edges.max()} of {len(stored)}")
        if not np.isfinite(stored).all():
            raise ValueError("corners that are not finite")
    raw = np.stack([stored[:, 0], -stored[:, 2], stored[:, 1]], axis=1)
    return transformed(raw, scan_from_raw)[edges]

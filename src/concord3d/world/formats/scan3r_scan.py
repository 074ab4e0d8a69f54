"""The files of one 3RScan scan, and those that list all (CrossOver spec 1.2).

Shape legend: V vertices, F faces, N frames, H and W image height and width.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.files import canonical_json
from concord3d.geometry.rigid import Matrix
from concord3d.world.formats.ply import colored_columns, ply_bytes
from concord3d.world.formats.scan_parts import LABEL_COLORS, jpegs, over_segmentation, zip_bytes
from concord3d.world.formats.text_rows import text_rows
from concord3d.world.rooms.kinds import KINDS

DEPTH_SHIFT = 1000
_LABELS = sorted({kind.label for kind in KINDS.values()})
# Numbers of the coarser lists of classes are made up: nothing reads them.
_EIGEN13, _RIO27, _RIO7 = 13, 27, 7


@dataclass(frozen=True, eq=False)
class ScanFiles:
    """What the files of one scan say.

    Attributes:
        name: Its id.
        vertices: (V, 3) float32 in the scanner's frame.
        faces: (F, 3) int32.
        colors: (V, 3) uint8.
        instance: (V,) int32 identity of the object, 0 where there is none.
        kinds: Kind of every object by its identity.
        color: (N, H, W, 3) uint8.
        depth: (N, H, W) float32 metres.
        poses: (N, 4, 4) from the cameras to the scanner's frame.
        focal: In pixels.
    """

    name: str
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]
    instance: NDArray[np.int32]
    kinds: dict[int, str]
    color: NDArray[np.uint8]
    depth: NDArray[np.float32]
    poses: Matrix
    focal: float


def write_scan(folder: Path, scan: ScanFiles) -> None:
    """Write all files of a scan into its folder; they are not synced one by one.

    Args:
        folder: Named by its id.
        scan: What they say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_labels(folder / "labels.instances.annotated.v2.ply", scan)
    _write_textured_mesh(folder, scan)
    segments, of_object = over_segmentation(scan.vertices, scan.instance)
    (folder / "mesh.refined.0.010000.segs.v2.json").write_text(
        canonical_json({"sceneId": scan.name, "segIndices": segments.tolist()})
    )
    groups = [
        {
            "objectId": identity, "id": identity, "partId": identity, "index": number, "label": KINDS[kind].label,
            "segments": of_object[identity], "dominantNormal": [0.0, 0.0, 1.0],
            "obb": _box(scan.vertices[scan.instance == identity]),
        }
        for number, (identity, kind) in enumerate(scan.kinds.items())
    ]  # fmt: skip
    (folder / "semseg.v2.json").write_text(canonical_json({"scan_id": scan.name, "segGroups": groups}))
    (folder / "sequence.zip").write_bytes(_sequence(scan))


def _write_labels(path: Path, scan: ScanFiles) -> None:
    of_identity = np.zeros((1 + max(scan.kinds, default=0), 2), dtype=np.int32)
    for identity, kind in scan.kinds.items():
        of_identity[identity] = global_id(kind), KINDS[kind].nyu40_index
    general, nyu40 = of_identity[scan.instance].T
    columns = colored_columns(scan.vertices, LABEL_COLORS[nyu40]) | {
        "objectId": scan.instance.astype(np.uint16), "globalId": general.astype(np.uint16),
        "NYU40": nyu40.astype(np.uint8), "Eigen13": (nyu40 % (_EIGEN13 + 1)).astype(np.uint8),
        "RIO27": (nyu40 % (_RIO27 + 1)).astype(np.uint8),
    }  # fmt: skip
    path.write_bytes(ply_bytes(columns, scan.faces, text=True))


def _write_textured_mesh(folder: Path, scan: ScanFiles) -> None:
    """Write the mesh whose picture has one pixel for every vertex, so that its colours are those of the vertices."""
    from PIL import Image

    count = len(scan.vertices)
    side = int(np.ceil(np.sqrt(count)))
    texture = np.zeros((side * side, 3), dtype=np.uint8)
    texture[:count] = scan.colors
    Image.fromarray(texture.reshape(side, side, 3)).save(folder / "mesh.refined_0.png", compress_level=1)
    (folder / "mesh.refined.mtl").write_text("newmtl textured\nKd 1 1 1\nmap_Kd mesh.refined_0.png\n")
    row, column = np.divmod(np.arange(count), side)
    places = np.stack([(column + 0.5) / side, 1 - (row + 0.5) / side], axis=1)
    corners = list(np.repeat(scan.faces + 1, 2, axis=1).T)
    (folder / "mesh.refined.v2.obj").write_text(
        "mtllib mesh.refined.mtl\nusemtl textured\n"
        + text_rows("v %.6f %.6f %.6f\n", list(scan.vertices.T))
        + text_rows("vt %.6f %.6f\n", list(places.T))
        + text_rows("f %d/%d %d/%d %d/%d\n", corners)
    )


def _box(points: NDArray[np.float32]) -> dict[str, list[float]]:
    low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
    return {
        "centroid": ((low + high) / 2).tolist(),
        "axesLengths": (high - low).tolist(),
        "normalizedAxes": np.eye(3).ravel().tolist(),
    }


def _sequence(scan: ScanFiles) -> bytes:
    height, width = scan.depth.shape[1:]
    intrinsic = np.eye(4)
    intrinsic[:2, [0, 1, 2]] = [[scan.focal, 0, (width - 1) / 2], [0, scan.focal, (height - 1) / 2]]
    calibration, unit = _numbers(intrinsic), _numbers(np.eye(4))
    facts = {
        "m_versionNumber": 4, "m_sensorName": "World", "m_colorWidth": width, "m_colorHeight": height,
        "m_depthWidth": width, "m_depthHeight": height, "m_depthShift": DEPTH_SHIFT,
        "m_calibrationColorIntrinsic": calibration, "m_calibrationColorExtrinsic": unit,
        "m_calibrationDepthIntrinsic": calibration, "m_calibrationDepthExtrinsic": unit,
        "m_frames.size": len(scan.depth),
    }  # fmt: skip
    files: dict[str, bytes | str] = {"_info.txt": "".join(f"{name} = {value}\n" for name, value in facts.items())}
    millimetres = np.rint(scan.depth * DEPTH_SHIFT).clip(0, 65535).astype(">u2")
    for number, picture in enumerate(jpegs(scan.color)):
        stem = f"frame-{number:06d}"
        files[f"{stem}.color.jpg"] = picture
        files[f"{stem}.depth.pgm"] = f"P5 {width} {height} 65535\n".encode() + millimetres[number].tobytes()
        files[f"{stem}.pose.txt"] = "".join(_numbers(row) + "\n" for row in scan.poses[number])
    return zip_bytes(files)


def _numbers(values: NDArray[np.floating]) -> str:
    return " ".join(f"{value:.8g}" for value in np.ravel(values))


def global_id(kind: str) -> int:
    """Return the number of a kind's label among all of 3RScan."""
    return 1 + _LABELS.index(KINDS[kind].label)


def object_records(scan: str, kinds: dict[int, str]) -> dict[str, Any]:
    """Return what ``objects.json`` of 3DSSG says of a scan.

    Args:
        scan: Its id.
        kinds: Kind of every object by its identity.
    """
    objects = [
        {
            "id": str(identity), "global_id": str(global_id(kind)), "label": KINDS[kind].label,
            "nyu40": str(KINDS[kind].nyu40_index), "attributes": {}, "affordances": [],
            "ply_color": f"#{bytes(LABEL_COLORS[KINDS[kind].nyu40_index].tolist()).hex()}",
        }
        for identity, kind in kinds.items()
    ]  # fmt: skip
    return {"scan": scan, "objects": objects}


def column_major(matrix: Matrix) -> list[float]:
    """Return the 16 numbers of a (4, 4) transformation as ``3RScan.json`` lists them, lengths in metres."""
    return matrix.ravel(order="F").tolist()


def class_mapping() -> str:
    """Return the table of labels: a row of headings, the names of the columns, and one row a label."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["3RScan", "", "NYU40", "", "Eigen13", "", "RIO27", "", "RIO7", ""])
    table.writerow(["Global ID", "Label", "", "NYU40 Mapping", "", "Eigen Mapping", "", "RIO27 Mapping", "",
                    "RIO7 Mapping"])  # fmt: skip
    table.writerows(_mapping_rows())
    return stream.getvalue()


def _mapping_rows() -> Sequence[Sequence[object]]:
    of_label = {kind.label: kind for kind in KINDS.values()}
    rows = []
    for number, label in enumerate(_LABELS, start=1):
        nyu40 = of_label[label].nyu40_index
        row: list[object] = [number, label, nyu40, of_label[label].nyu40]
        for count in (_EIGEN13, _RIO27, _RIO7):
            row += [nyu40 % (count + 1), f"class {nyu40 % (count + 1)}"]
        rows.append(row)
    return rows

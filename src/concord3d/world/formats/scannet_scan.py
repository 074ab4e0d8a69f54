"""The files of one ScanNet scan (CrossOver spec 1.2).

Shape legend: V vertices, F faces, N frames, H and W image height and width.
"""

from __future__ import annotations

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
from concord3d.world.formats.sens import sens_bytes
from concord3d.world.rooms.kinds import KINDS


@dataclass(frozen=True, eq=False)
class ScanFiles:
    """What the files of one scan say.

    Attributes:
        name: Its id.
        scene_type: Kind of room.
        vertices: (V, 3) float32 in the scanner's frame.
        faces: (F, 3) int32.
        colors: (V, 3) uint8.
        instance: (V,) int32 number of the object from 1, 0 where there is none.
        kinds: Kind of every object, in the order of the numbers.
        color: (N, H, W, 3) uint8.
        depth: (N, H, W) float32 metres.
        pixels: (N, H, W) int32 number of the object.
        poses: (N, 4, 4) from the cameras to the scanner's frame.
        focal: In pixels.
        room_from_raw: (4, 4) from the scanner's frame to the one along the walls.
    """

    name: str
    scene_type: str
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]
    instance: NDArray[np.int32]
    kinds: tuple[str, ...]
    color: NDArray[np.uint8]
    depth: NDArray[np.float32]
    pixels: NDArray[np.int32]
    poses: Matrix
    focal: float
    room_from_raw: Matrix


def write_scan(folder: Path, scan: ScanFiles) -> None:
    """Write all files of a scan into its folder; they are not synced one by one.

    Args:
        folder: ``scans/<id>``.
        scan: What they say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / scan.name
    classes = np.array([0] + [KINDS[kind].nyu40_index for kind in scan.kinds], dtype=np.uint16)
    labels = classes[scan.instance]
    columns = colored_columns(scan.vertices, scan.colors, alpha=True)
    _beside(stem, "_vh_clean_2.ply").write_bytes(ply_bytes(columns, scan.faces))
    labelled = colored_columns(scan.vertices, LABEL_COLORS[labels], alpha=True) | {"label": labels}
    _beside(stem, "_vh_clean_2.labels.ply").write_bytes(ply_bytes(labelled, scan.faces))
    segments, of_object = over_segmentation(scan.vertices, scan.instance)
    segment_file = f"{scan.name}_vh_clean_2.0.010000.segs.json"
    (folder / segment_file).write_text(
        canonical_json({
            "params": {"kThresh": "0.0100", "segMinVerts": "20", "minPoints": "750", "maxPoints": "30000"},
            "sceneId": scan.name, "segIndices": segments.tolist(),
        })
    )  # fmt: skip
    groups = [
        {"id": number, "objectId": number, "segments": of_object[number + 1], "label": KINDS[kind].label}
        for number, kind in enumerate(scan.kinds)
    ]
    aggregation = {"sceneId": f"scannet.{scan.name}", "appId": "Aggregator.v2", "segGroups": groups,
                   "segmentsFile": f"scannet.{segment_file}"}  # fmt: skip
    # The official release has both names; they say the same where, as here, one mesh was annotated.
    for suffix in (".aggregation.json", "_vh_clean.aggregation.json"):
        _beside(stem, suffix).write_text(canonical_json(aggregation))
    height, width = scan.depth.shape[1:]
    intrinsic = np.array([[scan.focal, 0, (width - 1) / 2], [0, scan.focal, (height - 1) / 2], [0, 0, 1]])
    _beside(stem, ".sens").write_bytes(sens_bytes(jpegs(scan.color), scan.depth, scan.poses, intrinsic))
    _beside(stem, "_2d-instance-filt.zip").write_bytes(_masks("instance-filt", scan.pixels.astype(np.uint8)))
    raw_labels = np.array([0] + [raw_label_id(KINDS[kind].label) for kind in scan.kinds], dtype=np.uint16)
    _beside(stem, "_2d-label-filt.zip").write_bytes(_masks("label-filt", raw_labels[scan.pixels]))
    _beside(stem, ".txt").write_text(_facts(scan, len(scan.depth), height, width))


def _beside(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _masks(name: str, masks: NDArray[np.unsignedinteger[Any]]) -> bytes:
    from PIL import Image

    files = {}
    for number, mask in enumerate(masks):
        stream = io.BytesIO()
        Image.fromarray(mask).save(stream, "PNG", compress_level=1)
        files[f"{name}/{number}.png"] = stream.getvalue()
    return zip_bytes(files)


def _facts(scan: ScanFiles, frames: int, height: int, width: int) -> str:
    unit = " ".join(f"{value:g}" for value in np.eye(4).ravel())
    centre = {"fx": scan.focal, "fy": scan.focal, "mx": (width - 1) / 2, "my": (height - 1) / 2}
    lines = {
        "axisAlignment": " ".join(f"{value:.8f}" for value in scan.room_from_raw.ravel()),
        "colorHeight": height,
        "colorToDepthExtrinsics": unit,
        "colorWidth": width,
        "depthHeight": height,
        "depthWidth": width,
        **{f"{name}_{camera}": f"{value:.6f}" for camera in ("color", "depth") for name, value in centre.items()},
        "numColorFrames": frames,
        "numDepthFrames": frames,
        "numIMUmeasurements": 0,
        "sceneType": scan.scene_type,
    }
    return "".join(f"{name} = {value}\n" for name, value in lines.items())


def raw_label_id(label: str) -> int:
    """Return the number of a raw label in the table of labels."""
    return 1 + _raw_labels().index(label)


def _raw_labels() -> list[str]:
    return sorted({kind.label for kind in KINDS.values()})


def label_table() -> str:
    """Return ``scannetv2-labels.combined.tsv`` for the labels of the world."""
    columns = ("id", "raw_category", "category", "count", "nyu40id", "eigen13id", "nyuClass", "nyu40class",
               "eigen13class", "ModelNet40", "ModelNet10", "ShapeNetCore55", "synsetoffset", "wnsynsetid",
               "wnsynsetkey", "mpcat40", "mpcat40index")  # fmt: skip
    by_label = {kind.label: kind for kind in KINDS.values()}
    rows: list[Sequence[object]] = []
    for label in _raw_labels():
        kind = by_label[label]
        offset = kind.synset or ""
        rows.append((raw_label_id(label), label, label, 1, kind.nyu40_index, 13, kind.nyu40, kind.nyu40, "Objects", "",
                     "", "", offset, f"n{offset}" if offset else "", "", label, 0))  # fmt: skip
    return "".join("\t".join(map(str, row)) + "\n" for row in (columns, *rows))

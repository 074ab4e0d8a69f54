"""ScanNet v2 with Scan2CAD, ShapeNetCore, SceneCAD and SceneVerse (CrossOver spec 1.1 to 1.8).

Layout: ``scannetv2_<split>.txt``, ``scannetv2-labels.combined.tsv``; ``scans/<scan>/`` with ``<scan>.sens``,
``<scan>.txt``, ``<scan>_vh_clean_2.ply``, ``<scan>_vh_clean_2.0.010000.segs.json``, ``<scan>.aggregation.json`` and
``<scan>_2d-instance-filt.zip``; ``Scan2CAD/full_annotations.json``, ``ShapeNetCore.v2/<category>/<model>/models/``,
``scannet_planes/<scan>.json`` and ``SceneVerse/ScanNet/annotations/refer/ssg_ref_rel2_template.json``.

Shape legend: N vertices, O objects, H and W height and width.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.json_files import form_named, read_json
from concord3d.data.formats.ply import read_ply_cloud
from concord3d.data.formats.scan2cad import CadAnnotations, read_layout
from concord3d.data.formats.scan_archive import ScanArchive
from concord3d.data.formats.sceneverse import read_referrals
from concord3d.data.formats.sens import SensFile
from concord3d.data.layout import NEXT_STEP, find_split, layout_folder, read_lines, required_file
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.scans.assembly import (
    Frame,
    Referral,
    cad_columns,
    frame_columns,
    referral_columns,
    tracked,
)
from concord3d.data.scans.cad_models import assigned_models
from concord3d.data.scans.floorplan import floorplan
from concord3d.data.scans.nyu40 import NAMES
from concord3d.data.scans.object_vertices import locations, object_boxes
from concord3d.data.scans.options import ScanOptions
from concord3d.data.scans.scan import Scan
from concord3d.data.stores.interface import StoreIdentity
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import DatasetCorrupt, DatasetMissing, UnreadableFile
from concord3d.geometry.mesh import Mesh
from concord3d.geometry.ray_casting import RayCaster
from concord3d.geometry.rigid import Matrix, transformed

_log = logging.getLogger(__name__)
_REFERRALS = "SceneVerse/ScanNet/annotations/refer/ssg_ref_rel2_template.json"


@dataclass(frozen=True)
class _Beside:
    """What files beside the scans say, read once for a split."""

    classes: dict[str, int]
    models: CadAnnotations
    referrals: dict[str, list[Referral]]
    layouts: Path
    caster: RayCaster
    options: ScanOptions


class ScanNet(Reader):
    """Scans with their pictures, CAD models, floorplans and sentences; an object's identifier is ``objectId + 1``."""

    kind = "scans"
    has_labels = False

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split, one scan at a time; arguments as in :meth:`Reader.read`.

        CAD models that ShapeNetCore lacks and sentences about objects that a scan lacks are left out, with a warning.

        Raises:
            DatasetMissing: A file or a mask is absent.
            UnreadableFile: A file is truncated, of another version or of another form.
            DatasetCorrupt: Segments are not as many as vertices.
        """
        folder, options = layout_folder(spec, root), spec.scans or ScanOptions()
        names = self._names(spec, root, split)
        beside = _Beside(
            _classes(required_file(spec, folder, "scannetv2-labels.combined.tsv")),
            CadAnnotations(folder / "Scan2CAD" / "full_annotations.json", folder / "ShapeNetCore.v2"),
            read_referrals(folder / _REFERRALS, first_id=1),
            folder / "scannet_planes",
            RayCaster(num_threads=1),
            options,
        )
        store = ScanSplit.of_scans(
            StoreIdentity(spec.id, split, data_kind),
            (_scan(folder / "scans" / name, name, beside) for name in names),
            options.key_frames,
            options.cad_points,
            (options.floorplan_pixels, options.floorplan_pixels),
        )
        return Reading(store, class_names=NAMES)

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        names = self._names(spec, root, split)
        missing = [name for name in names if not (layout_folder(spec, root) / "scans" / name).is_dir()]
        if missing:
            raise DatasetMissing(
                f"Scans of {spec.id}/{split} are missing",
                where=layout_folder(spec, root) / "scans",
                expected=f"all {len(names)} scans of the list",
                found=f"{len(missing)} absent, first: {missing[0]}",
                next_step=f"obtain '{spec.id}' ('concord3d status' lists the steps)",
            )
        return Census(len(names))

    def _names(self, spec: DatasetSpec, root: Path, split: str) -> list[str]:
        name = find_split(spec, split).list_file or f"scannetv2_{split}.txt"
        path = required_file(spec, layout_folder(spec, root), name)
        names = read_lines(path)
        if not names:
            raise DatasetMissing(f"No scan of {spec.id}/{split}", where=path, found="an empty list")
        return names


def _scan(folder: Path, name: str, beside: _Beside) -> Scan:
    facts = _facts(_file(folder, f"{name}.txt"))
    scan_from_raw = _alignment(facts, folder / f"{name}.txt")
    points, colors = read_ply_cloud(_file(folder, f"{name}_vh_clean_2.ply"))
    if colors is None:
        raise UnreadableFile("A mesh has no colours", where=folder / f"{name}_vh_clean_2.ply", next_step=NEXT_STEP)
    points = transformed(points, scan_from_raw).astype(np.float32)
    ids, labels, instance = _objects(folder, name, len(points))
    rows = np.where(instance > 0, np.searchsorted(ids, instance), -1)
    placed = beside.models.placed(name, scan_from_raw)
    edges = read_layout(beside.layouts / f"{name}.json", scan_from_raw)
    meshes = [Mesh(model.vertices().astype(np.float32), model.mesh.faces) for model in placed]
    referrals, lost = referral_columns(beside.referrals.get(name, []), ids)
    if lost:
        _log.warning("%s: %d sentences are about objects that it lacks", name, lost)
    recording = SensFile(_file(folder, f"{name}.sens"))
    with ScanArchive(folder / f"{name}_2d-instance-filt.zip", "masks") as masks:
        frames = list(_frames(recording, masks, scan_from_raw, beside.options.frame_stride))
        pictures = frame_columns(frames, recording.size, ids, beside.options, name)
    return Scan(
        name=name,
        space=name.partition("_")[0],
        scene_type=facts.get("sceneType", ""),
        reference=name.endswith("_00"),
        aligned=True,
        points=points,
        colors=colors,
        instance=instance,
        object_ids=ids,
        labels=np.array([beside.classes.get(label, -1) for label in labels], dtype=np.int64),
        object_names=tuple(labels),
        locations=locations(points, rows, len(ids)),
        **cad_columns(assigned_models(placed, object_boxes(points, rows, len(ids))), beside.options.cad_points),
        intrinsics=recording.intrinsics,
        quarter_turns=0,
        **pictures,
        floorplan=floorplan(beside.caster, edges, meshes, beside.options.floorplan_pixels),
        **referrals,
        change_ids=np.zeros(0, np.int64),
        change_angles=np.zeros(0, np.float32),
        change_shifts=np.zeros(0, np.float32),
    )


def _file(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise DatasetMissing("A file of a scan is missing", where=folder / name, next_step="download the scan again")
    return folder / name


def _facts(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in read_lines(path))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _alignment(facts: dict[str, str], path: Path) -> Matrix:
    """Return (4, 4) from the raw frame to the one along the walls; scans without one are taken as they are."""
    if "axisAlignment" not in facts:
        return np.eye(4)
    with form_named(path):
        matrix = np.array(facts["axisAlignment"].split(), dtype=np.float64).reshape(4, 4)
        if not np.isfinite(matrix).all():
            raise ValueError("an alignment that is not finite")
        return matrix


def _objects(folder: Path, name: str, num_vertices: int) -> tuple[NDArray[np.int64], list[str], NDArray[np.int32]]:
    """Return identifiers (O,), labels of objects, and the identifier of each vertex (N,), 0 for none."""
    path = folder / f"{name}_vh_clean_2.0.010000.segs.json"
    content = read_json(path)
    with form_named(path):
        segments = np.array(content["segIndices"], dtype=np.int64)
    if segments.shape != (num_vertices,):
        raise DatasetCorrupt(
            "Segments are not as many as vertices",
            where=path,
            expected=num_vertices,
            found=segments.shape,
            next_step=NEXT_STEP,
        )
    # The name without "_vh_clean" is that of the decimated mesh; copies may hold the other alone.
    found = [folder / f"{name}.aggregation.json", folder / f"{name}_vh_clean.aggregation.json"]
    path = next((path for path in found if path.is_file()), found[0])
    content = read_json(path)
    with form_named(path):
        groups = sorted((int(one["objectId"]), str(one["label"]), one["segments"]) for one in content["segGroups"])
        ids = np.array([number + 1 for number, _, _ in groups], dtype=np.int64)
        if len(ids) != len(np.unique(ids)) or (ids < 1).any():
            raise ValueError("an objectId that is negative or stands twice")
        names, place = np.unique(segments, return_inverse=True)
        of_segment = np.zeros(len(names), np.int32)
        for number, _, own in groups:
            of_segment[np.isin(names, np.asarray(own, dtype=np.int64))] = number + 1
    return ids, [label for _, label, _ in groups], of_segment[place]


def _classes(path: Path) -> dict[str, int]:
    """Return the class index in NYU40 of each raw category that has one."""
    with form_named(path), path.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        found = {row["raw_category"]: int(row["nyu40id"]) - 1 for row in rows}
    return {label: index for label, index in found.items() if 0 <= index < len(NAMES)}


def _mask(masks: ScanArchive, number: int) -> NDArray[np.integer]:
    """Return (h, w) identifiers of objects in a frame.

    Raises:
        DatasetMissing: The frame has no mask.
        UnreadableFile: The mask is damaged.
    """
    from PIL import Image

    name = f"{number}.png"
    content = masks.read(name)
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableFile(
            "Cannot read a mask of a scan", where=f"{masks.path}: {name}", found=error, next_step=NEXT_STEP
        ) from error


def _frames(recording: SensFile, masks: ScanArchive, scan_from_raw: Matrix, stride: int) -> Iterator[Frame]:
    """Yield one frame in ``stride``, without those at which tracking was lost."""
    for frame in recording.frames[::stride]:
        if tracked(frame.pose):
            pose = scan_from_raw @ frame.pose
            yield Frame(frame.number, pose, partial(_mask, masks, frame.number), partial(recording.picture, frame))


READER = ScanNet()

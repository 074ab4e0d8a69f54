"""3RScan with SceneVerse: rooms scanned again after something changed (CrossOver spec 1.1 to 1.6).

Layout: ``3RScan.json``; ``scans/<scan>/`` with ``mesh.refined.v2.obj`` and its texture,
``labels.instances.annotated.v2.ply``, ``semseg.v2.json`` and ``sequence.zip``;
``SceneVerse/3RScan/annotations/ssg_ref_rel2_template.json``.

Shape legend: N vertices, O objects, T triangles.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.json_files import form_named, read_json
from concord3d.data.formats.mesh_files import read_colored_mesh
from concord3d.data.formats.ply import ScanMesh, read_scan_mesh
from concord3d.data.formats.scan3r_json import Moved, Recording, read_recordings
from concord3d.data.formats.scan3r_sequence import QUARTER_TURNS, Sequence3R
from concord3d.data.formats.sceneverse import read_referrals
from concord3d.data.layout import find_split, layout_folder, required_file
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.scans.assembly import (
    Frame,
    Referral,
    cad_columns,
    frame_columns,
    referral_columns,
    tracked,
)
from concord3d.data.scans.label_masks import LabelMasks
from concord3d.data.scans.movement import turn_and_shift
from concord3d.data.scans.nyu40 import NAMES
from concord3d.data.scans.object_vertices import locations
from concord3d.data.scans.options import ScanOptions
from concord3d.data.scans.scan import Scan
from concord3d.data.stores.interface import StoreIdentity
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import DatasetMissing, UnreadableFile, WrongRelease
from concord3d.geometry.mesh import Mesh, SurfaceSample
from concord3d.geometry.ray_casting import RayCaster
from concord3d.geometry.rigid import Matrix, transformed

_log = logging.getLogger(__name__)
_REFERRALS = "SceneVerse/3RScan/annotations/ssg_ref_rel2_template.json"
_SCANS = "scans"
_LABELS = "labels.instances.annotated.v2.ply"
# Properties of its vertices, whose names are read in small letters.
_OBJECT, _CLASS = "objectid", "nyu40"
# Scans of a space may show different parts of it, but this share of a rescan lies so close to its reference (metres).
_CLOSE = 1.0
_SHARE = 0.1
_COMPARED = 1000


@dataclass(frozen=True)
class _Space:
    """The reference scan that rescans are compared with: places (N, 3) and identifiers (N,) of its vertices."""

    name: str
    points: NDArray[np.float32]
    instance: NDArray[np.int32]


class Scan3R(Reader):
    """Reference scans and rescans with their pictures and sentences; there are no CAD models and no floorplans."""

    kind = "scans"
    has_labels = False

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split, one scan at a time; arguments as in :meth:`Reader.read`.

        Sentences about objects that a scan lacks are left out, with a warning.

        Raises:
            DatasetMissing: A file is absent.
            UnreadableFile: A file is truncated or of another form.
            WrongRelease: A transformation does not bring a rescan onto its reference.
        """
        folder, options = layout_folder(spec, root), spec.scans or ScanOptions()
        recordings = self._recordings(spec, root, split)
        referrals = read_referrals(folder / _REFERRALS, first_id=0)
        store = ScanSplit.of_scans(
            StoreIdentity(spec.id, split, data_kind),
            _scans(folder / _SCANS, recordings, referrals, options),
            options.key_frames,
            options.cad_points,
            (options.floorplan_pixels, options.floorplan_pixels),
        )
        return Reading(store, class_names=NAMES)

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        folder, recordings = layout_folder(spec, root), self._recordings(spec, root, split)
        missing = [one.name for one in recordings if not (folder / _SCANS / one.name / _LABELS).is_file()]
        if missing:
            raise DatasetMissing(
                f"Scans of {spec.id}/{split} are missing",
                where=folder / _SCANS,
                expected=f"{_LABELS} of all {len(recordings)} scans in 3RScan.json",
                found=f"{len(missing)} absent, first: {missing[0]}",
                next_step=f"obtain '{spec.id}' ('concord3d status' lists the steps)",
            )
        return Census(len(recordings))

    def _recordings(self, spec: DatasetSpec, root: Path, split: str) -> list[Recording]:
        find_split(spec, split)
        path = required_file(spec, layout_folder(spec, root), "3RScan.json")
        recordings = read_recordings(path, split)
        if not recordings:
            raise DatasetMissing(f"No scan of {spec.id}/{split}", where=path, found="no space of its type")
        return recordings


def _scans(
    folder: Path, recordings: Sequence[Recording], referrals: dict[str, list[Referral]], options: ScanOptions
) -> Iterator[Scan]:
    caster, space = RayCaster(), None
    for recording in recordings:
        scan = _scan(folder / recording.name, recording, space, referrals.get(recording.name, []), caster, options)
        if scan.reference:
            space = _Space(scan.name, scan.points, scan.instance)
        yield scan


def _scan(
    folder: Path,
    recording: Recording,
    space: _Space | None,
    referrals: Sequence[Referral],
    caster: RayCaster,
    options: ScanOptions,
) -> Scan:
    labels = _labels(folder)
    own_frame = np.eye(4) if recording.reference_from_scan is None else recording.reference_from_scan
    points = transformed(labels.points, own_frame).astype(np.float32)
    instance = labels.properties[_OBJECT].astype(np.int32)
    ids, place = np.unique(instance[instance > 0], return_inverse=True)
    rows = np.full(len(points), -1, np.int64)
    rows[instance > 0] = place
    reference = recording.name == recording.space
    if not reference and space is not None and recording.reference_from_scan is not None:
        _require_close(points, space, recording.name)
    told, lost = referral_columns(referrals, ids.astype(np.int64))
    if lost:
        _log.warning("%s: %d sentences are about objects that it lacks", recording.name, lost)
    names = _names(folder / "semseg.v2.json")
    with Sequence3R(folder / "sequence.zip") as sequence:
        seer = LabelMasks(
            caster, Mesh(points, labels.faces), instance, sequence.intrinsics, sequence.size, QUARTER_TURNS
        )
        frames = list(_frames(sequence, seer, own_frame, options.frame_stride))
        pictures = frame_columns(frames, sequence.size[::-1], ids.astype(np.int64), options, recording.name)
    return Scan(
        name=recording.name,
        space=recording.space,
        scene_type="",
        reference=reference,
        aligned=recording.reference_from_scan is not None,
        points=points,
        colors=_colors(folder / "mesh.refined.v2.obj", labels.points),
        instance=instance,
        object_ids=ids.astype(np.int64),
        labels=_classes(labels.properties[_CLASS].astype(np.int64), rows, len(ids)),
        object_names=tuple(names.get(int(one), "") for one in ids),
        locations=locations(points, rows, len(ids)),
        **cad_columns({}, options.cad_points),
        intrinsics=sequence.intrinsics,
        quarter_turns=QUARTER_TURNS,
        **pictures,
        floorplan=None,
        **told,
        **_changes(recording, points, instance, space),
    )


def _labels(folder: Path) -> ScanMesh:
    path = folder / _LABELS
    if not path.is_file():
        raise DatasetMissing("A scan has no labels", where=path, next_step="download the scan again")
    mesh = read_scan_mesh(path)
    lacking = [name for name in (_OBJECT, _CLASS) if name not in mesh.properties]
    if lacking:
        raise UnreadableFile(
            "A mesh has no labels", where=path, expected="objectId and NYU40 of each vertex", found=f"no {lacking[0]}"
        )
    return mesh


def _names(path: Path) -> dict[int, str]:
    """Return the annotators' words for each object, by identifier."""
    content = read_json(path)
    with form_named(path):
        return {int(one["objectId"]): str(one["label"]) for one in content["segGroups"]}


def _classes(nyu40: NDArray[np.int64], rows: NDArray[np.int64], num_objects: int) -> NDArray[np.int64]:
    """Return (O,) the class of most vertices of each object, -1 for none."""
    votes = np.zeros((num_objects, len(NAMES) + 1), np.int64)
    known = (rows >= 0) & (nyu40 >= 0) & (nyu40 <= len(NAMES))
    np.add.at(votes, (rows[known], nyu40[known]), 1)
    return votes.argmax(axis=1) - 1


def _colors(path: Path, points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return (N, 3) the colour that the textured mesh has closest to each vertex, both in the scan's raw frame."""
    from scipy.spatial import cKDTree

    if not path.is_file():
        raise DatasetMissing("A scan has no textured mesh", where=path, next_step="download the scan again")
    mesh, colors = read_colored_mesh(path)
    if colors is None:
        raise UnreadableFile("A mesh has no colours", where=path, next_step="download the scan again, with its texture")
    corners = mesh.vertices[mesh.faces].reshape(-1, 3)
    face = np.repeat(np.arange(len(mesh.faces)), 3)
    weights = np.tile(np.eye(3, dtype=np.float32), (len(mesh.faces), 1))
    shown = colors.at(SurfaceSample(corners, np.zeros_like(corners), face, weights))
    _, nearest = cKDTree(corners).query(points)
    found: NDArray[np.uint8] = shown[nearest]
    return found


def _frames(sequence: Sequence3R, seer: LabelMasks, own_frame: Matrix, stride: int) -> Iterator[Frame]:
    """Yield one frame in ``stride``, without those at which tracking was lost."""
    for number, pose in list(sequence.poses())[::stride]:
        if tracked(pose):
            moved = own_frame @ pose
            yield Frame(number, moved, partial(seer.seen, moved), partial(sequence.picture, number))


def _require_close(points: NDArray[np.float32], space: _Space, name: str) -> None:
    """Check that a rescan lies on its reference."""
    from scipy.spatial import cKDTree

    some = points[:: max(1, len(points) // _COMPARED)]
    distance = float(np.quantile(cKDTree(space.points).query(some)[0], _SHARE))
    if distance > _CLOSE:
        raise WrongRelease(
            "A transformation does not bring a rescan onto its reference (another order of numbers, or other units)",
            where=f"3RScan.json: {name}",
            expected=f"{_SHARE:.0%} of its vertices within {_CLOSE} m of {space.name}",
            found=f"within {distance:.3g} m",
        )


def _changes(
    recording: Recording, points: NDArray[np.float32], instance: NDArray[np.int32], space: _Space | None
) -> dict[str, Any]:
    """Return how far each object turned and its middle shifted since the reference scan (CrossOver spec 7.4)."""
    own_frame = recording.reference_from_scan
    moved: tuple[Moved, ...] = ()
    found: list[tuple[float, float]] = []
    if own_frame is not None and space is not None:
        moved = recording.moved
        found = [
            turn_and_shift(
                one.transform,
                own_frame,
                space.points[space.instance == one.reference_id],
                points[instance == one.rescan_id],
            )
            for one in moved
        ]
    return {
        "change_ids": np.array([one.reference_id for one in moved], dtype=np.int64),
        "change_angles": np.array([angle for angle, _ in found], dtype=np.float32),
        "change_shifts": np.array([shift for _, shift in found], dtype=np.float32),
    }


READER = Scan3R()

"""3RScan with 3DSSG's objects and SceneVerse: rooms scanned again after something changed (CrossOver spec 1.2).

Layout below a root folder: ``3RScan/scans/<id>/`` with ``mesh.refined.v2.obj``, ``mesh.refined.mtl``,
``mesh.refined_0.png``, ``labels.instances.annotated.v2.ply``, ``semseg.v2.json``, ``sequence.zip``,
``mesh.refined.0.010000.segs.v2.json``; ``3RScan/3RScan.json``, ``objects.json``,
``3RScan.v2 Semantic Classes - Mapping.csv``; ``train_scans.txt``, ``val_scans.txt`` (references and rescans),
``train.txt``, ``val.txt`` (references); ``SceneVerse/3RScan/annotations/ssg_ref_rel2_template.json``. Pictures lie on
their left side.

``3RScan.json`` lists of each rescan the objects that moved and half of the loose ones that did not: an object's
transformation goes from the reference to the rescan, that of the scan the other way.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from concord3d.files import canonical_json, write_text
from concord3d.geometry.rigid import Matrix, inverse, transformed
from concord3d.world.datasets.interface import Layout, WorldRecipe
from concord3d.world.formats.scan3r_scan import ScanFiles, class_mapping, column_major, object_records, write_scan
from concord3d.world.formats.sceneverse import referral_records
from concord3d.world.rooms.family import RoomFamily
from concord3d.world.rooms.kinds import KINDS
from concord3d.world.rooms.objects import FLOOR, WALL
from concord3d.world.rooms.scene_types import SCENE_TYPES
from concord3d.world.rooms.visits import RoomOptions, SpaceItem, Visit, record_visits

FOLDER = "3RScan"
_STAYED = 0.5


@dataclass(frozen=True)
class SpaceRecords:
    """What files of several scans say of the scans of one space.

    Attributes:
        scans: Their ids, the reference first.
        space: Its record in ``3RScan.json``.
        objects: Their records in ``objects.json``.
        referrals: Their records in SceneVerse.
    """

    scans: tuple[str, ...]
    space: dict[str, Any]
    objects: tuple[dict[str, Any], ...]
    referrals: tuple[dict[str, Any], ...]


class ThreeRScan(RoomFamily[SpaceRecords]):
    """Scanned rooms; what is counted are scans, references and rescans, and the categories are kinds of rooms."""

    layouts = {"scan3r": Layout(10, ("train", "val"), tuple(SCENE_TYPES), options=RoomOptions)}

    def make(self, recipe: WorldRecipe, out: Path, item: SpaceItem) -> SpaceRecords:
        root = out / FOLDER
        visits = record_visits(recipe, self.layouts[recipe.dataset], item, self.folders, sideways=True)
        names = [_scan_id(recipe, item, visit.number) for visit in visits]
        objects, referrals = [], []
        kinds_of = [_kinds(visit) for visit in visits]
        for name, visit, kinds in zip(names, visits, kinds_of, strict=True):
            write_scan(root / "scans" / name, _scan_files(name, visit, kinds))
            objects.append(object_records(name, kinds))
            referrals += referral_records(name, visit.referrals, {identity: identity for identity in kinds})
        rescans = [
            _rescan(name, visits[0], visit, set(kinds_of[0]) & set(kinds))
            for name, visit, kinds in zip(names[1:], visits[1:], kinds_of[1:], strict=True)
        ]
        kind = "validation" if item.split == "val" else item.split
        space = {"reference": names[0], "type": kind, "ambiguity": [], "scans": rescans}
        return SpaceRecords(tuple(names), space, tuple(objects), tuple(referrals))

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[SpaceItem], made: Sequence[SpaceRecords]) -> None:
        root = out / FOLDER
        for split in self.layouts[recipe.dataset].splits:
            own = [one.scans for item, one in zip(items, made, strict=True) if item.split == split]
            write_text(root / f"{split}_scans.txt", "".join(f"{name}\n" for scans in own for name in scans))
            write_text(root / f"{split}.txt", "".join(f"{scans[0]}\n" for scans in own))
        write_text(root / "3RScan.json", canonical_json([one.space for one in made]))
        listed = [record for one in made for record in one.objects]
        write_text(root / "objects.json", canonical_json({"scans": listed}))
        write_text(root / "3RScan.v2 Semantic Classes - Mapping.csv", class_mapping())
        spoken = [record for one in made for record in one.referrals]
        path = root / "SceneVerse" / "3RScan" / "annotations" / "ssg_ref_rel2_template.json"
        write_text(path, canonical_json(spoken))


def _scan_id(recipe: WorldRecipe, item: SpaceItem, visit: int) -> str:
    text = f"{recipe.seed}/{item.split}/{item.number}/{visit}"
    return str(uuid.UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest()))


def _kinds(visit: Visit) -> dict[int, str]:
    """Return the kind of each object that the scanner saw, by identity."""
    kind_of = {WALL: "wall", FLOOR: "floor"} | {one.identity: one.kind for one in visit.space.annotated}
    return {int(identity): kind_of[int(identity)] for identity in np.unique(visit.mesh.identity) if identity > 0}


def _scan_files(name: str, visit: Visit, kinds: dict[int, str]) -> ScanFiles:
    mesh, frames, raw = visit.mesh, visit.frames, visit.raw_from_room
    places = transformed(mesh.vertices, raw).astype(np.float32)
    return ScanFiles(
        name, places, mesh.faces, mesh.colors, mesh.identity, kinds, frames.color, frames.depth, raw @ frames.poses,
        frames.focal,
    )  # fmt: skip


def _rescan(name: str, first: Visit, visit: Visit, in_both: set[int]) -> dict[str, Any]:
    """Return the record of a rescan."""
    if visit.changes is None:
        raise AssertionError("A rescan has changes")
    before, after = first.raw_from_room, visit.raw_from_room
    moved = {one: matrix for one, matrix in visit.changes.moved.items() if one in in_both}
    stayed = {
        one.identity: np.eye(4)
        for one in visit.space.annotated
        if one.identity in in_both - set(visit.changes.moved)
        and KINDS[one.kind].movable
        and visit.rng.random() < _STAYED
    }
    kind_of = {one.identity: one.kind for one in visit.space.annotated}

    def told(identity: int, matrix: Matrix) -> dict[str, Any]:
        return {
            "instance_reference": identity,
            "instance_rescan": identity,
            "symmetry": KINDS[kind_of[identity]].symmetry,
            "transform": column_major(after @ matrix @ inverse(before)),
        }

    return {
        "reference": name,
        "transform": column_major(before @ inverse(after)),
        "rigid": [told(identity, matrix) for identity, matrix in sorted((stayed | moved).items())],
        "nonrigid": [],
        "removed": list(visit.changes.removed),
    }


FAMILY = ThreeRScan()

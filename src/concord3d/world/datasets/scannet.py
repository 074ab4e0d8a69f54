"""ScanNet v2 with Scan2CAD, ShapeNetCore, SceneCAD and SceneVerse: scanned rooms (CrossOver spec 1.2).

Layout below a root folder: ``scannet/scans/<id>/`` with ``<id>.sens``, ``<id>.txt``, ``<id>_vh_clean_2.ply``,
``<id>_vh_clean_2.labels.ply``, ``<id>_vh_clean_2.0.010000.segs.json``, ``<id>.aggregation.json``,
``<id>_vh_clean.aggregation.json``, ``<id>_2d-instance-filt.zip``, ``<id>_2d-label-filt.zip``; ``scannetv2_train.txt``,
``scannetv2_val.txt``, ``scannetv2-labels.combined.tsv``; ``Scan2CAD/full_annotations.json``;
``ShapeNetCore.v2/<synset>/<id>/models/model_normalized.obj``; ``scannet_planes/<id>.json``;
``SceneVerse/ScanNet/annotations/refer/ssg_ref_rel2_template.json``. An id is ``scene<space>_<visit>``; the spaces of
``val`` are numbered from 5000 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from concord3d.files import canonical_json, write_text
from concord3d.geometry.rigid import Matrix, inverse, rigid, transformed, turn_about_z
from concord3d.world.datasets.interface import Layout, WorldRecipe
from concord3d.world.formats.cad_annotations import scan2cad_record, scenecad_layout, write_cad_model
from concord3d.world.formats.scannet_scan import ScanFiles, label_table, write_scan
from concord3d.world.formats.sceneverse import referral_records
from concord3d.world.rooms.family import RoomFamily
from concord3d.world.rooms.kinds import KINDS
from concord3d.world.rooms.objects import FLOOR, WALL
from concord3d.world.rooms.scene_types import SCENE_TYPES
from concord3d.world.rooms.visits import RoomOptions, SpaceItem, Visit, record_visits

FOLDER = "scannet"
_FIRST_NUMBER = {"train": 0, "val": 5000}
# How often an object that ShapeNetCore has is annotated with a model, and a scan with its shell.
_ALIGNED, _SHELL = 0.9, 0.92


@dataclass(frozen=True)
class SpaceRecords:
    """What files of several scans say of the scans of one space.

    Attributes:
        scans: Their ids.
        aligned: Their records in Scan2CAD.
        referrals: Their records in SceneVerse.
    """

    scans: tuple[str, ...]
    aligned: tuple[dict[str, Any], ...]
    referrals: tuple[dict[str, Any], ...]


class ScanNet(RoomFamily[SpaceRecords]):
    """Scanned rooms; what is counted are scans, and the categories are kinds of rooms."""

    layouts = {"scannet": Layout(9, ("train", "val"), tuple(SCENE_TYPES), options=RoomOptions)}

    def make(self, recipe: WorldRecipe, out: Path, item: SpaceItem) -> SpaceRecords:
        root = out / FOLDER
        scans, aligned, referrals = [], [], []
        for visit in record_visits(recipe, self.layouts[recipe.dataset], item, self.folders):
            name = f"scene{_FIRST_NUMBER[item.split] + item.number:04d}_{visit.number:02d}"
            numbers = _numbers(visit)
            write_scan(root / "scans" / name, _scan_files(name, visit, numbers))
            aligned += _write_cad(root, name, visit, numbers)
            referrals += referral_records(name, visit.referrals, {one: number - 1 for one, number in numbers.items()})
            scans.append(name)
        return SpaceRecords(tuple(scans), tuple(aligned), tuple(referrals))

    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[SpaceItem], made: Sequence[SpaceRecords]) -> None:
        root = out / FOLDER
        for split in self.layouts[recipe.dataset].splits:
            names = [name for item, one in zip(items, made, strict=True) if item.split == split for name in one.scans]
            write_text(root / f"scannetv2_{split}.txt", "".join(f"{name}\n" for name in names))
        write_text(root / "scannetv2-labels.combined.tsv", label_table())
        aligned = [record for one in made for record in one.aligned]
        write_text(root / "Scan2CAD" / "full_annotations.json", canonical_json(aligned))
        spoken = [record for one in made for record in one.referrals]
        path = root / "SceneVerse" / "ScanNet" / "annotations" / "refer" / "ssg_ref_rel2_template.json"
        write_text(path, canonical_json(spoken))


def _numbers(visit: Visit) -> dict[int, int]:
    """Return the number from 1 of each object that the scanner saw, by identity; they do not outlast a visit."""
    found = np.unique(visit.mesh.identity)
    return {int(identity): number for number, identity in enumerate(found[found > 0], start=1)}


def _scan_files(name: str, visit: Visit, numbers: dict[int, int]) -> ScanFiles:
    mesh, frames, raw = visit.mesh, visit.frames, visit.raw_from_room
    kind_of = {WALL: "wall", FLOOR: "floor"} | {one.identity: one.kind for one in visit.space.annotated}
    number_of = np.zeros(1 + max(visit.space.next_identity, FLOOR), dtype=np.int32)
    for identity, number in numbers.items():
        number_of[identity] = number
    return ScanFiles(
        name,
        visit.space.scene_type,
        transformed(mesh.vertices, raw).astype(np.float32),
        mesh.faces,
        mesh.colors,
        number_of[mesh.identity],
        tuple(kind_of[identity] for identity in numbers),
        frames.color,
        frames.depth,
        number_of[frames.identity],
        raw @ frames.poses,
        frames.focal,
        _alignment(visit),
    )


def _alignment(visit: Visit) -> Matrix:
    """Return a matrix that turns the raw frame along the walls; origin and quarter turn are each visit's own."""
    turn = turn_about_z(np.pi / 2 * visit.rng.integers(4))
    return rigid(turn, np.array([*visit.rng.uniform(-4, 4, size=2), 0.0])) @ inverse(visit.raw_from_room)


def _write_cad(root: Path, name: str, visit: Visit, numbers: dict[int, int]) -> list[dict[str, Any]]:
    """Write layout and CAD models of a scan; return its record in Scan2CAD where a model is placed."""
    if visit.rng.random() < _SHELL:
        path = root / "scannet_planes" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(canonical_json(scenecad_layout(visit.space.layout, visit.raw_from_room, visit.rng)))
    chosen = [
        one
        for one in visit.space.annotated
        if one.identity in numbers and KINDS[one.kind].synset is not None and visit.rng.random() < _ALIGNED
    ]
    for one in chosen:
        write_cad_model(root / "ShapeNetCore.v2", one.model)
    return [scan2cad_record(name, chosen, visit.raw_from_room)] if chosen else []


FAMILY = ScanNet()

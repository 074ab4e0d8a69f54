"""S3DIS, as released or as prepared blocks (MM-Point spec 1.2): which of them is there decides.

* ``indoor3d_sem_seg_hdf5_data``: the prepared blocks of the PointNet authors
  (:mod:`concord3d.data.formats.s3dis_blocks`).
* ``Stanford3dDataset_v1.2_Aligned_Version``: annotated rooms as text
  (:mod:`concord3d.data.formats.s3dis_annotations`), which are cut into blocks here.

Where both are there the prepared blocks are read. The areas of a split are those that the catalogue lists for it.

Shape legend: S blocks, P points per block.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.clouds import rng_of
from concord3d.data.formats.findings import Findings
from concord3d.data.formats.hdf5 import census
from concord3d.data.formats.s3dis_annotations import AnnotatedRoom, annotated_rooms, note_names, note_rows, read_room
from concord3d.data.formats.s3dis_blocks import read_blocks
from concord3d.data.layout import find_split, layout_folder, split_files
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.stores.interface import StoreIdentity
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.room_blocks import MIN_POINTS, CutRoom, cut_room

ALL_AREAS = (1, 2, 3, 4, 5, 6)
NUM_POINTS = 4096
TEXT = "text"

_log = logging.getLogger(__name__)


class S3DIS(Reader):
    """Blocks with all nine channels and a class per point; a block's name begins with its area and room."""

    kind = "rooms"

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split; arguments as in :meth:`Reader.read`, by default 4,096 points for blocks that are cut here.

        The choice of a block's points depends on its room's name, the room's points and their number alone, so reading
        twice gives the same blocks.

        Raises:
            DatasetMissing: Neither layout is there.
            DatasetCorrupt: The list of rooms has not one line per block, or a room has no annotations.
            BadCloud: None of the areas is there, or a coordinate is not finite.
            UnreadableFile: A file is truncated or of another form, or a room or area has no number.
            WrongRelease: Colours or places in the room of prepared blocks are no fractions of 1.
        """
        files = split_files(spec, root, split)
        areas = find_split(spec, split).areas or ALL_AREAS
        identity = StoreIdentity(spec.id, split, data_kind)
        if not _is_released(files):
            return read_blocks(files, identity, areas)
        rooms = [room for room in annotated_rooms(files) if room.area in areas]
        if not rooms:
            where = layout_folder(spec, root)
            raise BadCloud("No room of the wanted areas", where=where, expected=f"areas {areas}", found="none")
        return _cut(rooms, spec, identity, NUM_POINTS if num_points is None else num_points)

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        """Count prepared blocks of all areas by headers, or the rooms of the split by their folders."""
        files = split_files(spec, root, split)
        if not _is_released(files):
            return census(files)
        areas = find_split(spec, split).areas or ALL_AREAS
        return Census(sum(room.area in areas for room in annotated_rooms(files)), dtype=TEXT)

    def defects(self, spec: DatasetSpec, root: Path) -> Findings:
        """Return what is amiss in the names and rows of annotations; prepared blocks have nothing of the kind."""
        findings = Findings()
        files = split_files(spec, root, next(iter(spec.splits)))
        if _is_released(files):
            for room in annotated_rooms(files):
                note_names(room, spec.class_names, findings)
                note_rows(room, spec.class_names, findings)
        return findings


def _is_released(files: list[Path]) -> bool:
    """Whether the files of a split are annotations, and none is a file of prepared blocks."""
    return all(path.suffix == ".txt" for path in files)


def _cut(rooms: list[AnnotatedRoom], spec: DatasetSpec, identity: StoreIdentity, num_points: int) -> Reading:
    """Cut rooms into blocks, one after the other."""
    if spec.block_stride is None:
        raise ConfigError(
            f"The catalogue does not say how rooms of '{spec.id}' are cut",
            where=spec.id,
            expected="block_stride: metres from one block to the next",
        )
    findings, cuts = Findings(), list[CutRoom]()
    for number, room in enumerate(rooms, start=1):
        note_names(room, spec.class_names, findings)
        read = read_room(room, spec.class_names, findings)
        rng = rng_of(room.name)
        cuts.append(cut_room(read.points, read.colors, read.labels, num_points, rng, stride=spec.block_stride))
        if not len(cuts[-1].features):
            findings.note(f"rooms where no block has {MIN_POINTS} points, which are left out", room.name)
        _log.info("%s: room %d of %d, %d blocks", room.name, number, len(rooms), len(cuts[-1].features))
    counts = [len(cut.features) for cut in cuts]
    names = [room.name for room, count in zip(rooms, counts, strict=True) for _ in range(count)]
    blocks = RoomBlocks(
        identity.dataset,
        identity.split,
        identity.data_kind,
        features=np.concatenate([cut.features for cut in cuts]),
        labels=np.concatenate([cut.labels for cut in cuts]),
        class_names=(),
        names=tuple(f"{name}/{number:05d}" for number, name in enumerate(names)),
        areas=np.repeat(np.array([room.area for room in rooms], np.int64), counts),
    )
    return Reading(blocks, TEXT, findings=findings, drawn=True, num_counted=len(rooms))


READER = S3DIS()

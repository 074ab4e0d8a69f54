"""Stores of scans: recordings of rooms with their reconstruction, objects, pictures and texts (CrossOver spec 1).

Everything that differs in number from scan to scan lies behind one another, with offsets.

Shape legend: S scans; of all scans together N vertices, O objects, F kept frames, A votes, M CAD models, R referrals, J
objects that moved; K key frames, C points of a CAD model, H and W height and width of a floorplan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from concord3d.data.scans.columns import COLUMNS, FINITE, OFFSETS, ROWS, WORDS, columns_fault
from concord3d.data.scans.nyu40 import PALETTE
from concord3d.data.scans.scan import Scan
from concord3d.data.storage import ScratchRows
from concord3d.data.stores.interface import (
    Limits,
    Store,
    StoreIdentity,
    check_labels,
    check_radius,
    not_finite,
    require_lengths,
    words,
)
from concord3d.errors import BadCloud

_RADIUS_POINTS = 1 << 20
_TEXT = "utf-8"


@dataclass(frozen=True)
class ScanSplit(Store):
    """One split of a data set of scans; the attributes are those of :class:`Scan`, of all scans together.

    Attributes:
        class_names: One name per class index.
        names: S identifiers.
        spaces: S identifiers of spaces.
        scene_types: S kinds of spaces, empty where unknown.
        reference: (S,) bool.
        aligned: (S,) bool.
        vertex_offsets: (S + 1,) int64: scan i has the vertices ``vertex_offsets[i]`` to ``vertex_offsets[i + 1] - 1``.
        object_offsets: (S + 1,) int64, as above.
        frame_offsets: (S + 1,) int64, as above.
        intrinsics: (S, 3, 3) float64.
        quarter_turns: (S,) int64.
        key_frames: (S, K) int64 rows of frames of the split, -1 where there are fewer.
        floorplans: (S, H, W, 3) uint8, zeros where there is none.
        has_floorplan: (S,) bool.
        points: (N, 3) float32.
        colors: (N, 3) uint8.
        instance: (N,) int32.
        object_ids: (O,) int64.
        labels: (O,) int64.
        object_names: O texts.
        locations: (O, 6) float32.
        cad_objects: (M,) int64 rows of objects of the split.
        cad_points: (M, C, 3) float32.
        frame_bytes: uint8.
        frame_byte_offsets: (F + 1,) int64.
        frame_numbers: (F,) int64.
        poses: (F, 4, 4) float64.
        vote_objects: (A,) int64 rows of objects of the split.
        vote_frames: (A,) int64 rows of frames of the split.
        vote_boxes: (A, 4) int32.
        vote_pixels: (A,) int64.
        referral_objects: (R,) int64 rows of objects of the split.
        referrals: R texts.
        change_scans: (J,) int64 rows of rescans.
        change_ids: (J,) int64 identifiers of objects.
        change_angles: (J,) float32 degrees.
        change_shifts: (J,) float32 metres.
    """

    kind: ClassVar[str] = "scans"

    class_names: tuple[str, ...]
    names: tuple[str, ...]
    spaces: tuple[str, ...]
    scene_types: tuple[str, ...]
    reference: NDArray[np.bool_]
    aligned: NDArray[np.bool_]
    vertex_offsets: NDArray[np.int64]
    object_offsets: NDArray[np.int64]
    frame_offsets: NDArray[np.int64]
    intrinsics: NDArray[np.float64]
    quarter_turns: NDArray[np.int64]
    key_frames: NDArray[np.int64]
    floorplans: NDArray[np.uint8]
    has_floorplan: NDArray[np.bool_]
    points: NDArray[np.float32]
    colors: NDArray[np.uint8]
    instance: NDArray[np.int32]
    object_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    object_names: tuple[str, ...]
    locations: NDArray[np.float32]
    cad_objects: NDArray[np.int64]
    cad_points: NDArray[np.float32]
    frame_bytes: NDArray[np.uint8]
    frame_byte_offsets: NDArray[np.int64]
    frame_numbers: NDArray[np.int64]
    poses: NDArray[np.float64]
    vote_objects: NDArray[np.int64]
    vote_frames: NDArray[np.int64]
    vote_boxes: NDArray[np.int32]
    vote_pixels: NDArray[np.int64]
    referral_objects: NDArray[np.int64]
    referrals: tuple[str, ...]
    change_scans: NDArray[np.int64]
    change_ids: NDArray[np.int64]
    change_angles: NDArray[np.float32]
    change_shifts: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.vertex_offsets) - 1

    @classmethod
    def of_scans(
        cls,
        identity: StoreIdentity,
        scans: Iterable[Scan],
        num_key_frames: int,
        cad_points: int,
        floorplan_size: tuple[int, int],
    ) -> ScanSplit:
        """Put scans behind one another; one is in memory at a time, large arrays grow in temporary files.

        Args:
            identity: What the store is a store of.
            scans: Those of the split in their order.
            num_key_frames: K.
            cad_points: C.
            floorplan_size: H, W.

        Raises:
            DiskFull: The temporary folder has too little room.
        """
        tails = {"key_frames": (num_key_frames,), "cad_points": (cad_points, 3), "floorplans": (*floorplan_size, 3)}
        rows = {
            name: ScratchRows(column.dtype, tails.get(name) or tuple(axis or 0 for axis in column.tail))
            for name, column in COLUMNS.items()
        }
        offsets: dict[str, list[int]] = {name: [0] for name in OFFSETS}
        texts: dict[str, list[str]] = {name: [] for name in (*WORDS, "referrals")}
        for number, scan in enumerate(scans):
            first_object, first_frame = offsets["object_offsets"][-1], offsets["frame_offsets"][-1]
            for name, array in _columns_of(scan, number, first_object, first_frame, rows).items():
                rows[name].append(array)
            offsets["vertex_offsets"].append(len(rows["points"]))
            offsets["object_offsets"].append(len(rows["object_ids"]))
            offsets["frame_offsets"].append(len(rows["frame_numbers"]))
            offsets["frame_byte_offsets"] += (scan.frame_byte_offsets[1:] + offsets["frame_byte_offsets"][-1]).tolist()
            for name, word in (("names", scan.name), ("spaces", scan.space), ("scene_types", scan.scene_type)):
                texts[name].append(word)
            texts["object_names"] += scan.object_names
            texts["referrals"] += scan.referrals
        columns: dict[str, Any] = {name: tuple(found) for name, found in texts.items()}
        columns |= {name: np.array(found, np.int64) for name, found in offsets.items()}
        columns |= {name: grown.array() for name, grown in rows.items()}
        return cls(identity.dataset, identity.split, identity.data_kind, **columns)

    def scan(self, index: int) -> Scan:
        """Return one scan; of arrays that are mapped only its part is read, when it is used.

        Args:
            index: 0 to S - 1.

        Raises:
            IndexError: There is no such scan.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"scan {index} of {len(self)}")
        vertices, objects, frames = (
            slice(int(offsets[index]), int(offsets[index + 1]))
            for offsets in (self.vertex_offsets, self.object_offsets, self.frame_offsets)
        )
        files = self.frame_byte_offsets[frames.start : frames.stop + 1]
        votes, cads, referrals = (
            _part(rows, objects.start, objects.stop)
            for rows in (self.vote_objects, self.cad_objects, self.referral_objects)
        )
        changes = _part(self.change_scans, index, index + 1)
        key_frames = self.key_frames[index]
        return Scan(
            name=self.names[index],
            space=self.spaces[index],
            scene_type=self.scene_types[index],
            reference=bool(self.reference[index]),
            aligned=bool(self.aligned[index]),
            points=self.points[vertices],
            colors=self.colors[vertices],
            instance=self.instance[vertices],
            object_ids=self.object_ids[objects],
            labels=self.labels[objects],
            object_names=self.object_names[objects],
            locations=self.locations[objects],
            cad_objects=self.cad_objects[cads] - objects.start,
            cad_points=self.cad_points[cads],
            intrinsics=self.intrinsics[index],
            quarter_turns=int(self.quarter_turns[index]),
            frame_bytes=self.frame_bytes[int(files[0]) : int(files[-1])],
            frame_byte_offsets=files - files[0],
            frame_numbers=self.frame_numbers[frames],
            poses=self.poses[frames],
            key_frames=key_frames[key_frames >= 0] - frames.start,
            floorplan=self.floorplans[index] if self.has_floorplan[index] else None,
            vote_objects=self.vote_objects[votes] - objects.start,
            vote_frames=self.vote_frames[votes] - frames.start,
            vote_boxes=self.vote_boxes[votes],
            vote_pixels=self.vote_pixels[votes],
            referral_objects=self.referral_objects[referrals] - objects.start,
            referrals=self.referrals[referrals],
            change_ids=self.change_ids[changes],
            change_angles=self.change_angles[changes],
            change_shifts=self.change_shifts[changes],
        )

    def with_class_names(self, class_names: tuple[str, ...]) -> ScanSplit:
        """Return the same with these names of classes."""
        return replace(self, class_names=class_names)

    def subset(self, index: NDArray[np.int64]) -> ScanSplit:
        """Return the scans at ``index``, in that order."""
        height, width = self.floorplans.shape[1:3]
        chosen = (self.scan(int(i)) for i in index)
        sizes = self.key_frames.shape[1], self.cad_points.shape[1], (height, width)
        return ScanSplit.of_scans(self, chosen, *sizes).with_class_names(self.class_names)

    def validated(self, where: str | Path | None = None) -> ScanSplit:
        """Return self.

        Raises:
            BadCloud: No scans, one without vertices, arrays that do not fit each other, or values that are not finite.
        """
        where = where or f"{self.dataset}/{self.split}"
        if len(self) < 1:
            raise BadCloud("There is no scan", where=where, expected="at least one", found=len(self))
        problem = columns_fault(self.__dict__, len(self))
        if problem:
            raise BadCloud("Arrays of scans do not fit each other", where=where, found=problem)
        require_lengths(where, len(self), names=len(self.names), spaces=len(self.spaces), types=len(self.scene_types))
        require_lengths(where, len(self.object_ids), names=len(self.object_names))
        require_lengths(where, len(self.referral_objects), referrals=len(self.referrals))
        empty = np.flatnonzero(np.diff(self.vertex_offsets) < 1)
        if len(empty):
            raise BadCloud("A scan has no vertices", where=where, found=self.names[int(empty[0])])
        twice = next((name for number, name in enumerate(self.names) if name in self.names[:number]), None)
        if twice is not None:
            raise BadCloud("A scan stands twice", where=where, found=twice)
        for name in FINITE:
            bad = not_finite(getattr(self, name))
            if len(bad):
                raise BadCloud(
                    f"Scans hold '{name}' that are not finite", where=where, found=f"{len(bad)} rows, first: {bad[0]}"
                )
        for index in range(len(self)):
            ids = self.object_ids[self.object_offsets[index] : self.object_offsets[index + 1]]
            if len(ids) and (ids[0] < 1 or (np.diff(ids) < 1).any()):
                raise BadCloud(
                    "Identifiers of objects do not rise from 1", where=where, found=f"{self.names[index]}: {ids}"
                )
        return self

    def check(self, limits: Limits, where: str | Path) -> None:
        """Compare labels and coordinates with what the catalogue says.

        Raises:
            WrongRelease: Labels out of range, or points too far from the origin.
        """
        if len(self.labels):
            check_labels("Labels", self.dataset, self.labels, limits.lowest_label, len(self.class_names), where)
        if limits.max_radius is not None:
            parts = [self.points[i : i + _RADIUS_POINTS] for i in range(0, len(self.points), _RADIUS_POINTS)]
            squared = max(np.square(part, dtype=np.float64).sum(axis=1).max() for part in parts)
            check_radius(self.dataset, float(np.sqrt(squared)), limits.max_radius, where)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but the identity, as arrays by name."""
        # Sentences differ much in length, so they are stored as bytes and not in rows as long as the longest.
        encoded = [text.encode(_TEXT) for text in self.referrals]
        return {
            **{name: np.array(getattr(self, name), dtype=np.str_) for name in WORDS},
            **{name: getattr(self, name) for name in (*OFFSETS, *COLUMNS)},
            "referral_bytes": np.frombuffer(b"".join(encoded), np.uint8),
            "referral_byte_offsets": np.cumsum([0, *map(len, encoded)]).astype(np.int64),
        }

    @classmethod
    def from_arrays(cls, identity: StoreIdentity, arrays: Mapping[str, NDArray[Any]]) -> ScanSplit:
        """Return the scans that :meth:`arrays` was called on.

        Raises:
            ValueError: The arrays do not fit each other.
        """
        text, ends = arrays["referral_bytes"].tobytes(), arrays["referral_byte_offsets"].tolist()
        columns: dict[str, Any] = {name: words(arrays[name]) for name in WORDS}
        columns |= {name: arrays[name] for name in (*OFFSETS, *COLUMNS)}
        columns["referrals"] = tuple(text[a:b].decode(_TEXT) for a, b in pairwise(ends))
        store = cls(identity.dataset, identity.split, identity.data_kind, **columns)
        problem = columns_fault(store.__dict__, len(store))
        if problem:
            raise ValueError(problem)
        return store


def palette_colors(split: ScanSplit, index: int) -> NDArray[np.uint8]:
    """Return the colours of a scan's vertices by class, as ScanNet's label meshes have them (CrossOver spec 1.4).

    Args:
        split: The scans, with the classes of NYU40.
        index: 0 to S - 1.

    Returns:
        (N, 3) uint8 RGB; black where there is no class.
    """
    scan = split.scan(index)
    rows = scan.object_rows()
    labels = np.append(scan.labels, -1)[rows]
    return PALETTE[labels + 1]


def _columns_of(
    scan: Scan, number: int, first_object: int, first_frame: int, rows: Mapping[str, ScratchRows]
) -> dict[str, NDArray[Any]]:
    """Return the rows that a scan adds to each column of a split."""
    key_frames = np.full(rows["key_frames"].tail, -1, np.int64)
    key_frames[: len(scan.key_frames)] = scan.key_frames + first_frame
    blank = np.zeros(rows["floorplans"].tail, np.uint8)
    own: dict[str, Any] = {
        "key_frames": key_frames,
        "floorplans": blank if scan.floorplan is None else scan.floorplan,
        "has_floorplan": scan.floorplan is not None,
        "change_scans": np.full(len(scan.change_ids), number, np.int64),
    }
    first = {"objects": first_object, "frames": first_frame, "scans": 0}
    found = {}
    for name, column in COLUMNS.items():
        array = np.asarray(own[name] if name in own else getattr(scan, name))
        array = array[None] if column.rows == "scans" else array
        found[name] = array + first[ROWS[name]] if name in ROWS else array
    return found


def _part(rows: NDArray[np.int64], first: int, end: int) -> slice:
    """Return the part of rising rows that lies in [first, end)."""
    start, stop = np.searchsorted(rows, [first, end])
    return slice(int(start), int(stop))


STORE = ScanSplit

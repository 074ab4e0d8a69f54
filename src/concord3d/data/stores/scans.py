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
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

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


class _Column(NamedTuple):
    """What the rows of an array are, their dtype, and the lengths of its further axes, None where they are free."""

    rows: str
    dtype: type[np.generic]
    tail: tuple[int | None, ...] = ()


_COLUMNS = {
    "reference": _Column("scans", np.bool_),
    "aligned": _Column("scans", np.bool_),
    "intrinsics": _Column("scans", np.float64, (3, 3)),
    "quarter_turns": _Column("scans", np.int64),
    "key_frames": _Column("scans", np.int64, (None,)),
    "floorplans": _Column("scans", np.uint8, (None, None, 3)),
    "has_floorplan": _Column("scans", np.bool_),
    "points": _Column("vertices", np.float32, (3,)),
    "colors": _Column("vertices", np.uint8, (3,)),
    "instance": _Column("vertices", np.int32),
    "object_ids": _Column("objects", np.int64),
    "labels": _Column("objects", np.int64),
    "locations": _Column("objects", np.float32, (6,)),
    "frame_bytes": _Column("bytes", np.uint8),
    "frame_numbers": _Column("frames", np.int64),
    "poses": _Column("frames", np.float64, (4, 4)),
    "vote_objects": _Column("votes", np.int64),
    "vote_frames": _Column("votes", np.int64),
    "vote_boxes": _Column("votes", np.int32, (4,)),
    "vote_pixels": _Column("votes", np.int64),
    "cad_objects": _Column("CAD models", np.int64),
    "cad_points": _Column("CAD models", np.float32, (None, 3)),
    "referral_objects": _Column("referrals", np.int64),
    "change_scans": _Column("changes", np.int64),
    "change_ids": _Column("changes", np.int64),
    "change_angles": _Column("changes", np.float32),
    "change_shifts": _Column("changes", np.float32),
}
_OFFSETS = {
    "vertex_offsets": ("scans", "vertices"),
    "object_offsets": ("scans", "objects"),
    "frame_offsets": ("scans", "frames"),
    "frame_byte_offsets": ("frames", "bytes"),
}
_WORDS = {"names": "scans", "spaces": "scans", "scene_types": "scans", "object_names": "objects", "class_names": ""}
# Arrays of row numbers, and what they number; those of rising rows are cut by binary search.
_ROWS = {
    "vote_objects": "objects",
    "cad_objects": "objects",
    "referral_objects": "objects",
    "change_scans": "scans",
    "vote_frames": "frames",
}
_FINITE = ("points", "locations", "cad_points", "poses", "intrinsics", "change_angles", "change_shifts")
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
            for name, column in _COLUMNS.items()
        }
        offsets: dict[str, list[int]] = {name: [0] for name in _OFFSETS}
        texts: dict[str, list[str]] = {name: [] for name in (*_WORDS, "referrals")}
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
        return cls(
            identity.dataset,
            identity.split,
            identity.data_kind,
            **{name: tuple(found) for name, found in texts.items()},
            **{name: np.array(found, np.int64) for name, found in offsets.items()},
            **{name: grown.array() for name, grown in rows.items()},
        )

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
        problem = _fault(self)
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
        for name in _FINITE:
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
            **{name: np.array(getattr(self, name), dtype=np.str_) for name in _WORDS},
            **{name: getattr(self, name) for name in (*_OFFSETS, *_COLUMNS)},
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
        store = cls(
            identity.dataset,
            identity.split,
            identity.data_kind,
            **{name: words(arrays[name]) for name in _WORDS},
            **{name: arrays[name] for name in (*_OFFSETS, *_COLUMNS)},
            referrals=tuple(text[a:b].decode(_TEXT) for a, b in pairwise(ends)),
        )
        problem = _fault(store)
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
    for name, column in _COLUMNS.items():
        array = np.asarray(own[name] if name in own else getattr(scan, name))
        array = array[None] if column.rows == "scans" else array
        found[name] = array + first[_ROWS[name]] if name in _ROWS else array
    return found


def _part(rows: NDArray[np.int64], first: int, end: int) -> slice:
    """Return the part of rising rows that lies in [first, end)."""
    start, stop = np.searchsorted(rows, [first, end])
    return slice(int(start), int(stop))


def _fault(store: ScanSplit) -> str | None:
    """Return what is wrong with the lengths, dtypes, offsets and row numbers of a store, or None."""
    counts = {"scans": len(store)}
    for name, column in _COLUMNS.items():
        array = getattr(store, name)
        fits = array.dtype == column.dtype and array.ndim == 1 + len(column.tail)
        if not fits or any(
            length not in (None, found) for length, found in zip(column.tail, array.shape[1:], strict=True)
        ):
            return f"{name}: {array.dtype} {array.shape}"
        if counts.setdefault(column.rows, len(array)) != len(array):
            return f"{name}: {len(array)} rows for {counts[column.rows]} {column.rows}"
    for name, (items, total) in _OFFSETS.items():
        offsets = getattr(store, name)
        if offsets.dtype != np.int64 or offsets.shape != (counts[items] + 1,):
            return f"{name}: {offsets.dtype} {offsets.shape} for {counts[items]} {items}"
        if offsets[0] != 0 or offsets[-1] != counts[total] or (np.diff(offsets) < 0).any():
            return f"{name}: do not rise from 0 to {counts[total]}"
    for name, what in _ROWS.items():
        rows = getattr(store, name)
        if len(rows) and (rows.min() < 0 or rows.max() >= counts[what]):
            return f"{name}: {rows.min()} to {rows.max()} for {counts[what]} {what}"
        if name != "vote_frames" and (np.diff(rows) < 0).any():
            return f"{name}: do not rise"
    if store.key_frames.size and (store.key_frames.min() < -1 or store.key_frames.max() >= counts["frames"]):
        return f"key_frames: {store.key_frames.min()} to {store.key_frames.max()} for {counts['frames']} frames"
    return None


STORE = ScanSplit

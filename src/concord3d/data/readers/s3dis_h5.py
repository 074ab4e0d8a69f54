"""S3DIS as blocks: ``data`` (n, 4096, 9), ``label`` (n, 4096), and one line of ``room_filelist.txt`` per block."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.readers.layout import find_split, layout_folder, read_h5, read_lines, split_files, stack
from concord3d.data.readers.raw import RawClouds
from concord3d.errors import BadCloud, DatasetCorrupt, UnreadableFile

NUM_CHANNELS = 9


@dataclass(frozen=True)
class RoomBlocks:
    """Blocks of rooms (S blocks, P points per block).

    Attributes:
        features: (S, P, 9) float32: block-centred xyz in metres with z up, rgb in [0, 1], xyz / room size.
        labels: (S, P) int64 semantic class.
        rooms: Room of each block, e.g. ``Area_1_conferenceRoom_1``.
        areas: (S,) int64 area of each block, 1-6.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    rooms: tuple[str, ...]
    areas: NDArray[np.int64]


def read_blocks(spec: DatasetSpec, root: Path, areas: tuple[int, ...]) -> RoomBlocks:
    """Read the blocks of some areas with all nine channels (MM-Point spec 1.2).

    Args:
        spec: The data set.
        root: Folder that holds the layout.
        areas: Areas to read; the others are skipped.

    Returns:
        The blocks in the order of the files.

    Raises:
        DatasetMissing: A file is missing.
        UnreadableFile: A file is truncated, lacks a key, or a room's name has no area.
        DatasetCorrupt: ``room_filelist.txt`` has not one line per block.
        BadCloud: None of the areas is there, or values are not finite or labels out of range.
    """
    files = split_files(spec, root, next(iter(spec.splits)))
    list_path = layout_folder(spec, root) / "room_filelist.txt"
    rooms = read_lines(list_path)
    block_areas = np.array([_area(room, list_path) for room in rooms], dtype=np.int64)
    features, labels, kept, start = [], [], [], 0
    for path in files:
        store = read_h5(path, ("data", "label"))
        data, label = store["data"], store["label"]
        if data.ndim != 3 or data.shape[2] != NUM_CHANNELS or label.shape != data.shape[:2]:
            raise UnreadableFile(
                "Blocks have the wrong shape",
                where=path,
                expected=f"data (S, P, {NUM_CHANNELS}), label (S, P)",
                found=(data.shape, label.shape),
            )
        rows = np.flatnonzero(np.isin(block_areas[start : start + len(data)], areas))
        features.append(data[rows].astype(np.float32))
        labels.append(label[rows].astype(np.int64))
        kept.append(rows + start)
        start += len(data)
    if start != len(rooms):
        raise DatasetCorrupt("Blocks and room list differ in number", where=list_path, expected=start, found=len(rooms))
    index = np.concatenate(kept)
    blocks = RoomBlocks(
        stack(features, "data", files),
        stack(labels, "label", files),
        tuple(rooms[i] for i in index),
        block_areas[index],
    )
    return _checked(blocks, spec, areas, layout_folder(spec, root))


def read(spec: DatasetSpec, root: Path, split: str) -> RawClouds:
    """Read the xyz channels of one split as clouds with semantic classes as part labels.

    The name of each block begins with its area and room, so that folds can be made from the names.
    """
    areas = find_split(spec, split).areas or tuple(range(1, 7))
    blocks = read_blocks(spec, root, areas)
    return RawClouds(
        points=np.ascontiguousarray(blocks.features[:, :, :3]),
        labels=np.full(len(blocks.rooms), -1, dtype=np.int64),
        names=tuple(f"{room}/{index:05d}" for index, room in enumerate(blocks.rooms)),
        dtype=blocks.features.dtype.name,
        part_labels=blocks.labels,
    )


def _area(room: str, where: Path) -> int:
    match = re.match(r"Area_(\d+)_", room)
    if not match:
        raise UnreadableFile("A room's name has no area", where=where, expected="Area_<n>_<room>", found=room)
    return int(match.group(1))


def _checked(blocks: RoomBlocks, spec: DatasetSpec, areas: tuple[int, ...], where: Path) -> RoomBlocks:
    if not len(blocks.rooms):
        raise BadCloud("No block of the wanted areas", where=where, expected=f"areas {areas}", found="none")
    bad = np.flatnonzero(~np.isfinite(blocks.features).all(axis=(1, 2)))
    if len(bad):
        raise BadCloud(
            "Blocks hold values that are not finite", where=where, found=f"block {bad[0]} and {len(bad) - 1} more"
        )
    num_classes = len(spec.class_names)
    if blocks.labels.min() < 0 or blocks.labels.max() >= num_classes:
        raise BadCloud(
            "Semantic labels out of range",
            where=where,
            expected=f"0 to {num_classes - 1}",
            found=f"{blocks.labels.min()} to {blocks.labels.max()}",
        )
    return blocks

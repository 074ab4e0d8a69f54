"""S3DIS as prepared blocks (MM-Point spec 1.2).

``data`` (n, 4096, 9), ``label`` (n, 4096), and one line of ``room_filelist.txt`` per block.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.hdf5 import read_h5, stack
from concord3d.data.layout import read_lines
from concord3d.data.readers.interface import Reading
from concord3d.data.stores.interface import StoreIdentity
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.errors import BadCloud, DatasetCorrupt, UnreadableFile, WrongRelease

NUM_CHANNELS = 9
ROOM_LIST = "room_filelist.txt"
_SLACK = 1e-3


def read_blocks(files: list[Path], identity: StoreIdentity, areas: Collection[int]) -> Reading:
    """Read the blocks of some areas; blocks of other areas are skipped.

    Args:
        files: HDF5 files in the order of the room list, which lies beside them.
        identity: What the blocks are a store of.
        areas: Numbers of the areas.

    Returns:
        The blocks in the order of the files, named by their room and their number in this order.

    Raises:
        DatasetCorrupt: ``room_filelist.txt`` has not one line per block.
        BadCloud: None of the areas is there.
        UnreadableFile: A file is truncated or lacks a key, or a room's name has no area.
        WrongRelease: Colours or places in the room are no fractions of 1.
    """
    list_path = files[0].parent / ROOM_LIST
    rooms = read_lines(list_path)
    block_areas = np.array([_area(room, list_path) for room in rooms], dtype=np.int64)
    features, labels, kept, dtypes, start = [], [], [], set(), 0
    for path in files:
        data, label = _read_file(path)
        dtypes.add(data.dtype.name)
        rows = np.flatnonzero(np.isin(block_areas[start : start + len(data)], list(areas)))
        features.append(data[rows].astype(np.float32))
        labels.append(label[rows].astype(np.int64))
        kept.append(rows + start)
        start += len(data)
    if start != len(rooms):
        raise DatasetCorrupt("Blocks and room list differ in number", where=list_path, expected=start, found=len(rooms))
    if len(dtypes) > 1:
        raise UnreadableFile("Files of one split differ in 'data'", where=list_path.parent, found=sorted(dtypes))
    index = np.concatenate(kept)
    if not len(index):
        raise BadCloud("No block of the wanted areas", where=list_path, expected=f"areas {areas}", found="none")
    blocks = RoomBlocks(
        identity.dataset,
        identity.split,
        identity.data_kind,
        features=stack(features, "data", files),
        labels=stack(labels, "label", files),
        class_names=(),
        names=tuple(f"{rooms[place]}/{number:05d}" for number, place in enumerate(index)),
        areas=block_areas[index],
    )
    return Reading(blocks, dtypes.pop(), blocks.features.shape[1])


def _read_file(path: Path) -> tuple[NDArray[np.floating], NDArray[np.integer]]:
    """Return the channels and labels of one file, checked."""
    store = read_h5(path, ("data", "label"))
    data, label = store["data"], store["label"]
    if data.ndim != 3 or data.shape[2] != NUM_CHANNELS or label.shape != data.shape[:2]:
        raise UnreadableFile(
            "Blocks have the wrong shape",
            where=path,
            expected=f"data (S, P, {NUM_CHANNELS}), label (S, P)",
            found=(data.shape, label.shape),
        )
    _check_channels(data, path)
    return data, label


def _check_channels(data: NDArray[np.floating], path: Path) -> None:
    """Raise WrongRelease where colours or places in the room are no fractions of 1."""
    for name, channels in (("rgb / 255", slice(3, 6)), ("xyz / size of the room", slice(6, 9))):
        values = data[:, :, channels]
        # Not finite values are named when the store is checked.
        low, high = (float(value) for value in (np.nanmin(values), np.nanmax(values))) if values.size else (0.0, 0.0)
        if low < -_SLACK or high > 1 + _SLACK:
            raise WrongRelease(
                f"Channels {channels.start} to {channels.stop - 1} of blocks are out of range",
                where=path,
                expected=f"{name}: 0 to 1",
                found=f"{low:g} to {high:g}",
                next_step="divide the colours by 255, or obtain the data set again",
            )


def _area(room: str, where: Path) -> int:
    match = re.match(r"Area_(\d+)_", room)
    if not match:
        raise UnreadableFile("A room's name has no area", where=where, expected="Area_<n>_<room>", found=room)
    return int(match.group(1))

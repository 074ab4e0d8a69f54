"""S3DIS as blocks (MM-Point spec 1.2).

``data`` (n, 4096, 9), ``label`` (n, 4096), and one line of ``room_filelist.txt`` per block. The areas of a
split are those that the catalogue lists for it; blocks of other areas are skipped.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.hdf5 import census, read_h5, stack
from concord3d.data.layout import find_split, layout_folder, read_lines, split_files
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.errors import BadCloud, DatasetCorrupt, UnreadableFile

NUM_CHANNELS = 9
ALL_AREAS = (1, 2, 3, 4, 5, 6)


class S3DISH5(Reader):
    """Blocks with all nine channels and a class per point; a block's name begins with its area and room."""

    kind = "rooms"

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split; arguments as in :meth:`Reader.read`.

        Raises:
            DatasetCorrupt: ``room_filelist.txt`` has not one line per block.
            BadCloud: None of the areas is there.
            UnreadableFile: A file is truncated or lacks a key, or a room's name has no area.
        """
        files = split_files(spec, root, split)
        areas = find_split(spec, split).areas or ALL_AREAS
        list_path = layout_folder(spec, root) / "room_filelist.txt"
        rooms = read_lines(list_path)
        block_areas = np.array([_area(room, list_path) for room in rooms], dtype=np.int64)
        features, labels, kept, start = [], [], [], 0
        dtype = ""
        for path in files:
            store = read_h5(path, ("data", "label"))
            data, label, dtype = store["data"], store["label"], store["data"].dtype.name
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
            raise DatasetCorrupt(
                "Blocks and room list differ in number", where=list_path, expected=start, found=len(rooms)
            )
        index = np.concatenate(kept)
        if not len(index):
            raise BadCloud("No block of the wanted areas", where=list_path, expected=f"areas {areas}", found="none")
        blocks = RoomBlocks(
            spec.id,
            split,
            data_kind,
            features=stack(features, "data", files),
            labels=stack(labels, "label", files),
            class_names=(),
            names=tuple(f"{rooms[place]}/{number:05d}" for number, place in enumerate(index)),
            areas=block_areas[index],
        )
        return Reading(blocks, dtype, blocks.features.shape[1])

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        return census(split_files(spec, root, split))


def _area(room: str, where: Path) -> int:
    match = re.match(r"Area_(\d+)_", room)
    if not match:
        raise UnreadableFile("A room's name has no area", where=where, expected="Area_<n>_<room>", found=room)
    return int(match.group(1))


READER = S3DISH5()

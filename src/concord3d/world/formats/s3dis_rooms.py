"""Files of S3DIS: a room as annotated text files, and the blocks of all rooms (MM-Point spec 1.2).

Shape legend: N points of a room, S blocks, P points per block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.world.formats.labelled_h5 import rows_of_files, write_h5
from concord3d.world.formats.text_rows import text_rows

RAW_FOLDER = "Stanford3dDataset_v1.2_Aligned_Version"
BLOCK_FOLDER = "indoor3d_sem_seg_hdf5_data"
BLOCKS_PER_FILE = 1000
_ROW = "%.3f %.3f %.3f %d %d %d\n"


@dataclass(frozen=True)
class AnnotatedObject:
    """Points of one object of a room.

    Attributes:
        name: Its class.
        points: (N, 3) float64 metres, z up, in whole millimetres.
        colors: (N, 3) uint8 RGB.
    """

    name: str
    points: NDArray[np.float64]
    colors: NDArray[np.uint8]


@dataclass(frozen=True)
class RoomBlocksMade:
    """Blocks of one room.

    Attributes:
        room: ``Area_<n>_<kind>_<m>``.
        features: (S, P, 9) float32.
        labels: (S, P) int64 class of every point.
    """

    room: str
    features: NDArray[np.float32]
    labels: NDArray[np.int64]


def write_annotated_room(root: Path, area: int, room: str, objects: Sequence[AnnotatedObject]) -> None:
    """Write ``Area_<n>/<room>/<room>.txt`` and ``Annotations/<class>_<number>.txt``; lines are ``x y z r g b``.

    Args:
        root: Folder that gets the layout.
        area: Number of the area.
        room: ``<kind>_<number>``.
        objects: What is in the room; those of a class are numbered from 1 in this order.
    """
    folder = root / RAW_FOLDER / f"Area_{area}" / room
    (folder / "Annotations").mkdir(parents=True, exist_ok=True)
    texts, numbers = [], dict[str, int]()
    for one in objects:
        numbers[one.name] = numbers.get(one.name, 0) + 1
        texts.append(text_rows(_ROW, [*one.points.T, *one.colors.T]))
        (folder / "Annotations" / f"{one.name}_{numbers[one.name]}.txt").write_text(texts[-1])
    (folder / f"{room}.txt").write_text("".join(texts))


def write_blocks(root: Path, rooms: Sequence[RoomBlocksMade], blocks_per_file: int = BLOCKS_PER_FILE) -> None:
    """Write ``ply_data_all_<k>.h5``, ``all_files.txt`` and ``room_filelist.txt``.

    Args:
        root: Folder that gets the layout.
        rooms: The rooms in order.
        blocks_per_file: Blocks in each file.
    """
    folder = root / BLOCK_FOLDER
    features = np.concatenate([room.features for room in rooms])
    labels = np.concatenate([room.labels for room in rooms]).astype(np.uint8)
    names = []
    for part, rows in enumerate(rows_of_files(len(features), blocks_per_file)):
        names.append(f"ply_data_all_{part}.h5")
        write_h5(folder / names[-1], {"data": features[rows], "label": labels[rows]})
    (folder / "all_files.txt").write_text("".join(f"{BLOCK_FOLDER}/{name}\n" for name in names))
    (folder / "room_filelist.txt").write_text("".join(f"{room.room}\n" * len(room.features) for room in rooms))

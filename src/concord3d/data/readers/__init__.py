"""Readers of the real on-disk formats, which the synthetic world writes too."""

from concord3d.data.readers.dispatch import (
    COLOURED_READERS,
    SAMPLING_READERS,
    match_release,
    read_meshes,
    read_split,
    take_points,
)
from concord3d.data.readers.raw import NamedMesh
from concord3d.data.readers.s3dis_h5 import RoomBlocks, read_blocks

__all__ = [
    "COLOURED_READERS",
    "SAMPLING_READERS",
    "NamedMesh",
    "RoomBlocks",
    "match_release",
    "read_blocks",
    "read_meshes",
    "read_split",
    "take_points",
]

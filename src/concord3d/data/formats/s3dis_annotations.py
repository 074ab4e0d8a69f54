"""Rooms of S3DIS as released: one text file for each annotated object (MM-Point spec 1.2).

``Area_<n>/<room>/Annotations/<class>_<k>.txt`` has one line ``x y z r g b`` per point, in metres with z up and colours
of 0 to 255. ``<room>.txt`` repeats the points of its annotations and is not read. The defects that the release is known
for are met by kind, and each is counted:

* A byte that stands for a space (``Area_5/hallway_6/Annotations/ceiling_1.txt``, line 180389) is read as one.
* A row whose number holds such a byte is left out: what the number was is not known.
* An object of a class that the thirteen do not name (``stairs_1.txt``) is clutter, as in PointNet's preparation.
* A copy that a system named (``Area_5/office_36/Annotations/wall_3 (1).txt``) is left out beside its original.
* Files that a system left (``.DS_Store``, ``Icon``) are left out.
* A room's own file of another name (``Area_6/copyRoom_1/copy_Room_1.txt``) changes nothing.

Shape legend: N points.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.findings import Findings
from concord3d.data.layout import NEXT_STEP
from concord3d.errors import BadCloud, DatasetCorrupt, UnreadableFile

ANNOTATIONS = "Annotations"
CLUTTER = "clutter"
NUM_COLUMNS = 6
_PLAIN = bytes(range(0x20, 0x7F)) + b"\t\r\n"
# A no-break space in UTF-8 has two bytes and is one fault.
_STRANGE = re.compile(rb"\xc2\xa0|[^\x20-\x7e\t\r]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SYSTEM_FILES = ("Icon", "Icon\r", "Thumbs.db", "desktop.ini")
_OBJECT = re.compile(r"(?P<name>[^_]+)(?:_.*)?")
_COPY = re.compile(r"(?P<original>.+) \(\d+\)")


@dataclass(frozen=True)
class AnnotatedRoom:
    """Where the annotations of a room are.

    Attributes:
        folder: ``Area_<n>/<room>``.
        area: Number of its area.
        files: Its annotations in natural order.
    """

    folder: Path
    area: int
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """``Area_<n>_<room>``, as the prepared blocks name it."""
        return f"{self.folder.parent.name}_{self.folder.name}"


@dataclass(frozen=True)
class RoomPoints:
    """The points of a room, object by object: by class, and in a class in natural order.

    Attributes:
        points: (N, 3) float64 metres, z up.
        colors: (N, 3) uint8 RGB.
        labels: (N,) int64 class.
    """

    points: NDArray[np.float64]
    colors: NDArray[np.uint8]
    labels: NDArray[np.int64]


def annotated_rooms(files: Sequence[Path]) -> list[AnnotatedRoom]:
    """Group annotations by their rooms.

    Args:
        files: Annotations in natural order.

    Returns:
        The rooms in the order of their first file.

    Raises:
        DatasetCorrupt: A room beside them has no annotations.
        UnreadableFile: The name of an area has no number.
    """
    of_room: dict[Path, list[Path]] = {}
    for path in files:
        of_room.setdefault(path.parent.parent, []).append(path)
    areas = {area: _area(area) for area in dict.fromkeys(folder.parent for folder in of_room)}
    for area in areas:
        for folder in sorted(area.iterdir()):
            if folder.is_dir() and folder not in of_room and not _is_of_a_system(folder):
                raise DatasetCorrupt(
                    "A room has no annotations",
                    where=folder,
                    expected=f"{ANNOTATIONS}/<class>_<number>.txt",
                    next_step="unpack the archive again; 'concord3d status' lists the steps",
                )
    return [AnnotatedRoom(folder, areas[folder.parent], tuple(paths)) for folder, paths in of_room.items()]


def note_names(room: AnnotatedRoom, class_names: Sequence[str], findings: Findings) -> None:
    """Count what the names of a room's files say: what is left out, and what is taken for clutter.

    Args:
        room: The room.
        class_names: The classes.
        findings: Receives it.
    """
    read = dict(_objects(room, class_names))
    # A folder of annotations holds nothing that is silently passed over.
    for path in sorted((room.folder / ANNOTATIONS).iterdir()):
        if path in read:
            if _class_name(path) not in class_names:
                findings.note("annotations of a class that the catalogue does not name, taken for clutter", _told(path))
        elif path in room.files:
            findings.note("copies of annotations that a system named, which are left out", _told(path))
        elif _is_of_a_system(path):
            findings.note("files that a system left beside the annotations, which are left out", _told(path))
        else:
            findings.note("files beside the annotations that are none, which are not read", _told(path))
    for path in sorted(room.folder.iterdir()):
        if path.is_file() and _is_of_a_system(path):
            findings.note("files that a system left beside the annotations, which are left out", _told(path))
        elif path.is_file() and path.name != f"{room.folder.name}.txt":
            findings.note("files of a room that do not have its name; only annotations are read", _told(path))


def note_rows(room: AnnotatedRoom, class_names: Sequence[str], findings: Findings) -> None:
    """Count the rows with bytes that no number has, without reading the others.

    Args:
        room: The room.
        class_names: The classes.
        findings: Receives it.

    Raises:
        UnreadableFile: A file cannot be opened, or a row has several such bytes.
    """
    for path, _ in _objects(room, class_names):
        _plain_text(path, findings)


def read_room(room: AnnotatedRoom, class_names: Sequence[str], findings: Findings) -> RoomPoints:
    """Read the points of a room.

    Args:
        room: The room.
        class_names: The classes, ``clutter`` among them.
        findings: Receives the rows that were mended or left out.

    Raises:
        UnreadableFile: A row has not six numbers, a colour is no whole number of 0 to 255, or a file is empty.
        BadCloud: A coordinate is not finite, or the room has no size along an axis.
    """
    points, colors, labels = [], [], []
    for path, label in sorted(_objects(room, class_names), key=lambda one: one[1]):
        rows = _read_rows(path, findings)
        points.append(rows[:, :3])
        colors.append(rows[:, 3:].astype(np.uint8))
        labels.append(np.full(len(rows), label, np.int64))
    read = RoomPoints(np.concatenate(points), np.concatenate(colors), np.concatenate(labels))
    size = np.ptp(read.points, axis=0)
    if not size.all():
        raise BadCloud(
            "The points of a room lie in a plane", where=room.folder, expected="a size along x, y and z", found=size
        )
    return read


def _objects(room: AnnotatedRoom, class_names: Sequence[str]) -> list[tuple[Path, int]]:
    """Return the annotations that are read, each with its class; one beside its original is a copy."""
    stems = {path.stem for path in room.files}
    objects = []
    for path in room.files:
        copy = _COPY.fullmatch(path.stem)
        if copy is None or copy["original"] not in stems:
            name = _class_name(path)
            objects.append((path, class_names.index(name if name in class_names else CLUTTER)))
    return objects


def _read_rows(path: Path, findings: Findings) -> NDArray[np.float64]:
    """Return (N, 6) the rows of an annotation, checked."""
    text = _plain_text(path, findings)
    if not text.strip():
        raise UnreadableFile("An annotation is empty", where=path, expected="rows x y z r g b", next_step=NEXT_STEP)
    try:
        rows = np.loadtxt(io.BytesIO(text), dtype=np.float64, comments=None, ndmin=2)
    except ValueError as error:
        raise UnreadableFile(
            "Cannot read an annotation", where=path, expected="rows x y z r g b", found=error, next_step=NEXT_STEP
        ) from error
    if rows.shape[1] != NUM_COLUMNS:
        raise UnreadableFile(
            "An annotation has other columns",
            where=path,
            expected="x y z r g b",
            found=f"{rows.shape[1]} columns",
            next_step=NEXT_STEP,
        )
    bad = np.flatnonzero(~np.isfinite(rows[:, :3]).all(axis=1))
    if len(bad):
        raise BadCloud(
            "Coordinates of an annotation are not finite", where=path, found=f"row {bad[0] + 1} and {len(bad) - 1} more"
        )
    wrong = np.flatnonzero(~((rows[:, 3:] >= 0) & (rows[:, 3:] <= 255) & (rows[:, 3:] % 1 == 0)).all(axis=1))
    if len(wrong):
        raise UnreadableFile(
            "A colour of an annotation is out of range",
            where=path,
            expected="whole numbers of 0 to 255",
            found=f"{rows[wrong[0], 3:].tolist()} in row {wrong[0] + 1}, and {len(wrong) - 1} more",
            next_step=NEXT_STEP,
        )
    return rows


def _plain_text(path: Path, findings: Findings) -> bytes:
    """Return the text of an annotation; a row with one byte that no number has is mended or left out."""
    try:
        text = path.read_bytes().removeprefix(_BYTE_ORDER_MARK)
    except OSError as error:
        raise UnreadableFile("Cannot open an annotation", where=path, found=error, next_step=NEXT_STEP) from error
    if not text.translate(None, _PLAIN):
        return text
    kept = []
    for number, row in enumerate(text.split(b"\n"), start=1):
        strange = _STRANGE.findall(row)
        if not strange:
            kept.append(row)
            continue
        if len(strange) > 1:
            raise UnreadableFile(
                "A row of an annotation is damaged",
                where=f"{path}: line {number}",
                expected="x y z r g b",
                found=f"{len(strange)} bytes that no number has, such as {strange[0]!r}",
                next_step=NEXT_STEP,
            )
        parted = _STRANGE.sub(b" ", row)
        place = f"{_told(path)} line {number} ({strange[0]!r})"
        if len(parted.split()) == NUM_COLUMNS:
            findings.note("rows with a byte in place of a space, which is read as one", place)
            kept.append(parted)
        else:
            findings.note("rows with a byte inside a number, which are left out", place)
    return b"\n".join(kept)


def _class_name(path: Path) -> str:
    match = _OBJECT.fullmatch(path.stem)
    return match["name"] if match else path.stem


def _is_of_a_system(path: Path) -> bool:
    return path.name.startswith(".") or path.name in (*_SYSTEM_FILES, "__MACOSX")


def _told(path: Path) -> str:
    """Return a file's path from its area on."""
    parts = path.parts
    return "/".join(parts[max(place for place, part in enumerate(parts) if part.startswith("Area_")) :])


def _area(folder: Path) -> int:
    match = re.fullmatch(r"Area_(\d+)", folder.name)
    if not match:
        raise UnreadableFile("The name of an area has no number", where=folder, expected="Area_<n>", found=folder.name)
    return int(match[1])

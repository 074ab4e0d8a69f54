"""What is found for a query, and pictures of it.

Shape legend: H and W sides of a picture.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.scans.scan import Scan
from concord3d.files import atomic_path
from concord3d.geometry.top_view import WHITE, top_view

Picture = NDArray[np.uint8]
SIDE = 192
_GAP, _FADED = 6, 0.25
_MARKS = ((214, 39, 40), (31, 119, 180), (44, 160, 44), (255, 127, 14), (148, 103, 189), (140, 86, 75))


@dataclass(frozen=True)
class FoundScene:
    """A scan that was found.

    Attributes:
        name: Its identifier.
        space: Identifier of its space.
        scene_type: What the space is; empty where unknown.
        score: Inner product of its vector with that of the query.
    """

    name: str
    space: str
    scene_type: str
    score: float


@dataclass(frozen=True)
class FoundObject:
    """The object of the closest scan that is closest to an object of the query.

    Attributes:
        query: The query's object in words.
        identifier: Of the object found, in its scan.
        name: Its label in the annotator's words.
        middle: x, y, z in metres of the mean of its vertices, in the frame of its scan.
        extent: Sides in metres of the box around them.
        score: Inner product of the two vectors.
    """

    query: str
    identifier: int
    name: str
    middle: tuple[float, float, float]
    extent: tuple[float, float, float]
    score: float


@dataclass(frozen=True)
class Answer:
    """The scans that are closest to a query, and where its objects are in the first.

    Attributes:
        modality: Of the query.
        among: Modality of the scans that were searched.
        num_searched: Scans that have it.
        scenes: The closest first.
        query_objects: What the objects of the query are, in words.
        objects_among: Modality of the objects that were searched.
        objects: One for each object of the query that has its modality, if the closest scan has any object.
        query_scan: The query, for pictures.
        scans: What was found, for pictures.
    """

    modality: str
    among: str
    num_searched: int
    scenes: tuple[FoundScene, ...]
    query_objects: str
    objects_among: str
    objects: tuple[FoundObject, ...]
    query_scan: Scan
    scans: tuple[Scan, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all but what is for pictures alone, as plain JSON."""
        return {
            "modality": self.modality,
            "among": self.among,
            "num_searched": self.num_searched,
            "scenes": [asdict(scene) for scene in self.scenes],
            "query_objects": self.query_objects,
            "objects_among": self.objects_among,
            "objects": [
                {**asdict(each), "middle": list(each.middle), "extent": list(each.extent)} for each in self.objects
            ],
        }


def answer_pictures(answer: Answer) -> dict[str, Picture]:
    """Draw an answer.

    Returns:
        ``scenes``: the query, where it can be drawn, and what was found, seen from above, the closest first.
        ``objects``: the closest scan with the objects that were found in strong colours; only if there are any.
    """
    query = _shown(answer.query_scan, answer.modality)
    views = [top_view(scan.points, scan.colors, SIDE) for scan in answer.scans]
    pictures = {"scenes": _strip([*([] if query is None else [query]), *views])}
    if answer.objects:
        pictures["objects"] = _marked(answer.scans[0], [each.identifier for each in answer.objects])
    return pictures


def write_pictures(answer: Answer, folder: Path) -> dict[str, Path]:
    """Write the pictures of :func:`answer_pictures` as PNG, each complete or not at all.

    Args:
        answer: What was found.
        folder: Is made if it is absent.

    Returns:
        The files by name.
    """
    from PIL import Image

    found = {}
    for name, picture in answer_pictures(answer).items():
        found[name] = folder / f"{name}.png"
        with atomic_path(found[name]) as temporary:
            Image.fromarray(picture).save(temporary, "PNG")
    return found


def _shown(scan: Scan, modality: str) -> Picture | None:
    """Return a query as a (SIDE, SIDE, 3) picture; None where it has none of its own."""
    if modality == "point":
        return top_view(scan.points, scan.colors, SIDE)
    if modality == "floorplan" and scan.floorplan is not None:
        return _fitted(scan.floorplan)
    if modality == "image" and len(scan.key_frames):
        return _fitted(scan.picture(int(scan.key_frames[0])))
    return _written(scan.referrals[0]) if modality == "referral" and scan.referrals else None


def _fitted(picture: Picture) -> Picture:
    from PIL import Image, ImageOps

    return np.array(ImageOps.pad(Image.fromarray(picture), (SIDE, SIDE), color=(WHITE,) * 3))


def _written(text: str) -> Picture:
    from PIL import Image, ImageDraw

    page = Image.new("RGB", (SIDE, SIDE), "white")
    lines = textwrap.wrap(text.encode("ascii", "replace").decode(), SIDE // 7, max_lines=SIDE // 16)
    ImageDraw.Draw(page).multiline_text((4, 4), "\n".join(lines), fill="black")
    return np.array(page)


def _strip(pictures: Sequence[Picture]) -> Picture:
    gap = np.full((SIDE, _GAP, 3), WHITE, np.uint8)
    return np.concatenate([part for picture in pictures for part in (picture, gap)][:-1], axis=1)


def _marked(scan: Scan, ids: Sequence[int]) -> Picture:
    """Draw a scan from above, pale, with some objects in colours that differ."""
    colors = (WHITE - _FADED * (WHITE - scan.colors.astype(np.float64))).round().astype(np.uint8)
    for number, identifier in enumerate(dict.fromkeys(ids)):
        colors[scan.instance == identifier] = _MARKS[number % len(_MARKS)]
    return top_view(scan.points, colors, SIDE)

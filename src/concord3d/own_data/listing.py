"""Which files of a folder are meshes or clouds, and of which class and split.

Four layouts: files alone; ``<class>/<file>``; ``<split>/<class>/<file>``; ``<class>/<split>/<file>``, as ModelNet has
it. Splits are called ``train`` and ``test``. Batches of clouds may also lie beside each other as ``train.npz`` and
``test.npz``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from concord3d.data.formats.mesh_files import MESH_SUFFIXES
from concord3d.data.layout import natural_order, without_side_files
from concord3d.errors import UnreadableFile
from concord3d.own_data.errors import MixedKinds, NoItems

CLOUD_SUFFIXES = (".npy", ".npz", ".ply")
SUFFIXES = tuple(sorted({*MESH_SUFFIXES, *CLOUD_SUFFIXES}))
SPLITS = ("train", "test")


@dataclass(frozen=True)
class ListedFile:
    """One file of the data.

    Attributes:
        path: The file.
        name: Its path below the folder, without suffix.
        category: Its class; empty where the layout has none.
        split: ``train``, ``test``, or empty where the layout has none.
    """

    path: Path
    name: str
    category: str = ""
    split: str = ""


def listed_files(data: Path) -> tuple[ListedFile, ...]:
    """List the meshes and clouds of a folder, class by class in natural order; or one file.

    Hidden files and those of other suffixes are left out.

    Args:
        data: The folder, or a file.

    Raises:
        UnreadableFile: There is no such folder or file, or the file has an unknown suffix.
        NoItems: The folder holds no mesh and no cloud.
        MixedKinds: Some files lie in folders of classes or splits, and others outside.
    """
    if data.is_file():
        if data.suffix.lower() not in SUFFIXES:
            raise UnreadableFile("No mesh and no cloud", where=data, expected=", ".join(SUFFIXES), found=data.suffix)
        return (ListedFile(data, data.stem),)
    if not data.is_dir():
        raise UnreadableFile("There is no such folder or file", where=data, expected="a folder, or a file of clouds")
    files = [path for path in without_side_files(data.rglob("*"), data) if path.is_file()]
    chosen = sorted((path for path in files if path.suffix.lower() in SUFFIXES), key=lambda p: natural_order(p))
    if not chosen:
        others = Counter(path.suffix.lower() or "no suffix" for path in files).most_common(5)
        raise NoItems(
            "A folder holds no mesh and no cloud",
            where=data,
            expected=f"files ending in {', '.join(SUFFIXES)}",
            found=", ".join(f"{count} x {suffix}" for suffix, count in others) or "an empty folder",
        )
    places = [path.relative_to(data).parent.parts for path in chosen]
    kinds = _kinds(chosen, places, data)
    return tuple(
        ListedFile(path, path.relative_to(data).with_suffix("").as_posix(), category, split)
        for path, (category, split) in zip(chosen, kinds, strict=True)
    )


def _kinds(files: Sequence[Path], places: Sequence[tuple[str, ...]], data: Path) -> list[tuple[str, str]]:
    """Return class and split of each file."""
    if not any(places) and {path.stem for path in files} <= {*SPLITS} and len(files) > 1:
        return [("", path.stem) for path in files]
    for at in (0, 1):
        in_splits = [len(place) > at and place[at] in SPLITS for place in places]
        if any(in_splits):
            _require_all(in_splits, files, data, "in a folder train or test")
            rest = [(*place[:at], *place[at + 1 :]) for place in places]
            return [(of, place[at]) for of, place in zip(_classes(files, rest, data), places, strict=True)]
    return [(of, "") for of in _classes(files, places, data)]


def _classes(files: Sequence[Path], places: Sequence[tuple[str, ...]], data: Path) -> list[str]:
    has = [bool(place) for place in places]
    if any(has):
        _require_all(has, files, data, "in the folder of a class")
    return [place[0] if place else "" for place in places]


def _require_all(has: Sequence[bool], files: Sequence[Path], data: Path, what: str) -> None:
    outside = [path for path, inside in zip(files, has, strict=True) if not inside]
    if outside:
        raise MixedKinds(
            f"Some files lie {what}, and others do not",
            where=data,
            expected=f"all {len(files)} files {what}, or none",
            found=f"{len(outside)} outside, {outside[0].relative_to(data)} among them",
            next_step="move them, or name the folder that holds what you mean",
        )

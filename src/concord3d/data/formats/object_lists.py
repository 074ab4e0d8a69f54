"""Which objects belong to a split: by list files where they are there, else a share of each class.

The default of Cross-MoST for lists that are not known (Cross-MoST spec 10): stratified, seed 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from concord3d.data.catalog import DatasetSpec
from concord3d.data.layout import find_split, read_lines
from concord3d.errors import DatasetMissing, WrongRelease, nearest

SEED = 0


def objects_of_split(spec: DatasetSpec, folder: Path, split: str, classes: Mapping[str, str]) -> list[str]:
    """Return the objects of a split in the order of ``classes``.

    Args:
        spec: The data set: its splits name their list files, of which one line names one object; ``held_out`` is the
            share of each class that the split ``test`` gets where there are no lists.
        folder: The layout folder, which holds the lists.
        split: Name of the split.
        classes: Class of each object that is there.

    Raises:
        ConfigError: The data set has no such split.
        DatasetMissing: A list is absent while another is there, a list names objects that are not there, or the split
            is empty.
        WrongRelease: A list names an object twice, or two lists name the same.
    """
    find_split(spec, split)
    paths = {name: folder / entry.list_file for name, entry in spec.splits.items() if entry.list_file}
    present = [name for name, path in paths.items() if path.is_file()]
    if present or spec.held_out is None:
        absent = [paths[name].name for name in paths if name not in present]
        if absent:
            raise DatasetMissing(
                f"A list of objects of {spec.id} is missing",
                where=folder,
                expected=", ".join(path.name for path in paths.values()),
                found=f"absent: {', '.join(absent)}",
                next_step=f"obtain '{spec.id}' ('concord3d status' lists the steps)",
            )
        chosen = _listed(spec, paths, classes)[split]
    else:
        test = _held_out(spec.held_out, classes)
        chosen = test if split == "test" else set(classes) - test
    members = [name for name in classes if name in chosen]
    if not members:
        raise DatasetMissing(f"No objects of {spec.id}/{split}", where=folder, found=f"{len(classes)} objects in all")
    return members


def _listed(spec: DatasetSpec, paths: Mapping[str, Path], classes: Mapping[str, str]) -> dict[str, set[str]]:
    chosen: dict[str, set[str]] = {}
    for split, path in paths.items():
        lines = read_lines(path)
        unknown = [line for line in lines if line not in classes]
        if unknown:
            shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
            raise DatasetMissing(
                f"A list of {spec.id} names objects that are not there, or are of no class of the data set",
                where=path,
                expected=f"lines that name one of {len(classes)} objects{nearest(unknown[0], tuple(classes))}",
                found=shown,
                next_step="obtain the missing objects, or take their lines out of the list",
            )
        seen = {line: name for name, lines_of in chosen.items() for line in lines_of}
        twice = [line for line in lines if lines.count(line) > 1] if len(set(lines)) < len(lines) else []
        shared = [f"{line} (also in {paths[seen[line]].name})" for line in lines if line in seen]
        if twice or shared:
            raise WrongRelease(
                f"Lists of {spec.id} name an object twice",
                where=path,
                expected="every object in one split, once",
                found=", ".join((*dict.fromkeys(twice), *shared)[:5]),
            )
        chosen[split] = set(lines)
    return chosen


def _held_out(share: float, classes: Mapping[str, str]) -> set[str]:
    """Draw the share of each class; which objects of a class are drawn depends on the names of its objects alone."""
    test: set[str] = set()
    for category in dict.fromkeys(classes.values()):
        members = sorted(name for name, own in classes.items() if own == category)
        order = np.random.default_rng(SEED).permutation(len(members))
        count = round(share * len(members))
        # A class of two or more objects is in both splits.
        count = min(max(count, 1), len(members) - 1)
        test |= {members[place] for place in order[:count]}
    return test

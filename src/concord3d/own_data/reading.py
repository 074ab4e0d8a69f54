"""From a folder or a file of the user to clouds as encoders take them, by rules that are said.

Shape legend: S clouds, P points per cloud, N points asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.config.validation import require_known
from concord3d.data.catalog import load_catalog
from concord3d.data.formats.findings import Findings
from concord3d.data.layout import read_lines
from concord3d.data.reading import read_split
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import BadCloud, BadMesh, ConfigError, UnreadableFile
from concord3d.files import sha256_file
from concord3d.layout import CATALOG
from concord3d.own_data.errors import MixedKinds, NoItems
from concord3d.own_data.files import kind_of, read_file
from concord3d.own_data.listing import ListedFile, listed_files
from concord3d.own_data.rules import Normalise, PlacedCloud, Up, joint_colors, normalised, of_one_size, upright

OWN = "own"
CLASS_NAMES = "class_names.txt"
_SHOWN = 5


@dataclass(frozen=True)
class Reading:
    """How data are read.

    Attributes:
        num_points: N: drawn on each mesh, and needed of each cloud.
        up: Axis that points up in the files; ``auto`` decides by their format.
        normalise: Centre each cloud and bring it into the unit sphere: ``always``, ``never``, or ``auto``, which leaves
            clouds as they are if all are so already.
        layout: A data set of the catalogue in whose layout the folder is, such as ``modelnet40``; None for the layouts
            of :mod:`concord3d.own_data.listing`.
        root: The repository, whose catalogue knows the layout.
    """

    num_points: int = 1024
    up: Up = "auto"
    normalise: Normalise = "auto"
    layout: str | None = None
    root: Path = Path()


@dataclass(frozen=True)
class OwnData:
    """Clouds of the user.

    Attributes:
        splits: Clouds by split: ``train`` and ``test``, or ``all`` where the data know no splits.
        rules: What was decided about them, one sentence each.
        left_out: Files that cannot be used, with the reason.
        files: Checksum of each file that was read, by its name below the folder.
    """

    splits: Mapping[str, CloudSplit]
    rules: tuple[str, ...]
    left_out: Mapping[str, str]
    files: Mapping[str, str]

    @property
    def all(self) -> CloudSplit:
        """All clouds, the training split first."""
        parts = [self.splits[name] for name in ("train", "test", "all") if name in self.splits]
        first = parts[0]
        if len(parts) == 1:
            return first
        has_colors = all(part.colors is not None for part in parts)
        return replace(
            first,
            split="all",
            points=np.concatenate([part.points for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            names=tuple(name for part in parts for name in part.names),
            colors=np.concatenate([part.colors for part in parts if part.colors is not None]) if has_colors else None,
        )

    @property
    def split_names(self) -> tuple[str, ...]:
        """The split of each cloud, in the order of :attr:`all`."""
        order = [name for name in ("train", "test", "all") if name in self.splits]
        return tuple(name for name in order for _ in range(len(self.splits[name])))

    def sentences(self) -> tuple[str, ...]:
        """Return the rules, and what was left out."""
        shown = [f"{name} ({reason})" for name, reason in list(self.left_out.items())[:_SHOWN]]
        more = f"; and {len(self.left_out) - _SHOWN} more" if len(self.left_out) > _SHOWN else ""
        left = (f"left out: {len(self.left_out)} of the files or clouds: {'; '.join(shown)}{more}",) if shown else ()
        return (*self.rules, *left)


def read_own_data(data: Path | str, reading: Reading | None = None) -> OwnData:
    """Read a folder of meshes or clouds, or a file of clouds.

    A file that cannot be used is left out, counted and named; the rest goes on.

    Args:
        data: The folder or the file; see :mod:`concord3d.own_data.listing`.
        reading: How it is read; None for the defaults.

    Raises:
        UnreadableFile: There is no such folder or file.
        NoItems: No mesh and no cloud is there, or none that can be used; the reasons are given.
        MixedKinds: Meshes beside clouds, or files with a class beside files without.
        ConfigError: The catalogue knows no such layout.
        ConcordError: Of a layout of the catalogue, see :func:`concord3d.data.reading.read_split`.
    """
    data, reading = Path(data), reading or Reading()
    if reading.layout is not None:
        return _read_layout(data, reading)
    files = listed_files(data)
    kind = _one_kind(files, data)
    placed, left_out, class_names, findings = _read_all(files, data, reading)
    suffixes = _counted([each.path.suffix.lower() for each in files])
    rules = [f"data: {len(files)} files of {kind} in '{data.resolve().name}' ({suffixes})"]
    placed, said = upright(placed, reading.up)
    rules += said
    placed, said = of_one_size(placed, left_out, reading.num_points, kind)
    rules += said
    if not placed:
        raise _nothing_left(data, left_out)
    points, said = normalised(np.stack([each.cloud.points for each in placed]), reading.normalise)
    rules += said
    colors, said = joint_colors(placed)
    rules += [*said, *findings.sentences()]
    names = _class_names(data, class_names, placed)
    digests = {each.name + each.path.suffix: sha256_file(each.path) for each in files if each.path.is_file()}
    return OwnData(_splits(data, placed, points, colors, names), tuple(rules), left_out, digests)


def _one_kind(files: Sequence[ListedFile], data: Path) -> str:
    """Return ``meshes`` or ``clouds``; files whose kind cannot be told are left to their reader.

    Raises:
        MixedKinds: There are both.
    """
    first: dict[str, Path] = {}
    kinds = Counter[str]()
    for item in files:
        kind = kind_of(item.path)
        if kind is not None:
            kinds[kind] += 1
            first.setdefault(kind, item.path)
    if len(kinds) > 1:
        raise MixedKinds(
            "A folder holds meshes and clouds",
            where=data,
            expected="one kind: points are drawn on meshes, and taken from clouds as they are",
            found=f"{kinds['meshes']} meshes ({first['meshes'].name}), {kinds['clouds']} clouds "
            f"({first['clouds'].name})",
            next_step="keep them in two folders",
        )
    return next(iter(kinds), "clouds")


def _read_all(
    files: Sequence[ListedFile], data: Path, reading: Reading
) -> tuple[list[PlacedCloud], dict[str, str], tuple[str, ...], Findings]:
    placed: list[PlacedCloud] = []
    left_out: dict[str, str] = {}
    class_names: tuple[str, ...] = ()
    findings = Findings()
    for item in files:
        try:
            content = read_file(item, reading.num_points, data if data.is_dir() else data.parent, findings)
        except (UnreadableFile, BadMesh, BadCloud) as error:
            found = f": {error.found}" if error.found is not None else ""
            left_out[item.name + item.path.suffix] = f"{error.what}{found}".splitlines()[0]
            continue
        class_names = class_names or content.class_names
        for cloud in content.clouds:
            if not np.isfinite(cloud.points).all():
                bad = int((~np.isfinite(cloud.points).all(axis=1)).sum())
                left_out[cloud.name] = f"{bad} of {len(cloud.points)} points are not finite"
            elif not np.ptp(cloud.points, axis=0).any():
                left_out[cloud.name] = "all points are identical"
            else:
                placed.append(PlacedCloud(cloud, item))
    if not placed:
        raise _nothing_left(data, left_out)
    return placed, left_out, class_names, findings


def _nothing_left(data: Path, left_out: Mapping[str, str]) -> NoItems:
    shown = [f"{name}: {reason}" for name, reason in list(left_out.items())[:_SHOWN]]
    more = f"; and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
    return NoItems("No file can be used", where=data, found="; ".join(shown) + more)


def _class_names(data: Path, stated: tuple[str, ...], placed: Sequence[PlacedCloud]) -> tuple[str, ...]:
    """Return names in label order: of ``class_names.txt``, of the file, else sorted."""
    found = {cloud.category for cloud, _ in placed} - {""}
    listed = tuple(read_lines(data / CLASS_NAMES)) if (data / CLASS_NAMES).is_file() else stated
    strange = sorted(found - {*listed})
    if listed and strange:
        raise ConfigError(
            "A class is not in the list of classes",
            where=data / CLASS_NAMES if data.is_dir() else data,
            expected=", ".join(listed),
            found=", ".join(strange),
        )
    return listed or tuple(sorted(found))


def _splits(
    data: Path,
    placed: Sequence[PlacedCloud],
    points: NDArray[np.float32],
    colors: NDArray[np.uint8] | None,
    class_names: tuple[str, ...],
) -> dict[str, CloudSplit]:
    row_of = {name: row for row, name in enumerate(class_names)}
    whole = CloudSplit(
        data.stem if data.is_file() else data.resolve().name,
        "all",
        OWN,
        points=points,
        labels=np.array([row_of.get(cloud.category, -1) for cloud, _ in placed], dtype=np.int64),
        class_names=class_names,
        names=tuple(cloud.name for cloud, _ in placed),
        colors=colors,
    )
    of = np.array([file.split or "all" for _, file in placed])
    return {str(name): replace(whole.subset(np.flatnonzero(of == name)), split=str(name)) for name in np.unique(of)}


def _read_layout(data: Path, reading: Reading) -> OwnData:
    """Read a folder in the layout of a catalogued data set, by its reader."""
    assert reading.layout is not None
    if not (reading.root / CATALOG).is_file():
        raise ConfigError(
            "Layouts are those of the data sets in the catalogue, and there is none",
            where=reading.root / CATALOG,
            next_step="name a clone of Concord3D with --root",
        )
    catalog = load_catalog(reading.root / CATALOG)
    require_known(reading.layout, catalog, "data set", "--layout")
    spec = catalog[reading.layout]
    splits: dict[str, CloudSplit] = {}
    for name in (split for split in ("train", "test") if split in spec.splits):
        store = read_split(spec, data, name, "real")
        if not isinstance(store, CloudSplit):
            raise ConfigError("No data set of single objects", where="--layout", found=reading.layout)
        splits[name] = store
    counts = ", ".join(f"{len(split)} in {name}" for name, split in splits.items())
    rules = (f"read as {reading.layout} ({counts}); points, axes and units are those of this data set",)
    findings = tuple(sentence for split in splits.values() for sentence in split.findings)
    files = {path.relative_to(data).as_posix(): sha256_file(path) for path in sorted(data.rglob("*")) if path.is_file()}
    return OwnData(splits, (*rules, *findings), {}, files)


def _counted(words: Iterable[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(Counter(words).items()))

"""One call for every data set, of the world or real: read, check against the catalogue, return the canonical form."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from concord3d.data.catalog import DatasetSpec, Release
from concord3d.data.layout import layout_folder
from concord3d.data.manifest import MANIFEST, verify_files
from concord3d.data.readers import find_reader
from concord3d.data.readers.interface import NamedMesh
from concord3d.data.stores.interface import DATA_KINDS, Limits, Store
from concord3d.errors import BadCloud, ConfigError, UnreadableFile, WrongRelease

_log = logging.getLogger(__name__)


def read_split(spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Store:
    """Read one split of any data set.

    Args:
        spec: The data set.
        root: Folder that holds the layout (the layout folder itself or its parent).
        split: Name of the split.
        data_kind: ``real`` demands the counts of a known release, ``synthetic`` leaves counts free.
        num_points: Points per item: so many are drawn from meshes and rooms, and the first so many are kept of stored
            clouds. None leaves the reader's default, or all points stored.

    Returns:
        The content of the files, of the kind that the data set's reader yields, validated.

    Raises:
        ConfigError: No such split or kind of data, or points asked of a store that keeps all.
        DatasetMissing: Files are missing.
        DatasetCorrupt: Files differ from the manifest (where there is one).
        UnreadableFile: A file is truncated, of another format, or lacks a key.
        WrongRelease: Counts, classes, points, dtype or units are not those of an accepted release.
        BadCloud: Empty, not finite, or collapsed clouds, or fewer points than asked.
        BadMesh: A mesh that clouds are sampled from has no faces, no area or broken indices.
    """
    if data_kind not in DATA_KINDS:
        raise ConfigError(f"Unknown data_kind '{data_kind}'", expected=" or ".join(DATA_KINDS))
    if num_points is not None and num_points < 1:
        raise BadCloud("At least one point must be asked", where=f"{spec.id}/{split}", found=num_points)
    if data_kind == "real" and (root / MANIFEST).is_file():
        verify_files(root)
    reader = find_reader(spec.reader)
    reading = reader.read(spec, root, split, data_kind, num_points)
    where = layout_folder(spec, root)
    class_names = _class_names(spec, reading.class_names, data_kind, where)
    store = reading.store.with_class_names(class_names).validated(f"{where} ({split})")
    findings = reading.findings.sentences()
    for sentence in findings:
        _log.warning("%s/%s: %s", spec.id, split, sentence)
    store = replace(store, findings=findings)
    store.check(Limits(0 if reader.has_labels else -1, spec.class_parts, spec.max_radius), where)
    if data_kind == "real":
        counted = len(store) if reading.num_counted is None else reading.num_counted
        match_release(spec, {split: counted}, reading.num_points, reading.dtype, where)
    return store if reading.drawn or num_points is None else store.first_points(num_points)


def read_meshes(spec: DatasetSpec, root: Path, split: str = "train") -> Iterator[NamedMesh]:
    """Yield the meshes of one split of a data set, in the order of its clouds.

    Args:
        spec: The data set.
        root: Folder that holds the layout.
        split: Name of the split.

    Raises:
        ConfigError: The data set has no meshes, or no such split.
        DatasetMissing: The folder holds none.
        UnreadableFile: A file is truncated or of another format.
        BadMesh: A mesh has no faces, broken indices or values that are not finite.
    """
    return find_reader(spec.reader).read_meshes(spec, root, split)


def recognise(spec: DatasetSpec, root: Path) -> Release:
    """Count the items of every split, from headers and lists alone, and return the release they belong to.

    Args:
        spec: The data set.
        root: Folder that holds the layout.

    Raises:
        DatasetMissing: A split has no files.
        UnreadableFile: A file is truncated or lacks ``data``.
        WrongRelease: No accepted release has these counts, points and dtype.
    """
    reader = find_reader(spec.reader)
    found = {split: reader.census(spec, root, split) for split in spec.splits}
    where = layout_folder(spec, root)
    points = {census.num_points for census in found.values()}
    dtypes = {census.dtype for census in found.values()}
    if len(points) > 1 or len(dtypes) > 1:
        raise UnreadableFile("Splits of one data set differ", where=where, found=found)
    counts = {split: census.num_items for split, census in found.items()}
    return match_release(spec, counts, points.pop(), dtypes.pop(), where)


def match_release(
    spec: DatasetSpec, counts: dict[str, int], num_points: int | None, dtype: str | None, where: Path
) -> Release:
    """Return the release that the observed facts fit.

    Args:
        spec: The data set.
        counts: Items per split read; splits not read are not compared.
        num_points: Points per item, or None.
        dtype: Name of the dtype on disk, or None.
        where: Folder, for the message.

    Raises:
        WrongRelease: No accepted release has these counts, points and dtype.
    """
    for release in spec.releases:
        counts_fit = all(release.counts.get(split, count) == count for split, count in counts.items())
        points_fit = None in (num_points, release.num_points) or num_points == release.num_points
        dtype_fits = None in (dtype, release.dtype) or dtype == release.dtype
        if counts_fit and points_fit and dtype_fits:
            return release
    raise WrongRelease(
        f"'{spec.id}' is no release that is accepted",
        where=where,
        expected=" | ".join(_facts(r.counts, r.num_points, r.dtype, r.name) for r in spec.releases),
        found=_facts(counts, num_points, dtype, "this copy"),
        next_step=f"move this copy away and obtain '{spec.id}' again, or list it in datasets.yaml if it is right",
    )


def _facts(counts: dict[str, int], num_points: int | None, dtype: str | None, name: str) -> str:
    shapes = ", ".join(f"{split} {count}" for split, count in counts.items()) or "any number of shapes"
    return f"{name}: {shapes}; {num_points or 'any number of'} points; {dtype or 'any dtype'}"


def _class_names(spec: DatasetSpec, stated: tuple[str, ...], data_kind: str, where: Path) -> tuple[str, ...]:
    """Return the class names of a split: the catalogue's, unless the world states its own choice of them."""
    if spec.class_names and stated:
        permuted = data_kind == "real" and stated != spec.class_names
        if permuted or set(stated) - set(spec.class_names):
            raise WrongRelease(
                f"Class names of '{spec.id}' differ from the catalogue (names or order)",
                where=where,
                expected=", ".join(spec.class_names),
                found=", ".join(stated),
            )
    return stated if data_kind == "synthetic" and stated else spec.class_names or stated

"""One call for every data set, of the world or real: read, check against the catalogue, return the canonical form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from concord3d.data.catalog import DatasetSpec, Release
from concord3d.data.manifest import MANIFEST, verify_files
from concord3d.data.readers import (
    mesh_text,
    modelnet_h5,
    off_tree,
    openshape_eval,
    openshape_npy,
    s3dis_h5,
    scanobjectnn_h5,
    shapenet,
    shapenetpart_h5,
)
from concord3d.data.readers.layout import layout_folder, split_files
from concord3d.data.readers.raw import NamedMesh, RawClouds
from concord3d.data.records import DATA_KINDS, CloudSplit
from concord3d.errors import BadCloud, ConfigError, WrongRelease

CLOUD_READERS: dict[str, Callable[..., RawClouds]] = {
    "modelnet_h5": modelnet_h5.read,
    "off_tree": off_tree.read,
    "scanobjectnn_h5": scanobjectnn_h5.read,
    "shapenetpart_h5": shapenetpart_h5.read,
    "s3dis_h5": s3dis_h5.read,
    "shapenet": shapenet.read,
    "mesh_text": mesh_text.read,
    "openshape_npy": openshape_npy.read,
    "openshape_modelnet40": openshape_eval.read_modelnet40,
    "openshape_scanobjectnn": openshape_eval.read_scanobjectnn,
}
# Readers whose clouds are sampled from meshes, with as many points as asked.
SAMPLING_READERS = ("off_tree", "mesh_text")
COLOURED_READERS = ("mesh_text", "openshape_npy", "openshape_modelnet40", "openshape_scanobjectnn")
MESH_READERS: dict[str, Callable[[DatasetSpec, Path, str], Iterator[NamedMesh]]] = {
    "off_tree": off_tree.read_meshes,
    "shapenet": shapenet.read_meshes,
    "mesh_text": mesh_text.read_meshes,
}
COUNTERS: dict[str, Callable[[DatasetSpec, Path, str], int]] = {
    "mesh_text": mesh_text.count_shapes,
    "openshape_npy": openshape_npy.count_shapes,
    "openshape_modelnet40": openshape_eval.count_modelnet40,
    "openshape_scanobjectnn": openshape_eval.count_scanobjectnn,
}
UNLABELLED_READERS = ("s3dis_h5", "mesh_text", "openshape_npy")


def read_split(spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> CloudSplit:
    """Read one split of any data set.

    Args:
        spec: The data set.
        root: Folder that holds the layout (the layout folder itself or its parent).
        split: Name of the split.
        data_kind: ``real`` demands the counts of a known release, ``synthetic`` leaves counts free.
        num_points: Points per cloud: so many are sampled from meshes, and the first so many are kept of stored clouds.
            None leaves the reader's default, or all points stored.

    Returns:
        The clouds as stored, in float32.

    Raises:
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
    sampled = spec.reader in SAMPLING_READERS
    raw = CLOUD_READERS[spec.reader](spec, root, split, *((num_points,) if sampled else ()))
    where = layout_folder(spec, root)
    class_names = spec.class_names or raw.class_names or ()
    if data_kind == "synthetic" and raw.class_names:
        class_names = raw.class_names
    clouds = CloudSplit(
        spec.id,
        split,
        data_kind,
        raw.points,
        raw.labels,
        class_names,
        raw.names,
        raw.part_labels,
        raw.foreground,
        raw.colors,
        raw.texts,
    ).validated(f"{where} ({split})")
    _check_classes(spec, raw, clouds, where)
    _check_extent(spec, clouds, where)
    if data_kind == "real":
        match_release(spec, {split: len(clouds)}, None if sampled else raw.points.shape[1], raw.dtype, where)
    return clouds if sampled or num_points is None else take_points(clouds, num_points)


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
    if spec.reader not in MESH_READERS:
        raise ConfigError(f"'{spec.id}' has no meshes", expected=f"a data set read by {' or '.join(MESH_READERS)}")
    return MESH_READERS[spec.reader](spec, root, split)


def count_shapes(spec: DatasetSpec, root: Path, split: str) -> int:
    """Return the number of shapes of a split that is not stored in HDF5, without reading clouds or meshes.

    Raises:
        DatasetMissing: The split has no files.
        UnreadableFile: A list of shapes is damaged.
    """
    counter = COUNTERS.get(spec.reader)
    return len(split_files(spec, root, split)) if counter is None else counter(spec, root, split)


def take_points(clouds: CloudSplit, num_points: int) -> CloudSplit:
    """Return the first ``num_points`` points of every cloud, as the published protocols do (MM-Point spec 4.1, note).

    Raises:
        BadCloud: The clouds have fewer points.
    """
    stored = clouds.points.shape[1]
    if not 0 < num_points <= stored:
        raise BadCloud(
            "Clouds have fewer points than asked" if num_points > stored else "At least one point must be asked",
            where=f"{clouds.dataset}/{clouds.split}",
            expected=f"1 to {stored} points",
            found=num_points,
            next_step=f"set data.num_points to {stored} or less",
        )
    return CloudSplit(
        clouds.dataset,
        clouds.split,
        clouds.data_kind,
        clouds.points[:, :num_points],
        clouds.labels,
        clouds.class_names,
        clouds.names,
        None if clouds.part_labels is None else clouds.part_labels[:, :num_points],
        None if clouds.foreground is None else clouds.foreground[:, :num_points],
        None if clouds.colors is None else clouds.colors[:, :num_points],
        clouds.texts,
    )


def match_release(
    spec: DatasetSpec, counts: dict[str, int], num_points: int | None, dtype: str | None, where: Path
) -> Release:
    """Return the release that the observed facts fit.

    Args:
        spec: The data set.
        counts: Shapes per split read; splits not read are not compared.
        num_points: Points per cloud, or None.
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


def _check_classes(spec: DatasetSpec, raw: RawClouds, clouds: CloudSplit, where: Path) -> None:
    known = clouds.class_names
    if spec.class_names and raw.class_names:
        strangers = sorted(set(raw.class_names) - set(spec.class_names))
        permuted = clouds.data_kind == "real" and raw.class_names != spec.class_names
        if strangers or permuted:
            raise WrongRelease(
                f"Class names of '{spec.id}' differ from the catalogue (names or order)",
                where=where,
                expected=", ".join(spec.class_names),
                found=", ".join(raw.class_names),
            )
    labels = clouds.labels
    lowest = -1 if spec.reader in UNLABELLED_READERS else 0
    if labels.min() < lowest or labels.max() >= len(known):
        raise WrongRelease(
            f"Labels of '{spec.id}' are out of range",
            where=where,
            expected=f"{lowest} to {len(known) - 1}",
            found=f"{labels.min()} to {labels.max()}",
        )
    for name, label in zip(clouds.names, labels, strict=True):
        category, slash, _ = name.partition("/")
        if slash and category in known and label >= 0 and known[label] != category:
            raise WrongRelease(
                f"A shape of '{spec.id}' has the label of another class (class order permuted?)",
                where=where,
                expected=f"{name}: {known.index(category)}",
                found=f"{label} ({known[label]})",
            )
    parts = clouds.part_labels
    if parts is not None and spec.num_parts and (parts.min() < 0 or parts.max() >= spec.num_parts):
        raise WrongRelease(
            f"Part labels of '{spec.id}' are out of range",
            where=where,
            expected=f"0 to {spec.num_parts - 1}",
            found=f"{parts.min()} to {parts.max()}",
        )


def _check_extent(spec: DatasetSpec, clouds: CloudSplit, where: Path) -> None:
    spread = np.ptp(clouds.points, axis=1).max(axis=1)
    collapsed = np.flatnonzero(spread == 0)
    if len(collapsed):
        raise BadCloud(
            "All points of a cloud are identical",
            where=where,
            expected="a cloud with an extent",
            found=f"{len(collapsed)} of {len(clouds)} shapes, first: {clouds.names[collapsed[0]]}",
        )
    if spec.max_radius is None:
        return
    radius = float(np.sqrt(max(np.square(cloud, dtype=np.float64).sum(axis=1).max() for cloud in clouds.points)))
    if radius > spec.max_radius:
        raise WrongRelease(
            f"Points of '{spec.id}' are too far from the origin (not normalised, or other units)",
            where=where,
            expected=f"radius at most {spec.max_radius}",
            found=f"{radius:.4g}",
        )

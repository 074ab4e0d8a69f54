"""Bring a data set to its place: mirrors, licence, download, safe unpacking, recognition, manifest."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from concord3d.data.archives import extract
from concord3d.data.catalog import DatasetSpec, FileSpec, Release
from concord3d.data.download import (
    FetchSettings,
    check_mirrors,
    expected_sha256,
    fetch,
    local_mirror,
    quarantine,
    record_checksum,
)
from concord3d.data.layout import layout_folder
from concord3d.data.manifest import MANIFEST, OBTAINED, data_files, verify_files, write_manifest
from concord3d.data.readers import find_reader
from concord3d.data.reading import recognise
from concord3d.data.storage import locked
from concord3d.errors import ConcordError, DatasetCorrupt, DatasetMissing, DownloadError, LicenceGate, UnreadableFile
from concord3d.files import remove_orphans, temporary_folder

logger = logging.getLogger(__name__)


def obtain(
    spec: DatasetSpec,
    root: Path,
    mirrors: Sequence[str] = (),
    accept_licence: bool = False,
    archives: Path | None = None,
    settings: FetchSettings | None = None,
) -> Release:
    """Make ``root`` hold a complete, recognised data set; do nothing where it already does.

    In this order: files already below ``root``; the unpacked layout on a directory mirror (copied); archives on this
    disk, on mirrors, and, where the licence allows, at the addresses of the catalogue.

    Args:
        spec: The data set.
        root: Folder that receives the layout and ``manifest.json``.
        mirrors: Directories, ``file://`` or ``http(s)://`` addresses, consulted first.
        accept_licence: The user has accepted the terms of a gated data set.
        archives: Folder of downloads; None means ``<root>/archives``. Data sets may share it.
        settings: Patience of downloads.

    Returns:
        The release recognised.

    Raises:
        ConfigError: A mirror is a folder that does not exist.
        LicenceGate: A form or login stands before the data; says what to do.
        DownloadError: No address delivered a file.
        DatasetCorrupt: A file has another checksum than recorded.
        UnsafeArchive: An archive holds what must not be unpacked.
        UnreadableFile: An archive or a file of the layout is damaged.
        WrongRelease: The data are readable but of another release.
        DiskFull: No room.
    """
    root.mkdir(parents=True, exist_ok=True)
    archives = archives or root / "archives"
    with locked(root / MANIFEST):
        # Of runs that were killed.
        remove_orphans(root)
        release = _in_place(spec, root)
        if release is None:
            check_mirrors(mirrors)
            release = _from_mirrors(spec, root, mirrors)
        if release is not None:
            return release
        used = _unpack_archives(spec, root, mirrors, accept_licence, archives, settings)
        release = _finish(spec, root)
        for file, path in used:
            record_checksum(file, archives, path)
        return release


def verify(spec: DatasetSpec, root: Path, full: bool = False) -> Release:
    """Check that ``root`` still holds what was obtained, and that it is an accepted release.

    Args:
        spec: The data set.
        root: Folder of the data set.
        full: Hash every byte instead of sizes and sampled blocks.

    Raises:
        DatasetMissing: Never completely obtained.
        DatasetCorrupt: A file is absent or differs from the manifest.
        WrongRelease: The release is no longer accepted by the catalogue.
    """
    verify_files(root, full)
    return recognise(spec, root)


def _in_place(spec: DatasetSpec, root: Path) -> Release | None:
    if (root / MANIFEST).is_file() or (root / OBTAINED).is_file():
        try:
            if (root / MANIFEST).is_file():
                return verify(spec, root)
            verify_files(root, full=True, name=OBTAINED)
            return _finish(spec, root)
        except ConcordError as error:
            logger.warning("%s: what was obtained earlier is not intact and is obtained anew: %s", spec.id, error)
            return None
    try:
        return _finish(spec, root)
    except DatasetMissing:
        return None


def _finish(spec: DatasetSpec, root: Path) -> Release:
    release = recognise(spec, root)
    folder = layout_folder(spec, root)
    defects = find_reader(spec.reader).defects(spec, root).sentences()
    for sentence in defects:
        logger.warning("%s: %s", spec.id, sentence)
    write_manifest(root, spec.id, release.name, data_files(folder), defects)
    logger.info("%s: release '%s' is in place", spec.id, release.name)
    return release


def unpacked_on_mirror(spec: DatasetSpec, mirror: str) -> Path | None:
    """Return the folder of a directory mirror that holds the unpacked data set, or None.

    It may be ``<mirror>`` or ``<mirror>/<id>``.
    """
    folder = local_mirror(mirror)
    if folder is None:
        return None
    for candidate in (folder / spec.id, folder):
        if not candidate.is_dir() or (spec.folders and layout_folder(spec, candidate) == candidate != folder / spec.id):
            continue
        try:
            recognise(spec, candidate)
            return candidate
        except DatasetMissing:
            continue
        except ConcordError as error:
            logger.warning("%s: the copy on the mirror is not used: %s", spec.id, error)
    return None


def _from_mirrors(spec: DatasetSpec, root: Path, mirrors: Sequence[str]) -> Release | None:
    for mirror in mirrors:
        source = unpacked_on_mirror(spec, mirror)
        if source is None:
            continue
        layout = layout_folder(spec, source)
        if layout != source:
            _copy_tree(layout, root / layout.relative_to(source), root)
        elif spec.folders:
            _copy_tree(layout, root / spec.folders[0], root)
        else:
            tops = {pattern.split("/")[0] for split in spec.splits.values() for pattern in split.patterns}
            for top in sorted(tops | {"ShapeNetRendering", "captions.jsonl"}):
                if (source / top).exists():
                    _copy_tree(source / top, root / top, root)
        return _finish(spec, root)
    return None


def _copy_tree(source: Path, target: Path, root: Path) -> None:
    """Copy a file or folder; the target appears complete or not at all, writable by its owner."""
    with temporary_folder(root) as temporary:
        copy = temporary / target.name
        for path in [source] if source.is_file() else data_files(source):
            destination = copy / path.relative_to(source) if path != source else copy
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, destination)
        if target.is_dir():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy.replace(target)


def _unpack_archives(
    spec: DatasetSpec,
    root: Path,
    mirrors: Sequence[str],
    accept_licence: bool,
    archives: Path,
    settings: FetchSettings | None,
) -> list[tuple[FileSpec, Path]]:
    used = []
    for file in needed_files(spec, [archives, *filter(None, map(local_mirror, mirrors))]):
        urls = file.urls if accept_licence or spec.licence.gate == "open" else ()
        try:
            path = fetch(file, archives, mirrors, settings, urls)
        except DownloadError as error:
            if file.optional:
                logger.warning("%s: %s is not there and is optional: %s", spec.id, file.path, error)
                continue
            if spec.licence.gate != "open" and not urls:
                raise licence_gate(spec, file, archives) from error
            raise
        _unpack(file, path, root, archives)
        used.append((file, path))
    return used


def needed_files(spec: DatasetSpec, folders: Sequence[Path]) -> list[FileSpec]:
    """Return the files that a data set is unpacked from.

    Args:
        spec: The data set.
        folders: Where archives may lie already.

    Returns:
        One that stands alone where it lies there, or all that do not stand alone.
    """
    for file in spec.files:
        if file.alone and any((folder / file.path).is_file() for folder in folders):
            return [file]
    return [file for file in spec.files if not file.alone]


def _unpack(file: FileSpec, path: Path, root: Path, archives: Path) -> None:
    into = root / file.unpack_to
    if file.archive == "none":
        _copy_tree(path, into / Path(file.path).name, root)
        return
    try:
        extract(path, file.archive, into, file.members)
    except UnreadableFile as error:
        if path.parent != (archives / file.path).parent or expected_sha256(file, archives):
            raise
        # Nothing vouched for these bytes; kept under its name the next run would trip over them again.
        raise DatasetCorrupt(
            "A downloaded archive cannot be unpacked and was set aside",
            where=quarantine(path),
            found=error,
            next_step="run the same command again to download it anew",
        ) from error


def licence_gate(spec: DatasetSpec, file: FileSpec, archives: Path) -> LicenceGate:
    """Return the error that tells how to get a gated data set."""
    collected = spec.licence.gate == "collection"
    need = "is offered by nobody as one archive" if collected else f"needs a {spec.licence.gate} before it may be used"
    return LicenceGate(
        f"'{spec.id}' {need} ({spec.licence.name})",
        where=spec.licence.url,
        expected=f"{archives / file.path}",
        found="not there, and on no mirror",
        next_step=(
            f"{spec.licence.instructions} Then put {file.path} at {archives / file.path}, or set CONCORD3D_MIRROR to a "
            f"folder that holds it or the unpacked data, and run the same command again"
        ),
    )

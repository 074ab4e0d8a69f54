"""What was obtained, file by file, and the check that it is still there: cheap at every use, full on demand."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from concord3d.errors import DatasetCorrupt, DatasetMissing
from concord3d.files import read_json, sha256_file, write_json
from concord3d.refusals import TEMPORARY_PREFIX

MANIFEST = "manifest.json"
# A second copy: deleting the manifest (as a workflow does before it runs the job again) must not launder damaged files.
OBTAINED = ".obtained.json"
NUM_BLOCKS = 8
BLOCK_BYTES = 1 << 14


def sampled_digest(path: Path) -> str:
    """Return a SHA-256 hex digest of a file's size and of eight blocks of 16 KiB spread evenly over it."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    last = max(size - BLOCK_BYTES, 0)
    with path.open("rb") as stream:
        for offset in sorted({last * block // (NUM_BLOCKS - 1) for block in range(NUM_BLOCKS)}):
            stream.seek(offset)
            digest.update(stream.read(BLOCK_BYTES))
    return digest.hexdigest()


def write_manifest(root: Path, dataset: str, release: str, files: list[Path], defects: tuple[str, ...] = ()) -> None:
    """Record the files of a data set in ``<root>/manifest.json`` and, last known good, in ``.obtained.json``.

    Args:
        root: Folder of the data set.
        dataset: Its identifier.
        release: Name of the release recognised.
        files: Files below ``root``.
        defects: What is amiss in them and read all the same, counted and named, one sentence each.
    """
    entries = {
        path.relative_to(root).as_posix(): {
            "bytes": path.stat().st_size,
            "sampled": sampled_digest(path),
            "sha256": sha256_file(path),
        }
        for path in files
    }
    told = {"defects": list(defects)} if defects else {}
    for name in (OBTAINED, MANIFEST):
        write_json(root / name, {"dataset": dataset, "release": release, **told, "files": entries})


def read_manifest(root: Path, name: str = MANIFEST) -> dict[str, Any]:
    """Read ``<root>/manifest.json`` or its copy.

    Raises:
        DatasetMissing: There is none: the data set was never completely obtained.
        UnreadableFile: It is not JSON.
        DatasetCorrupt: It is not a manifest.
    """
    path = root / name
    if not path.is_file():
        raise DatasetMissing("A data set was not obtained", where=path, next_step="obtain it; see 'concord3d status'")
    manifest = read_json(path)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict) or not manifest["files"]:
        raise DatasetCorrupt("Not a manifest", where=path, next_step="delete it and obtain the data set again")
    return manifest


def verify_files(root: Path, full: bool = False, name: str = MANIFEST) -> dict[str, Any]:
    """Compare the files of a data set with its manifest.

    Args:
        root: Folder of the data set.
        full: Hash every byte; otherwise compare size and sampled blocks.
        name: The manifest or its copy.

    Returns:
        The manifest.

    Raises:
        DatasetMissing: There is no manifest.
        DatasetCorrupt: A file is absent or differs; the message shows both checksums.
    """
    manifest = read_manifest(root, name)
    problems = [
        problem
        for file, entry in manifest["files"].items()
        if (problem := _difference(root / file, file, entry, full)) is not None
    ]
    if problems:
        shown = "\n    ".join(problems[:5]) + (f"\n    and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise DatasetCorrupt(
            f"{len(problems)} of {len(manifest['files'])} files of '{manifest.get('dataset')}' are absent or damaged",
            where=root,
            expected=f"the files of {MANIFEST}",
            found=shown,
            next_step=f"delete {root / MANIFEST} and run again: the data set is obtained anew",
        )
    return manifest


def _difference(path: Path, name: str, entry: dict[str, Any], full: bool) -> str | None:
    if not path.is_file():
        return f"{name}: absent"
    if path.stat().st_size != entry["bytes"]:
        return f"{name}: {path.stat().st_size} bytes where {entry['bytes']} are recorded"
    digest, recorded = (sha256_file(path), entry["sha256"]) if full else (sampled_digest(path), entry["sampled"])
    return None if digest == recorded else f"{name}: digest {digest} where {recorded} is recorded"


def data_files(folder: Path) -> list[Path]:
    """List the files below a folder in a fixed order, without what downloads and locks leave."""
    reserved = {MANIFEST, OBTAINED, "checksums.json", "archives"}
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.relative_to(folder).parts[0] not in reserved
        and not any(part.startswith((TEMPORARY_PREFIX, ".lock-")) for part in path.relative_to(folder).parts)
    )

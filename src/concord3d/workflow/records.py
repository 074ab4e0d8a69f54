"""The record of a node: the identity of all that it was made of, and a checksum of every file that it made.

Records lie in one tree (:meth:`concord3d.layout.Layout.record`) and are written last, so a node without a
record is not made. Paths in a record are relative to the repository.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from concord3d.data.manifest import sampled_digest
from concord3d.errors import ArtifactDamaged, UnreadableFile
from concord3d.files import content_hash, read_json, remembered_sha256, sha256_file, write_json
from concord3d.provenance.record import installed_versions

FORMAT = 1
KEYS = {"node", "identity", "ingredients", "inputs", "files", "versions", "accepted"}
# Larger files are checked by size and blocks spread over them when they are used; `concord3d verify` reads every byte.
FULL_CHECK_BYTES = 1 << 30
# What the check at the start of every run reads; other files are compared by size there.
QUICK_CHECK_BYTES = 1 << 20
# Files that tell of the machine and the day; they differ between equal runs, so nothing depends on their content.
VOLATILE = ("run.json", "provenance.json")
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "open3d-cpu", "pytorch3d", "open_clip_torch")

Depth = Literal["quick", "use", "full"]


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that compute; recorded, and no part of an identity."""
    return {"python": platform.python_version(), **installed_versions(PACKAGES)}


def is_volatile(path: str) -> bool:
    """Whether a file tells of one run alone."""
    return path.endswith(VOLATILE) or "/provenance/" in path


def file_entries(root: Path, paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Return size and checksums of files; folders stand for all files below them.

    Args:
        root: The repository.
        paths: Relative to ``root``.
    """
    files: set[Path] = set()
    for path in paths:
        full = root / path
        files |= {file for file in full.rglob("*") if file.is_file()} if full.is_dir() else {full}
    return {file.relative_to(root).as_posix(): _entry(file) for file in sorted(files)}


def _entry(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    entry: dict[str, Any] = {"bytes": size, "sha256": sha256_file(path)}
    return entry if size <= FULL_CHECK_BYTES else {**entry, "sampled": sampled_digest(path)}


def indexed_files(index: Path) -> list[Path]:
    """Return the shards that an index of views or features lists, with the records beside them.

    Args:
        index: Written by :mod:`concord3d.render.shards` or :mod:`concord3d.features.cache`.
    """
    content = read_json(index)
    store = Path(os.path.normpath(index.parent / content["store"]))
    shards = [store / shard["file"] for shard in content["shards"]]
    return [path for shard in shards for path in (shard, shard.with_suffix(".json"))]


def content_of(record: Mapping[str, Any]) -> str:
    """Return the hash of what a node made, without what tells of one run alone."""
    return content_hash({path: entry["sha256"] for path, entry in record["files"].items() if not is_volatile(path)})


def read_record(path: Path) -> dict[str, Any] | None:
    """Read a record; None where there is none.

    Raises:
        UnreadableFile: The file is damaged or of another format.
    """
    if not path.is_file():
        return None
    remedy = f"rm '{path}', then snakemake makes this node anew"
    try:
        record = read_json(path)
    except UnreadableFile as error:
        raise UnreadableFile("A record is damaged", where=path, found=error.found, next_step=remedy) from error
    lacking = KEYS - record.keys() if isinstance(record, dict) and record.get("format") == FORMAT else KEYS
    if lacking:
        expected = f"format {FORMAT} with {', '.join(sorted(lacking))}"
        raise UnreadableFile("Not a record of a node", where=path, expected=expected, next_step=remedy)
    return record


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record, complete or not at all."""
    write_json(path, {"format": FORMAT, **record})


def damaged_files(root: Path, record: Mapping[str, Any], depth: Depth) -> list[str]:
    """Compare the files of a record with their checksums.

    Args:
        root: The repository.
        record: See :func:`read_record`.
        depth: ``quick`` reads small files and compares the sizes of others; ``use`` reads all but of very large ones,
            of which it reads blocks; ``full`` reads every byte.

    Returns:
        One sentence per file that is absent or differs.
    """
    problems = []
    for name, entry in record["files"].items():
        problem = _problem(root / name, entry, depth)
        if problem is not None:
            problems.append(f"{name}: {problem}")
    return problems


def _problem(path: Path, entry: Mapping[str, Any], depth: Depth) -> str | None:
    try:
        size = path.stat().st_size
    except OSError:
        return "absent"
    if size != entry["bytes"]:
        return f"{size} bytes where {entry['bytes']} are recorded"
    if depth == "quick" and size > QUICK_CHECK_BYTES:
        return None
    sampled = depth == "use" and "sampled" in entry
    whole = remembered_sha256 if depth == "use" else sha256_file
    digest, recorded = (sampled_digest(path), entry["sampled"]) if sampled else (whole(path), entry["sha256"])
    return None if digest == recorded else f"other bytes of the same size (checksum {digest[:12]}, not {recorded[:12]})"


def require_intact(root: Path, path: Path, record: Mapping[str, Any], depth: Depth = "use") -> None:
    """Check the files of a node before they are used.

    Args:
        root: The repository.
        path: The record's file.
        record: Its content.
        depth: See :func:`damaged_files`.

    Raises:
        ArtifactDamaged: A file is absent or differs; names the node and the commands that mend it.
    """
    problems = damaged_files(root, record, depth)
    if problems:
        raise damage(path, record, problems)


def damage(path: Path, record: Mapping[str, Any], problems: Sequence[str]) -> ArtifactDamaged:
    """Return the error that names damaged files and says how to mend them."""
    shown = "\n    ".join(problems[:5]) + (f"\n    and {len(problems) - 5} more" if len(problems) > 5 else "")
    return ArtifactDamaged(
        f"{len(problems)} of {len(record['files'])} files of node '{record['node']}' are absent or damaged",
        where=path,
        expected="the files and checksums of its record",
        found=shown,
        next_step=repair_command(path),
    )


def repair_command(path: Path) -> str:
    """Return what mends the node of a record."""
    return f"rm '{path}', then snakemake makes this node anew (or bring the files back: dvc checkout)"

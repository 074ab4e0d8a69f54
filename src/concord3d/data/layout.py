"""Where the files of a split are below a root."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from concord3d.data.catalog import DatasetSpec, SplitSpec
from concord3d.errors import ConfigError, DatasetMissing, UnreadableFile, nearest

NEXT_STEP = "delete the file and obtain the data set again"

_log = logging.getLogger(__name__)


def layout_folder(spec: DatasetSpec, root: Path) -> Path:
    """Return the folder that the split patterns are relative to: a layout folder below ``root``, or ``root`` itself."""
    for name in spec.folders:
        if (root / name).is_dir():
            return root / name
    return root


def find_split(spec: DatasetSpec, split: str) -> SplitSpec:
    """Return the specification of a split.

    Raises:
        ConfigError: The data set has no such split.
    """
    if split not in spec.splits:
        raise ConfigError(
            f"'{spec.id}' has no split '{split}'{nearest(split, list(spec.splits))}", expected=", ".join(spec.splits)
        )
    return spec.splits[split]


def split_files(spec: DatasetSpec, root: Path, split: str) -> list[Path]:
    """List the files of a split.

    Args:
        spec: The data set.
        root: Folder that holds the layout.
        split: Name of the split.

    Returns:
        At least one path: in the order of the list file where there is one, else in natural order (9 before 10).

    Raises:
        DatasetMissing: No file of the split is there, or a listed one is missing.
    """
    folder, chosen = layout_folder(spec, root), find_split(spec, split)
    found = without_side_files((path for pattern in chosen.patterns for path in folder.glob(pattern)), folder)
    files = sorted({path for path in found if path.is_file()}, key=lambda path: natural_order(path.relative_to(folder)))
    if not files:
        raise DatasetMissing(
            f"No files of {spec.id}/{split}",
            where=folder,
            expected=" or ".join(chosen.patterns),
            next_step=f"obtain '{spec.id}' ('concord3d status' lists the steps)",
        )
    if chosen.list_file and (folder / chosen.list_file).is_file():
        return _listed(folder, chosen.list_file, spec.id, split)
    return files


def _listed(folder: Path, list_file: str, dataset: str, split: str) -> list[Path]:
    lines = read_lines(folder / list_file)
    # The official lists give paths of the machine that wrote them; only the last part means anything.
    files = [folder / Path(line).name for line in lines]
    missing = [path.name for path in files if not path.is_file()]
    if missing or not files:
        raise DatasetMissing(
            f"Files of {dataset}/{split} are missing",
            where=folder,
            expected=f"all {len(files)} files of {list_file}",
            found=f"missing: {', '.join(missing) or 'an empty list'}",
            next_step=f"obtain '{dataset}' again",
        )
    return files


def without_side_files(paths: Iterable[Path], folder: Path) -> Iterator[Path]:
    """Yield the paths below a folder that no system left beside the data: nothing hidden (``._x.off`` of a Macintosh).

    What is left out is counted and named in the log.
    """
    hidden = []
    for path in paths:
        if any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts):
            hidden.append(path)
        else:
            yield path
    if hidden:
        _log.warning("%s: %d side files are left out, %s among them", folder, len(hidden), hidden[0].name)


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Return a key that sorts paths with their numbers as numbers: 9 before 10."""
    parts = re.split(r"(\d+)", path.as_posix())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def read_lines(path: Path) -> list[str]:
    """Read the lines of a small text file that are not blank, stripped.

    Raises:
        UnreadableFile: The file is absent or not UTF-8.
    """
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile("Cannot read a list", where=path, found=error, next_step=NEXT_STEP) from error


def required_file(spec: DatasetSpec, folder: Path, name: str) -> Path:
    """Return the path of a file of a data set.

    Raises:
        DatasetMissing: It is absent.
    """
    path = folder / name
    if not path.is_file():
        raise DatasetMissing(
            f"A file of {spec.id} is missing",
            where=path,
            next_step=f"obtain '{spec.id}' ('concord3d status' lists the steps)",
        )
    return path

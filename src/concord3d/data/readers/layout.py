"""Where the files of a split are below a root, and HDF5 access whose errors name the file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec, SplitSpec
from concord3d.errors import ConfigError, DatasetMissing, UnreadableFile, nearest

NEXT_STEP = "delete the file and obtain the data set again"


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
    found = {path for pattern in chosen.patterns for path in folder.glob(pattern) if path.is_file()}
    files = sorted(found, key=lambda path: _natural(path.relative_to(folder)))
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


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.as_posix())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def read_lines(path: Path) -> list[str]:
    """Read the lines of a small text file that are not blank, stripped.

    Raises:
        UnreadableFile: The file is absent or not UTF-8.
    """
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile("Cannot read a list", where=path, found=error, next_step=NEXT_STEP) from error


def read_h5(path: Path, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, NDArray[Any]]:
    """Read arrays of an HDF5 file.

    Args:
        path: The file.
        keys: Arrays that must be there, all of one length.
        optional: Arrays that may be absent.

    Returns:
        The arrays by key, with the dtype of the file.

    Raises:
        UnreadableFile: Truncated, not HDF5, lacks a key, or arrays differ in length.
    """
    import h5py

    try:
        with h5py.File(path, "r") as store:
            lacking = [key for key in keys if key not in store]
            if lacking:
                raise UnreadableFile(
                    "An HDF5 file lacks a key", where=path, expected=", ".join(lacking), found=", ".join(store)
                )
            arrays = {key: np.asarray(store[key][()]) for key in (*keys, *optional) if key in store}
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableFile(
            "Cannot read an HDF5 file (truncated, damaged or of another format)",
            where=path,
            found=error,
            next_step=NEXT_STEP,
        ) from error
    lengths = {key: array.shape[0] if array.ndim else None for key, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise UnreadableFile("Arrays of one HDF5 file differ in length", where=path, found=lengths)
    return arrays


def as_points(array: NDArray[Any], path: Path) -> NDArray[np.float32]:
    """Return (S, P, 3) float32 points.

    Raises:
        UnreadableFile: Another shape, or values that are no numbers.
    """
    if array.ndim != 3 or array.shape[2] != 3 or not np.issubdtype(array.dtype, np.floating):
        raise UnreadableFile(
            "'data' does not hold clouds", where=path, expected="(S, P, 3) of floats", found=(array.shape, array.dtype)
        )
    return array.astype(np.float32)


def as_labels(array: NDArray[Any], path: Path) -> NDArray[np.int64]:
    """Return (S,) int64 labels from an array of shape (S,) or (S, 1).

    Raises:
        UnreadableFile: Another shape, or values that are not whole numbers.
    """
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or not (np.issubdtype(flat.dtype, np.number) and (flat == np.floor(flat)).all()):
        raise UnreadableFile(
            "'label' does not hold class indices",
            where=path,
            expected="(S,) or (S, 1)",
            found=(array.shape, array.dtype),
        )
    return flat.astype(np.int64)


def stack(parts: list[NDArray[Any]], what: str, files: list[Path]) -> NDArray[Any]:
    """Concatenate the arrays of several files along the shapes.

    Raises:
        UnreadableFile: They differ in the other axes or in dtype.
    """
    if len({(part.shape[1:], part.dtype) for part in parts}) > 1:
        found = {path.name: (part.shape[1:], str(part.dtype)) for path, part in zip(files, parts, strict=True)}
        raise UnreadableFile(f"Files of one split differ in '{what}'", where=files[0].parent, found=found)
    return np.concatenate(parts)


def read_names_json(path: Path, count: int) -> tuple[str, ...] | None:
    """Read a JSON list of ``count`` shape identifiers; None where the file is absent.

    Raises:
        UnreadableFile: The file is there and is not such a list.
    """
    if not path.is_file():
        return None
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFile("Cannot read a list of shapes", where=path, found=error, next_step=NEXT_STEP) from error
    if not isinstance(names, list) or len(names) != count:
        raise UnreadableFile("A list of shapes does not fit its HDF5 file", where=path, expected=f"{count} names")
    return tuple(str(Path(str(name)).with_suffix("")) for name in names)

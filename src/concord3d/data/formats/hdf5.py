"""HDF5 files of labelled clouds, read with errors that name the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.layout import NEXT_STEP
from concord3d.data.readers.interface import Census
from concord3d.errors import UnreadableFile


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


def census(files: list[Path], key: str = "data") -> Census:
    """Count the items of HDF5 files by the shapes of one of their arrays.

    Raises:
        UnreadableFile: A file is truncated or lacks the key, or they differ in points or dtype.
    """
    headers = [_header(path, key) for path in files]
    forms = {header[1:] for header in headers}
    if len(forms) > 1:
        raise UnreadableFile("Files of one data set differ", where=files[0].parent, found=sorted(forms))
    [(num_points, dtype)] = forms
    return Census(sum(count for count, _, _ in headers), num_points, dtype)


def _header(path: Path, key: str) -> tuple[int, int, str]:
    """Return items, points per item and dtype of an array, without reading it."""
    import h5py

    try:
        with h5py.File(path, "r") as store:
            data = store[key]
            return int(data.shape[0]), int(data.shape[1]), str(data.dtype.name)
    except (OSError, RuntimeError, KeyError, AttributeError, IndexError, TypeError) as error:
        raise UnreadableFile("Cannot read an HDF5 file", where=path, found=error, next_step=NEXT_STEP) from error


def numbered_names(files: list[Path], counts: list[int]) -> tuple[str, ...]:
    """Return a name for each shape of files that have none: the file's and the shape's number in it."""
    return tuple(
        f"{path.stem}_{index:05d}" for path, count in zip(files, counts, strict=True) for index in range(count)
    )

"""What is in a copy of a data set, from file headers alone, and the release it amounts to."""

from __future__ import annotations

from pathlib import Path

from concord3d.data.catalog import DatasetSpec, Release
from concord3d.data.readers.dispatch import count_shapes, match_release
from concord3d.data.readers.layout import NEXT_STEP, layout_folder, split_files
from concord3d.errors import UnreadableFile


def recognise(spec: DatasetSpec, root: Path) -> Release:
    """Count the shapes of every split and return the release they belong to.

    Args:
        spec: The data set.
        root: Folder that holds the layout.

    Raises:
        DatasetMissing: A split has no files.
        UnreadableFile: A file is truncated or lacks ``data``.
        WrongRelease: No accepted release has these counts, points and dtype.
    """
    in_h5 = spec.reader.endswith("_h5")
    counts: dict[str, int] = {}
    points: set[int] = set()
    dtypes: set[str] = set()
    for split in spec.splits:
        if not in_h5:
            counts[split] = count_shapes(spec, root, split)
            continue
        headers = [_header(path) for path in split_files(spec, root, split)]
        counts[split] = sum(count for count, _, _ in headers)
        points |= {num_points for _, num_points, _ in headers}
        dtypes |= {dtype for _, _, dtype in headers}
    where = layout_folder(spec, root)
    if len(points) > 1 or len(dtypes) > 1:
        raise UnreadableFile("Files of one data set differ", where=where, found=(sorted(points), sorted(dtypes)))
    return match_release(spec, counts, next(iter(points), None), next(iter(dtypes), None), where)


def _header(path: Path) -> tuple[int, int, str]:
    import h5py

    try:
        with h5py.File(path, "r") as store:
            data = store["data"]
            return int(data.shape[0]), int(data.shape[1]), str(data.dtype.name)
    except (OSError, RuntimeError, KeyError, AttributeError, IndexError, TypeError) as error:
        raise UnreadableFile("Cannot read an HDF5 file", where=path, found=error, next_step=NEXT_STEP) from error

"""Parquet files, read with errors that name the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from concord3d.data.layout import NEXT_STEP
from concord3d.errors import UnreadableFile


class ParquetTable:
    """Some rows and columns of a Parquet file, in memory.

    Args:
        path: The file, for errors.
        table: What was read of it (``pyarrow.Table``).
    """

    def __init__(self, path: Path, table: Any) -> None:
        self.path = path
        self._columns = {name: table.column(name).combine_chunks() for name in table.column_names}
        self._length = table.num_rows

    def __len__(self) -> int:
        return self._length

    def numbers(self, column: str) -> NDArray[np.int64]:
        """Return (rows,) int64 values of a column of whole numbers.

        Raises:
            UnreadableFile: It holds something else, or a row has no value.
        """
        values = self._columns[column]
        if values.null_count or not str(values.type).startswith(("int", "uint")):
            self._refuse(column, "a whole number in every row", f"{values.type}, {values.null_count} rows without one")
        return np.asarray(values.to_numpy(zero_copy_only=False), np.int64)

    def listed(self, column: str, row: int) -> NDArray[Any] | None:
        """Return (n,) numbers that a column of lists holds in one row, or None where the row has no list.

        Raises:
            UnreadableFile: The column has no lists of numbers, or a number is missing in this one.
        """
        cell = self._columns[column][row]
        if not cell.is_valid:
            return None
        values = getattr(cell, "values", None)
        if values is None or values.null_count or not str(values.type).startswith(("int", "uint", "float", "double")):
            self._refuse(column, "a list of numbers", f"{cell.type} in row {row}")
        found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
        return found

    def number(self, column: str, row: int) -> float | None:
        """Return the number of a column in one row, or None where it has none.

        Raises:
            UnreadableFile: It is no number.
        """
        value = self._columns[column][row].as_py()
        if value is not None and not isinstance(value, int | float):
            self._refuse(column, "a number", f"{value!r:.40} in row {row}")
        return None if value is None else float(value)

    def _refuse(self, column: str, expected: str, found: str) -> NoReturn:
        raise UnreadableFile(
            f"The column '{column}' of a Parquet file holds something else", where=self.path, expected=expected,
            found=found, next_step=NEXT_STEP,
        )  # fmt: skip


def read_parquet(
    path: Path, columns: Sequence[str], only: Sequence[tuple[str, str, Any]] | None = None
) -> ParquetTable:
    """Read columns of a Parquet file.

    Args:
        path: The file, which is there.
        columns: Their names.
        only: Conditions that all rows to be read fulfil: column, operator (``=`` or ``in``), value.

    Raises:
        UnreadableFile: Truncated, damaged, of another format, or it lacks a column.
    """
    # It takes half a second to import, and every plan imports the readers.
    import pyarrow.parquet as pq

    try:
        # The file is opened by itself: the names of the folders above it would become columns.
        with pq.ParquetFile(path) as stored:
            lacking = [name for name in columns if name not in stored.schema_arrow.names]
            if lacking:
                raise UnreadableFile(
                    "A Parquet file lacks a column", where=path, expected=", ".join(lacking),
                    found=", ".join(stored.schema_arrow.names), next_step="obtain the components of one release",
                )  # fmt: skip
        table = pq.read_table(path, columns=list(columns), filters=list(only) if only else None, partitioning=None)
    # Errors of pyarrow are subclasses of these.
    except (OSError, ValueError, NotImplementedError, KeyError) as error:
        raise UnreadableFile(
            "Cannot read a Parquet file (truncated, damaged or of another format)", where=path, found=error,
            next_step=NEXT_STEP,
        ) from error  # fmt: skip
    return ParquetTable(path, table)

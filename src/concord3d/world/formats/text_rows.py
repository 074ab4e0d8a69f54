"""Tables of numbers as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from numpy.typing import NDArray


def text_rows(form: str, columns: Sequence[NDArray[Any]]) -> str:
    """Return one line for each row of a table.

    Args:
        form: A line with one printf-style place for each column.
        columns: Arrays of one length.
    """
    # One long format is filled in twice as fast as many short ones.
    cells = chain.from_iterable(zip(*(column.tolist() for column in columns), strict=True))
    return (form * len(columns[0])) % tuple(cells)

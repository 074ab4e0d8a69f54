"""JSON files of data sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from concord3d.data.layout import NEXT_STEP
from concord3d.errors import DatasetMissing, UnreadableFile


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DatasetMissing: It is absent.
        UnreadableFile: It is truncated or no JSON.
    """
    if not path.is_file():
        raise DatasetMissing("A file of a data set is missing", where=path, next_step="obtain the data set again")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableFile("Cannot read a JSON file", where=path, found=error, next_step=NEXT_STEP) from error


@contextmanager
def form_named(path: Path) -> Iterator[None]:
    """Turn what a missing key or a wrong type in a file's content raises into a named error.

    Raises:
        UnreadableFile: The content has another form.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UnreadableFile(
            "A file has another form", where=path, found=f"{type(error).__name__}: {error}", next_step=NEXT_STEP
        ) from error

"""The folders that Snakemake writes to, tried before it does: it says in a traceback alone that it may not."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from concord3d.errors import NotWritable
from concord3d.refusals import AGAIN

# Where Snakemake keeps the sources that it runs, below the folder of caches.
_SOURCE_CACHE = Path("snakemake/snakemake/source-cache/snakemake-runtime-cache")
_OTHER_CACHES = f"export XDG_CACHE_HOME=<a folder that you may write to>, or HOME likewise, and {AGAIN}"


def require_writable(root: Path) -> None:
    """Refuse to start where a folder that Snakemake needs cannot be written to; a dry run needs them too.

    Args:
        root: The repository.

    Raises:
        NotWritable: The repository, the folder of caches or the temporary folder cannot be written to.
    """
    for below in (Path(), Path(".snakemake")):
        _require(root.resolve(), below, f"give yourself the permission, or move the project, and {AGAIN}")
    _require(_caches(), _SOURCE_CACHE, _OTHER_CACHES)
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise NotWritable(
            "There is no folder for temporary files",
            where=os.environ.get("TMPDIR"),
            found=error,
            next_step=f"export TMPDIR=<a folder that you may write to>, and {AGAIN}",
        ) from error


def _caches() -> Path:
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise NotWritable("There is no folder for caches", found=error, next_step=_OTHER_CACHES) from error


def _require(folder: Path, below: Path, next_step: str) -> None:
    """Try the deepest folder that is there on the way to one that will be made."""
    wanted, there = folder / below, folder
    try:
        there = next(place for place in (wanted, *wanted.parents) if place.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise NotWritable(
            "A folder that the workflow needs cannot be written to",
            where=there if there.is_relative_to(folder) else folder,
            found=os.strerror(error.errno or 0),
            next_step=next_step,
        ) from error

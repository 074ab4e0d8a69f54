"""Keeping what finished nodes of a job have left, while the workflow tool may remove it.

Snakemake removes all that a job declares before the job starts, and again if it fails. Finished nodes would be lost
with those that share their job, or with a job that runs for the sake of times alone. Hard links cost no room.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from concord3d.files import write_second_name
from concord3d.layout import WORK
from concord3d.workflow.records import read_record

KEPT = WORK / "kept"


def keep_files(root: Path, record: Path, kept: Path) -> None:
    """Give every file of a node a second name; the record comes last.

    Args:
        root: The repository.
        record: The node's record, relative to ``root``.
        kept: Folder of the second names, relative to ``root``.
    """
    content = read_record(root / record)
    if content is None:
        return
    shutil.rmtree(root / kept, ignore_errors=True)
    for name in (*content["files"], str(record)):
        if (root / name).is_file():
            write_second_name(root / name, root / kept / name)


def take_back_files(root: Path, kept: Path) -> None:
    """Put kept files back where they are gone; one that is there is left."""
    # A job that has outlived its run may be writing them anew: what is not there then is made again.
    with suppress(FileNotFoundError):
        for file in sorted((root / kept).rglob("*")):
            place = root / file.relative_to(root / kept)
            if file.is_file() and not place.exists():
                write_second_name(file, place)

"""``concord3d status`` and ``concord3d verify``: what is known of every data set on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console
from rich.table import Table

from concord3d.data.catalog import load_catalog
from concord3d.data.status import StatusRow, dataset_status

COLOURS = {"present": "green", "missing": "yellow"}


def _mirrors() -> list[str]:
    mirror = os.environ.get("CONCORD3D_MIRROR")
    return [mirror] if mirror else []


def statuses(root: Path) -> list[StatusRow]:
    """The state of every data set of the catalogue."""
    return dataset_status(load_catalog(root / "datasets" / "datasets.yaml"), root / "data" / "raw" / "real", _mirrors())


def print_status(root: Path) -> int:
    """Print one line per data set; return 1 if one is damaged (a missing one is no damage)."""
    rows = statuses(root)
    table = Table("data set", "state", "detail", "next step")
    for row in rows:
        colour = COLOURS.get(row.state, "red")
        table.add_row(row.id, f"[{colour}]{row.state}[/]", row.detail, row.next_step)
    Console().print(table)
    return int(any(row.state not in COLOURS for row in rows))

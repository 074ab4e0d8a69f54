"""``concord3d status`` and ``concord3d verify``: what is known of every data set on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console
from rich.padding import Padding

from concord3d.data.catalog import load_catalog
from concord3d.data.status import StatusRow, dataset_status
from concord3d.data.verify import verify
from concord3d.errors import ConcordError
from concord3d.layout import RAW_RECORDS
from concord3d.workflow.records import read_record, require_intact

COLOURS = {"present": "green", "missing": "yellow"}


def _mirrors() -> list[str]:
    mirror = os.environ.get("CONCORD3D_MIRROR")
    return [mirror] if mirror else []


def statuses(root: Path) -> list[StatusRow]:
    """The state of every data set of the catalogue."""
    return dataset_status(load_catalog(root / "datasets" / "datasets.yaml"), root / "data" / "raw" / "real", _mirrors())


def print_status(root: Path) -> int:
    """Print one line per data set; return 1 if one is damaged (a missing one is no damage)."""
    rows, console = statuses(root), Console()
    for row in rows:
        console.print(f"[{COLOURS.get(row.state, 'red')}]{row.state:14}[/] [bold]{row.id}[/]  {row.detail}")
        if row.next_step:
            console.print(Padding(f"next: {row.next_step}", (0, 0, 0, 15)))
    return int(any(row.state not in COLOURS for row in rows))


def _is_intact(root: Path, path: Path, console: Console) -> bool:
    """Read every byte that a node made and say what mends it if it is damaged."""
    try:
        record = read_record(root / path)
        assert record is not None
        if path.is_relative_to(RAW_RECORDS) and not (root / next(iter(record["files"]))).exists():
            console.print(f"[yellow]removed[/] {record['node']}: raw data; they come back where they are needed")
            return True
        require_intact(root, path, record, "full")
    except ConcordError as error:
        console.print(f"[red]damaged[/] {path}: {error}", soft_wrap=True)
        return False
    console.print(f"[green]intact[/]  {record['node']} ({len(record['files'])} files)")
    return True


def verify_all(root: Path) -> int:
    """Read every byte of the data sets in place and of all artifacts; return 1 if something is damaged."""
    console, damaged = Console(), 0
    for spec in load_catalog(root / "datasets" / "datasets.yaml").values():
        folder = root / "data" / "raw" / "real" / spec.id
        if not (folder / "manifest.json").exists():
            continue
        try:
            release = verify(spec, folder, full=True)
            console.print(f"[green]intact[/]  {spec.id} ({release.name})")
        except ConcordError as error:
            damaged += 1
            console.print(f"[red]damaged[/] {spec.id}: {error}")
    for path in sorted([*(root / RAW_RECORDS).rglob("*.json"), *(root / "artifacts").glob("*/records/**/*.json")]):
        damaged += not _is_intact(root, path.relative_to(root), console)
    return int(damaged > 0)

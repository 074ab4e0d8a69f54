"""What the quality gate of a tower says, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from concord3d.errors import ReportingError
from concord3d.files import read_json

KEYS = ("metric", "view_set", "value", "chance", "n_items", "n_objects", "threshold", "passed")


def read_gate(path: Path) -> dict[str, Any]:
    """Read a tower's gate: ``passed``, ``measures`` with the keys of ``KEYS``, and maybe ``pretrained`` encoders.

    Raises:
        UnreadableFile: The file is absent or not JSON.
        ReportingError: A key is missing.
    """
    gate = read_json(path)
    measures = gate.get("measures") if isinstance(gate, dict) else None
    if not measures or "passed" not in gate:
        raise ReportingError("A tower's gate says nothing", where=path, expected="passed, measures", found=gate)
    for measure in measures:
        lacking = [key for key in KEYS if key not in measure]
        if lacking:
            raise ReportingError("A tower's gate lacks figures", where=path, expected=KEYS, found=f"no {lacking}")
    return dict(gate)

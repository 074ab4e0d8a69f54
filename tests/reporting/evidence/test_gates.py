"""The gate of a tower, as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.pages.test_tower_gates import measure

from concord3d.errors import ReportingError, UnreadableFile
from concord3d.files import write_json
from concord3d.reporting.evidence.gates import read_gate


def test_a_gate_that_says_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    with pytest.raises(UnreadableFile):
        read_gate(path)
    for content in ({"passed": True, "measures": []}, {"measures": [measure(1.0)]}, []):
        write_json(path, content)
        with pytest.raises(ReportingError, match="says nothing"):
            read_gate(path)
    write_json(path, {"passed": True, "measures": [{"metric": "image_to_text_r1"}]})
    with pytest.raises(ReportingError, match="lacks figures"):
        read_gate(path)

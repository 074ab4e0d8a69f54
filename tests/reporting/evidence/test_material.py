"""Files are read at their first use, and what is computed from them is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, outcomes

from concord3d.errors import ReportingError
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.study_results import results_of


def test_what_is_computed_once_is_the_same_object(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(50, 30))
    material, calls = made.material, []

    def count(given: Material) -> int:
        calls.append(given)
        return len(given.evaluations)

    assert material.once(count) == material.once(count) == 1
    assert calls == [material]
    assert material.once(results_of) is material.once(results_of)
    assert material.once(results_of).evaluations is material.evaluations


def test_nothing_is_read_before_it_is_used(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(50, 30))
    made.published([("one", "A", "D", "s", "accuracy", "eighty", "abstract")])
    material = made.material
    assert len(material.evaluations) == 1
    with pytest.raises(ReportingError, match="no number"):
        material.read()

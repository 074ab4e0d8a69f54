"""Files of published values are read whole or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated

from concord3d.errors import ReportingError
from concord3d.reporting.evidence.published_values import read_published


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("one", "A", "D", "s", "accuracy", "eighty", "abstract")], "no number"),
        ([("one", "A", "D", "s", "accuracy", "NaN", "abstract")], "no number"),
        ([("one", "A", "D", "s", "accuracy", "", "abstract")], "disagree"),
        ([("one", "A", "D", "s", "accuracy", "80.0", "not_recovered")], "disagree"),
    ],
)
def test_a_published_file_with_bad_numbers_is_refused(
    tmp_path: Path, rows: list[tuple[str, ...]], message: str
) -> None:
    made = Fabricated(tmp_path)
    made.published(rows)
    with pytest.raises(ReportingError, match=message) as caught:
        read_published(made.inputs.published_csv)
    assert "line 2" in str(caught.value)


def test_a_published_file_without_a_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    path.write_text("table,method\na,b\n")
    with pytest.raises(ReportingError, match="lack columns"):
        read_published(path)

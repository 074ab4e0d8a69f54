"""The headline table of the front page."""

from __future__ import annotations

from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.evidence.published_values import PublishedCell
from concord3d.reporting.pages.headline_section import headline_lines
from concord3d.reporting.specs.report_spec import TableSpec
from concord3d.reporting.tables.cells import Cell, Status, Table
from concord3d.statistics.intervals import Interval

SPEC = TableSpec.model_validate(
    {"id": "main", "title": "Main", "metrics": [{"protocol": "linear_svm", "metric": "overall_accuracy"}]}
)


def cell(method: str, dataset: str, value: float | None, metric: str = "top-1", printed: str | None = None) -> Cell:
    status: Status = "not_run" if value is None else "measured"
    published = (
        None
        if printed is None
        else PublishedCell(2, "t", "main", method, dataset, "", "", metric, printed, "%", "abstract", "")
    )
    interval = None if value is None else Interval(value, value - 2, value + 2, 50, 2, "items and seeds")
    estimates = {} if interval is None else {"last": Estimate(interval, "%", "synthetic", (1, 2))}
    address = Address(method, dataset, "zero_shot", "top1")
    return Cell(
        method, dataset, "pictures", metric, "%", published, status, method, "encoder", "synthetic", estimates, address
    )


def lines(*cells: Cell, pivot: str | None = None) -> str:
    return "\n".join(headline_lines(Table(SPEC, "demo", ("synthetic",), cells), ("setting", "metric"), pivot))


def test_rows_without_a_run_are_counted_and_empty_columns_left_out() -> None:
    text = lines(cell("ours", "one", 50.0), cell("theirs", "one", None), cell("others", "two", None))
    assert "| method | data set | setting | metric | ours, last checkpoint | items x seeds | our run |" in text
    assert "50.00 [48.00, 52.00]" in text and "theirs" not in text and "(2 not run besides)" in text
    assert "no difference from a published value" in text
    assert "| published |" in lines(cell("ours", "one", 50.0, printed="61.2"))
    assert "No row was measured" in lines(cell("theirs", "one", None))


def test_metrics_become_columns_with_printed_values() -> None:
    text = lines(
        cell("ours", "one", 50.0, "top-1", "61.2"), cell("ours", "one", 80.0, "top-5"), cell("ours", "two", 40.0),
        pivot="metric",
    )  # fmt: skip
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows[0] == "| method | data set | setting | top-1 | top-5 | our run |" and "in italics" in text
    assert rows[2:] == [
        "| ours | one | pictures | 50.0 [48.0, 52.0] *61.2* | 80.0 [78.0, 82.0] | ours (encoder) |",
        "| ours | two | pictures | 40.0 [38.0, 42.0] | - | ours (encoder) |",
    ]


def test_methods_become_columns_without_the_data_set_in_their_names() -> None:
    cells = cell("baseline, the first", "one", 50.0), cell("baseline, the second", "two", 40.0)
    text = lines(*cells, cell("ours, longer", "one", 60.0), pivot="method")
    assert "| data set | setting | metric | baseline | ours, longer |" in text
    assert "| two | pictures | top-1 | 40.0 [" in text and "in italics" not in text
    more = cell("baseline, longer", "two", 45.0)
    assert "| baseline, the first | baseline, the second | baseline, longer |" in lines(*cells, more, pivot="method")

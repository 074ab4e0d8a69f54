"""Published values of CrossOver: what is known, and what the audit says of them (CrossOver spec 1.1, 7.2 and 8)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from concord3d.layout import published_csv, report_yaml
from concord3d.reporting.evidence.audit import Finding, audit
from concord3d.reporting.evidence.published_values import PublishedCell, read_published
from concord3d.reporting.specs.report_spec import load_report_spec


@pytest.fixture(scope="module")
def cells(repository: Path) -> tuple[PublishedCell, ...]:
    return read_published(repository / published_csv("crossover"))


@pytest.fixture(scope="module")
def found(cells: tuple[PublishedCell, ...], repository: Path) -> list[Finding]:
    return audit(cells, load_report_spec(repository / report_yaml("crossover")).audit)


def test_766_cells_are_known_385_of_them_from_the_main_text(cells: tuple[PublishedCell, ...]) -> None:
    assert Counter(cell.evidence for cell in cells) == {"main_table": 385, "supplementary_secondhand": 381}
    assert all(cell.setting.partition(",")[0] == cell.pair and cell.text for cell in cells)


def test_cells_that_no_number_of_scans_gives(found: list[Finding]) -> None:
    off = [f for f in found if f.check == "proportion" and f.severity == "impossible"]
    texts = Counter(f.cell.text for f in off)
    assert texts.pop("0.04") == 5
    main = ("0.24", "0.40", "0.28", "0.01", "98.12", "98.22", "72.32", "23.27", "0.50", "4.77", "0.76", "32.31")
    assert texts == dict.fromkeys((*main, "98.08", "85.38", "59.95", "3.83"), 1)
    [cut] = [f for f in found if f.check == "proportion" and f.severity == "suspicious"]
    assert cut.cell.text == "62.33" and "48/77" in cut.reason


def test_306_scans_fit_no_cell_of_the_curve_of_figure_6(found: list[Finding]) -> None:
    dependent = [f for f in found if f.severity == "dependent"]
    assert {f.cell.table for f in dependent} == {"supp_d1"} and len(dependent) == 12
    assert all("not with 306 items (caption of Fig. 6)" in f.condition for f in dependent)


def test_one_row_of_table_4_breaks_its_identity(found: list[Finding]) -> None:
    rows = [f for f in found if f.check == "identity" and f.cell.table == "tab_4"]
    assert [(f.severity, f.cell.text) for f in rows] == [("contradiction", "55.46"), ("disagreement", "59.88")]


def test_two_prints_of_one_cell(found: list[Finding]) -> None:
    other = [f for f in found if f.check == "identity" and f.cell.table != "tab_4"]
    texts = {(f.cell.table, f.cell.setting, f.cell.text) for f in other}
    assert ("supp_d1", "P-R", "56.57") in texts and ("supp_a", "P-R, trained on both", "97.25") in texts
    mislabelled = [f for f in other if f.cell.setting == "P-M, trained on both"]
    assert len(mislabelled) == 3
    assert len(other) == 5


def test_rows_that_look_collapsed(found: list[Finding]) -> None:
    [blind] = [f for f in found if f.check == "blind"]
    assert (blind.cell.table, blind.cell.method, blind.cell.setting) == ("tab_3", "PointBind", "P-R")
    twins = [f for f in found if f.check == "twins"]
    assert {(f.cell.table, f.cell.method, f.cell.setting) for f in twins} == {
        ("supp_c1", "PointBind", "R-R"),
        ("supp_c2", "PointBind", "R-R"),
    }
    [bound] = [f for f in found if f.check == "bound"]
    assert bound.cell.text == "29.79"

"""Tables read from their CSV are those that were written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from concord3d.commands.site import reported_papers
from concord3d.errors import ReportingError, UnreadableFile
from concord3d.reporting.tables.reading import read_table
from concord3d.reporting.tables.table_files import table_csv, table_markdown
from concord3d.site.paper_results import PaperResults


@pytest.fixture(scope="module")
def papers(repository: Path) -> list[PaperResults]:
    return reported_papers(repository, ["small"])


def test_committed_tables_are_written_again_byte_by_byte(papers: list[PaperResults]) -> None:
    compared = 0
    for paper in papers:
        for table in paper.tables:
            path = paper.folder / "tables" / table.spec.id
            assert table_csv(table) == path.with_suffix(".csv").read_text(), path
            assert table_markdown(table) == path.with_suffix(".md").read_text(), path
            compared += 1
    assert compared > 30


def test_measured_cells_know_where_their_numbers_stand(papers: list[PaperResults]) -> None:
    cells = [cell for paper in papers for table in paper.tables for cell in table.cells if cell.status == "measured"]
    lost = [cell.method for cell in cells if cell.address is None and cell.method != "chance"]
    assert cells and not lost


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",small,", ",demo,", "another scale"),
        ("method,dataset", "methods,dataset", "other columns"),
        (",measured,", ",meassured,", "no number"),
        (",{ours},", ",eighty,", "no number"),
        (",{ours},", ",12.345678,", "disagree"),
    ],
)
def test_a_damaged_table_is_refused(
    papers: list[PaperResults], tmp_path: Path, old: str, new: str, message: str
) -> None:
    paper = next(paper for paper in papers if paper.name == "mm_point")
    path = tmp_path / "linear_svm.csv"
    shutil.copy(paper.folder / "tables" / path.name, path)
    assert read_table(path, paper.report, paper.results, paper.inputs.labels).cells
    ours = pd.read_csv(path, dtype=str)["ours"].dropna().iloc[0]
    path.write_text(path.read_text().replace(old.format(ours=ours), new))
    with pytest.raises(ReportingError, match=message):
        read_table(path, paper.report, paper.results, paper.inputs.labels)


def test_a_missing_table_is_named(papers: list[PaperResults], tmp_path: Path) -> None:
    paper = papers[0]
    with pytest.raises(UnreadableFile, match="Cannot read a table"):
        read_table(tmp_path / f"{paper.report.headline}.csv", paper.report, paper.results, paper.inputs.labels)

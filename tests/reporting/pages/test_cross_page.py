"""The encoders of all papers side by side."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, outcomes

from concord3d.errors import ReportingError, UnreadableFile
from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.pages.cross_page import COLUMNS, build_cross
from concord3d.reporting.report_part import build_part


def paper(root: Path, name: str, experiment: str, right: int, encoder: str, num_items: int = 200) -> ReportInputs:
    """Report one experiment of a paper with two seeds."""
    made = Fabricated(root / name)
    for seed in (1, 2):
        made.accuracy(experiment, outcomes(num_items, right + seed), seed, encoder=encoder)
    inputs = replace(made.inputs, out=root / "results" / name)
    build_part(inputs, "metrics")
    return inputs


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "encoders.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_one_row_per_number_with_the_interval_of_the_papers_own_tables(tmp_path: Path) -> None:
    papers = [paper(tmp_path, "one", "mm_point", 150, "dgcnn"), paper(tmp_path, "two", "full", 120, "point_bert")]
    build_cross(papers, tmp_path / "cross")
    rows = rows_of(tmp_path / "cross")
    assert tuple(rows[0]) == COLUMNS
    assert [(row["encoder"], row["paper"], row["experiment"]) for row in rows] == [
        ("dgcnn", "one", "mm_point"),
        ("point_bert", "two", "full"),
    ]
    for inputs, row in zip(papers, rows, strict=True):
        expected = load_results(inputs).estimate(
            Address(row["experiment"], "modelnet40", "linear_svm", "overall_accuracy")
        )
        assert expected is not None
        interval = expected.interval
        assert [float(row[key]) for key in ("value", "ci_low", "ci_high")] == pytest.approx(
            [interval.value, interval.low, interval.high], abs=1e-6
        )
        assert (row["n_items"], row["n_seeds"], row["basis"]) == ("200", "2", "items and seeds")
        assert (row["n_papers"], row["unit"], row["scale"], row["data_kind"]) == ("2", "%", "small", "real")
    page = (tmp_path / "cross" / "encoders.md").read_text()
    assert "scale: small; data_kind: real" in page
    assert "overall accuracy, linear_svm on modelnet40" in page and "75.75" in page and "60.75" in page


def test_numbers_on_other_items_do_not_stand_in_one_column(tmp_path: Path) -> None:
    papers = [paper(tmp_path, "one", "a", 150, "dgcnn"), paper(tmp_path, "two", "b", 80, "pointnet", num_items=100)]
    build_cross(papers, tmp_path / "cross")
    rows = rows_of(tmp_path / "cross")
    assert {row["n_papers"] for row in rows} == {"1"} and len({row["test_items"] for row in rows}) == 2
    page = (tmp_path / "cross" / "encoders.md").read_text()
    assert "No protocol was run on the same test items by more than one paper." in page


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    papers = [paper(tmp_path, "one", "a", 150, "dgcnn"), paper(tmp_path, "two", "b", 120, "pointnet")]
    for folder in ("first", "second"):
        build_cross(papers, tmp_path / folder)
    for name in ("encoders.csv", "encoders.md"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert str(tmp_path) not in (tmp_path / "first" / "encoders.csv").read_text()


def test_papers_of_several_scales_or_none_are_refused(tmp_path: Path) -> None:
    inputs = paper(tmp_path, "one", "a", 150, "dgcnn")
    with pytest.raises(ReportingError, match="one scale"):
        build_cross([inputs, replace(inputs, scale="demo")], tmp_path / "cross")
    with pytest.raises(ReportingError, match="one scale"):
        build_cross([], tmp_path / "cross")
    with pytest.raises(ReportingError, match="another scale"):
        build_cross([replace(inputs, scale="demo")], tmp_path / "cross")


def test_missing_and_damaged_results_are_named(tmp_path: Path) -> None:
    inputs = paper(tmp_path, "one", "a", 150, "dgcnn")
    metrics = inputs.out / "metrics.csv"
    text = metrics.read_text()
    metrics.write_text(text.replace("n_items", "items"))
    with pytest.raises(ReportingError, match="other columns"):
        build_cross([inputs], tmp_path / "cross")
    metrics.write_text(text.replace(",200,", ",many,"))
    with pytest.raises(ReportingError, match="no number"):
        build_cross([inputs], tmp_path / "cross")
    metrics.unlink()
    with pytest.raises(UnreadableFile, match="Cannot read a paper's results"):
        build_cross([inputs], tmp_path / "cross")
    metrics.write_text(text)
    stored = inputs.out / "per_item" / "a__linear_svm__s1.npz"
    stored.write_bytes(stored.read_bytes()[:60])
    with pytest.raises(UnreadableFile, match="per-item outcomes"):
        build_cross([inputs], tmp_path / "cross")
    assert not (tmp_path / "cross").exists()

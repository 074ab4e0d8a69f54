"""``concord3d report --from-results``: a clone makes the committed reports anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from concord3d.cli import app
from concord3d.commands.report import report_from_results
from concord3d.errors import ReportingError
from concord3d.reporting.figures import style

ROOT = Path(__file__).resolve().parents[2]
# Pages made from artifacts do not say so.
OF_RESULTS = "- This report was made from the numbers in this folder"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a clone has: configuration and results, no artifacts."""
    monkeypatch.setitem(style.SETTINGS, "savefig.dpi", 40)
    for name in ("config", "papers", "datasets", "results/small"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def texts(folder: Path) -> dict[str, list[str]]:
    """Return what people read; the last digits of other files may differ from machine to machine."""
    pages = [*folder.glob("*/README.md"), *folder.glob("*/ledger.md"), *folder.glob("*/tables/*.md")]
    return {
        str(path.relative_to(folder)): [line for line in path.read_text().splitlines() if OF_RESULTS not in line]
        for path in pages
    }


def test_the_committed_reports_have_the_present_wording(clone: Path) -> None:
    made = CliRunner().invoke(app, ["report", "--from-results", "--root", str(clone), "--scale", "small"])
    assert made.exit_code == 0, made.output
    assert made.output.count("Read ") == 5
    before, after = texts(ROOT / "results" / "small"), texts(clone / "results" / "small")
    differing = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    assert not differing, f"{differing}: run 'concord3d report --from-results --scale small' and commit the results"


def test_a_paper_without_results_stays_without(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = clone / "results" / "small"
    for name in ("mm_mixing", "cross_most", "cmcr", "crossover", "cross"):
        shutil.rmtree(results / name)
    (results / "mm_point" / "README.md").unlink()
    report_from_results(clone, "small")
    assert "mm_mixing/README.md: there are no results" in capsys.readouterr().out
    assert (results / "mm_point" / "README.md").exists()
    assert not (results / "mm_mixing").exists() and not (results / "cross").exists()


def test_without_any_results_it_refuses(clone: Path) -> None:
    shutil.rmtree(clone / "results")
    with pytest.raises(ReportingError, match="no results that a report could be made from"):
        report_from_results(clone, "small")

"""``concord3d compare``, called as its users call it, in small repositories and archives of them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from concord3d.cli import app
from concord3d.commands.compare import DIFFERS, NothingToCompare
from concord3d.errors import ConfigError, ReportingError
from concord3d.layout import Layout
from concord3d.reporting.evidence.metric_rows import COLUMNS
from concord3d.workflow.reference import keep_reference

runner = CliRunner()
SEEDS = (1, 2, 3, 4)


def write_results(
    root: Path, value: float = 50.0, verdict: str = "holds", paper: str = "mm_point", scale: str = "demo"
) -> None:
    folder = root / "results" / scale / paper
    folder.mkdir(parents=True, exist_ok=True)
    lines = [",".join(COLUMNS)]
    lines += [
        f"full,a label,{seed},{scale},synthetic,modelnet40,knn,accuracy,{value:.6f},480,46.000000,54.000000,last,%"
        for seed in SEEDS
    ]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    (folder / "claims.json").write_text(json.dumps([{"id": "C1", "verdict": verdict}]))


def mark_made(root: Path, paper: str = "mm_point", scale: str = "demo") -> None:
    record = root / Layout(scale).record(f"{paper}/report/metrics")
    record.parent.mkdir(parents=True)
    record.write_text("{}")


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def archive(repository: Path, tmp_path: Path) -> Path:
    """What an archive holds of a repository with results, without git."""
    root = tmp_path / "archive"
    root.mkdir()
    shutil.copy(repository / "params.yaml", root)
    write_results(root)
    return root


@pytest.fixture
def clone(archive: Path) -> Path:
    git(archive, "init")
    git(archive, "add", "-A")
    git(archive, "commit", "-m", "results")
    git(archive, "tag", "first")
    return archive


def compare(root: Path, *options: str) -> Result:
    return runner.invoke(app, ["compare", "--root", str(root), "--scale", "demo", *options])


def test_a_rerun_with_the_same_numbers_agrees_with_head(clone: Path) -> None:
    mark_made(clone)
    result = compare(clone)
    assert result.exit_code == 0, result.output
    assert "Every number and verdict is that of the reference" in result.output
    assert "those of HEAD (" in result.output
    assert "| mm_point | 4 | 4 | 0 | 0 | 0 | 0 | none changed |" in result.output


def test_values_inside_their_intervals_agree(clone: Path) -> None:
    write_results(clone, 52.0)
    result = compare(clone)
    assert result.exit_code == 0, result.output
    assert "no verdict changed; other values, all of them inside" in result.output


def test_values_outside_differ_and_are_listed(clone: Path) -> None:
    write_results(clone, 60.0)
    result = compare(clone)
    assert result.exit_code == DIFFERS
    assert "mm_point: more values are outside of their intervals than chance gives" in result.output
    row = "| full, seed 1: accuracy (last), knn on modelnet40 | 50.000000 | [46.000000, 54.000000] | 60.000000 | 2.5 |"
    assert row in result.output


def test_a_changed_verdict_differs(clone: Path) -> None:
    write_results(clone, 52.0, verdict="fails")
    result = compare(clone)
    assert result.exit_code == DIFFERS
    assert "| C1 | holds | fails |" in result.output


def test_json_holds_everything(clone: Path) -> None:
    write_results(clone, 60.0)
    result = compare(clone, "--format", "json")
    found = json.loads(result.output)
    assert result.exit_code == DIFFERS and found["agrees"] is False
    paper = found["papers"]["mm_point"]
    assert [paper[key] for key in ("rows", "identical", "inside")] == [4, 0, 0]
    assert [(cell["seed"], cell["value"], cell["rerun"]) for cell in paper["outside"]] == [
        (seed, 50, 60) for seed in SEEDS
    ]
    assert paper["chance"]["explains"] is False


def test_another_revision_and_another_folder_are_references_too(clone: Path, tmp_path: Path) -> None:
    write_results(clone, 52.0)
    git(clone, "commit", "-am", "other results")
    assert json.loads(compare(clone, "--to", "first", "--format", "json").output)["papers"]["mm_point"]["inside"] == 4
    other = tmp_path / "other"
    write_results(other, 53.0)
    for folder in (other, other / "results", other / "results" / "demo"):
        found = json.loads(compare(clone, "--to", str(folder), "--format", "json").output)
        assert found["papers"]["mm_point"]["inside"] == 4, folder


def test_results_that_came_with_the_clone_are_no_rerun(clone: Path) -> None:
    result = compare(clone)
    assert isinstance(result.exception, NothingToCompare) and result.exception.exit_code not in (0, 1, DIFFERS)
    assert "were not made here" in str(result.exception)


def test_a_paper_that_one_side_lacks_is_named(clone: Path) -> None:
    mark_made(clone)
    write_results(clone, paper="another")
    result = compare(clone)
    assert result.exit_code == 0
    assert "another was not compared: only this folder has results" in result.output


def test_an_archive_is_compared_with_the_copy_that_its_first_run_kept(archive: Path) -> None:
    assert isinstance(compare(archive).exception, NothingToCompare)
    keep_reference(archive, "demo")
    write_results(archive, 60.0)
    mark_made(archive)
    result = compare(archive)
    assert result.exit_code == DIFFERS, result.output
    assert "beside those that came with this folder" in result.output


def test_an_archive_inside_of_another_repository_has_no_git(archive: Path) -> None:
    git(archive.parent, "init")
    keep_reference(archive, "demo")
    write_results(archive, 52.0)
    assert "those that came with this folder" in compare(archive).output


def test_a_repository_inside_of_another_is_read_at_its_place(clone: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    shutil.copytree(clone, outer / "inner", ignore=shutil.ignore_patterns(".git"))
    git(outer, "init")
    git(outer, "add", "-A")
    git(outer, "commit", "-m", "all")
    write_results(outer / "inner", 52.0)
    assert json.loads(compare(outer / "inner", "--format", "json").output)["papers"]["mm_point"]["inside"] == 4


def test_unknown_revisions_are_refused(clone: Path) -> None:
    for name in ("frist", "--all", ""):
        result = compare(clone, f"--to={name}")
        assert isinstance(result.exception, ConfigError), (name, result.output)
        assert f"no revision '{name}'" in str(result.exception)


def test_an_archive_knows_no_revisions(archive: Path) -> None:
    result = compare(archive, "--to", "HEAD")
    assert isinstance(result.exception, ConfigError)
    assert "without git" in str(result.exception)


def test_a_reference_without_results_is_nothing_to_compare_with(clone: Path) -> None:
    git(clone, "rm", "-rq", "--cached", "results")
    git(clone, "commit", "-m", "no results")
    result = compare(clone)
    assert isinstance(result.exception, NothingToCompare)
    assert "no results of scale 'demo'" in str(result.exception) and "HEAD" in str(result.exception)
    shutil.rmtree(clone / "results")
    result = compare(clone, "--to", "first")
    assert isinstance(result.exception, NothingToCompare)
    assert "make reproduce SCALE=demo" in str(result.exception)


def test_other_scales_and_other_columns_are_refused(clone: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_results(other, scale="small")
    result = compare(clone, "--to", str(other / "results" / "small"))
    assert isinstance(result.exception, ReportingError)
    assert "another scale" in str(result.exception) and "found: small" in str(result.exception)
    metrics = clone / "results" / "demo" / "mm_point" / "metrics.csv"
    metrics.write_text(metrics.read_text().replace("n_items", "items"))
    result = compare(clone)
    assert isinstance(result.exception, ReportingError)
    assert "other columns" in str(result.exception)

"""The copy of the results that came with an archive."""

import subprocess
from pathlib import Path

import pytest

from concord3d.layout import Layout
from concord3d.provenance.checkout import is_kept_by_git
from concord3d.workflow.reference import keep_reference


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text("")
    results = tmp_path / "results" / "demo" / "mm_point"
    results.mkdir(parents=True)
    for name in ("metrics.csv", "claims.json", "README.md"):
        (results / name).write_text(f"came with it: {name}")
    return tmp_path


def kept(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted((root / "reference").rglob("*.*"))}


def test_what_is_compared_is_kept_once(archive: Path) -> None:
    keep_reference(archive, "demo")
    before = kept(archive)
    assert list(before) == ["reference/demo/mm_point/claims.json", "reference/demo/mm_point/metrics.csv"]
    (archive / "results" / "demo" / "mm_point" / "metrics.csv").write_text("made here")
    keep_reference(archive, "demo")
    assert kept(archive) == before


def test_what_a_run_made_is_no_reference(archive: Path) -> None:
    record = archive / Layout("demo").record("mm_point/report/metrics")
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    keep_reference(archive, "demo")
    assert not (archive / "reference").exists()


def test_the_record_that_tells_is_one_that_the_plan_makes(repository: Path) -> None:
    from concord3d.config.resolve import load_params
    from concord3d.workflow.plan import Plan

    plan = Plan(repository, load_params({"scale": "smoke", "papers": ["mm_point"]}))
    assert Layout("smoke").result("mm_point", "metrics.csv") in plan.nodes["mm_point/report/metrics"].outputs


def test_git_keeps_its_own(archive: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=archive, check=True)
    assert not is_kept_by_git(archive), "nothing is tracked"
    subprocess.run(["git", "add", "params.yaml"], cwd=archive, check=True)
    assert is_kept_by_git(archive)
    keep_reference(archive, "demo")
    assert not (archive / "reference").exists()


def test_a_machine_without_git_keeps_a_copy(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    keep_reference(archive, "demo")
    assert kept(archive)

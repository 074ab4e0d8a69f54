"""The skeleton of a paper: what it writes runs, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.workflow.graphs import copy_parts, smoke_plan
from typer.testing import CliRunner

from concord3d.cli import app
from concord3d.commands.schemas import schemas
from concord3d.config.strict_yaml import load_yaml
from concord3d.errors import ConfigError
from concord3d.layout import paper_scale_yaml, paper_spec, paper_yaml, published_csv, report_yaml
from concord3d.methods.supervised.settings import SupervisedSettings
from concord3d.reporting.evidence.published_values import read_published
from concord3d.reporting.specs.report_spec import load_report_spec
from concord3d.training.settings import TrainingSettings

runner = CliRunner()


@pytest.fixture
def folder(repository: Path, tmp_path: Path) -> Path:
    copy_parts(repository, tmp_path)
    (tmp_path / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    return tmp_path


def test_what_is_written_passes_the_plan(folder: Path) -> None:
    result = runner.invoke(app, ["new-paper", "toy_paper", "--root", str(folder)])
    assert result.exit_code == 0, result.output
    assert "add 'toy_paper' to 'papers' in params.yaml" in result.output
    plan = smoke_plan(folder, papers=["toy_paper"])
    assert {"toy_paper/train/main__s1", "toy_paper/eval/main__s1", "toy_paper/report/pages"} <= set(plan.nodes)
    run = plan.node("toy_paper/train/main__s1").params["run"]
    TrainingSettings.model_validate(run["training"])
    SupervisedSettings.model_validate(run["objective"])
    assert set(smoke_plan(folder, papers=["mm_point", "toy_paper"]).studies) == {"mm_point", "toy_paper"}


def test_every_file_is_valid(folder: Path) -> None:
    runner.invoke(app, ["new-paper", "toy_paper", "--root", str(folder)])
    files = {
        "paper": paper_yaml("toy_paper"),
        "report": report_yaml("toy_paper"),
        "paper_scale": paper_scale_yaml("toy_paper", "smoke"),
    }
    written = {path.relative_to(folder) for path in (folder / "papers/toy_paper").rglob("*") if path.is_file()}
    assert written == {*files.values(), published_csv("toy_paper"), paper_spec("toy_paper")}
    for name, path in files.items():
        schema = json.loads(schemas()[Path(f"schemas/{name}.json")])
        assert not list(Draft202012Validator(schema).iter_errors(load_yaml(folder / path))), path
        link = (folder / path).read_text().splitlines()[0].partition("=")[2]
        assert ((folder / path).parent / link).resolve() == (folder / "schemas" / f"{name}.json").resolve()
    for keys in load_yaml(folder / files["paper"])["defaults"].values():
        assert all(entry["origin"] and entry["source"] for entry in keys.values())
    assert read_published(folder / published_csv("toy_paper")) == ()
    assert len(load_report_spec(folder / files["report"]).claims) == 1


@pytest.mark.parametrize(
    "name", ["mm_point", "../toy", "Toy", "to y", "toy__paper", "6th", "", "toy-paper", "cross", "all"]
)
def test_a_taken_or_impossible_name_is_refused(folder: Path, name: str) -> None:
    before = sorted((folder / "papers").rglob("*"))
    result = runner.invoke(app, ["new-paper", name, "--root", str(folder)])
    assert result.exit_code == 1 and isinstance(result.exception, ConfigError)
    assert sorted((folder / "papers").rglob("*")) == before and not (folder / "toy").exists()

"""The command line, called as its users call it, on a copy of the configuration."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from concord3d.cli import app
from concord3d.commands import doctor
from concord3d.commands.workflow import params_of
from concord3d.errors import ConfigError, DatasetMissing, ReportingError
from concord3d.methods.settings import method_kind
from concord3d.render import choice
from concord3d.training import precision
from concord3d.workflow.plan import Plan

runner = CliRunner()


@pytest.fixture
def folder(repository: Path, tmp_path: Path) -> Path:
    for name in ("papers", "config", "datasets", "params.yaml", "src", "workflow_scripts"):
        source = repository / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    return tmp_path


def test_status_lists_every_data_set_with_its_next_step(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONCORD3D_MIRROR", raising=False)
    result = runner.invoke(app, ["status", "--root", str(folder)])
    assert result.exit_code == 0
    for name in ("modelnet40", "modelnet10", "scanobjectnn_pb_t50_rs", "shapenetpart", "s3dis", "shapenet"):
        assert f"missing        {name}" in result.output
    assert "Fill in the form" in result.output


def test_status_fails_on_a_damaged_data_set(folder: Path) -> None:
    damaged = folder / "data" / "raw" / "real" / "modelnet40"
    damaged.mkdir(parents=True)
    (damaged / "manifest.json").write_text("{}")
    result = runner.invoke(app, ["status", "--root", str(folder)])
    assert result.exit_code == 1
    assert "corrupt" in result.output


def test_estimate_counts_jobs_and_tells_what_is_not_known(folder: Path) -> None:
    estimate = ["estimate", "--root", str(folder), "--scale", "demo"]
    result = runner.invoke(app, estimate, env={"COLUMNS": "300"})
    assert result.exit_code == 0, result.output
    assert "The whole, as recorded at this scale: " in result.output
    (folder / "config" / "costs" / "demo.csv").unlink()
    result = runner.invoke(app, estimate, env={"COLUMNS": "300"})
    assert "The whole: not known, nobody has recorded a run of scale demo" in result.output
    plan = Plan(folder, params_of(folder, "demo"))
    for node in plan.nodes.values():
        if node.script == "train":
            run = node.params["run"]
            assert (f"{node.stage}/{run['experiment']} " in result.output) == method_kind(run["method"]).is_trained
    lines = [[part.strip() for part in line.split("\u2502")[1:-1]] for line in result.output.splitlines()]
    rows = {row[0]: row[1:] for row in lines if row}
    for script in ("train", "evaluate"):
        nodes = [node for node in plan.nodes.values() if node.script == script]
        assert rows[script][:2] == [str(len(plan.jobs_of(script))), str(len(nodes))] and len(nodes) > 100
    assert rows["all"][:2] == [str(len(plan.jobs)), str(len(plan.nodes))]
    assert rows["towers/tower_concord_tiny"][3] == "no record of this network", "this folder has no records"
    assert "GB for stores, views, features and weights" in result.output


def test_report_does_not_replace_results_by_nothing(folder: Path) -> None:
    metrics = folder / "results" / "small" / "mm_point" / "metrics.csv"
    metrics.parent.mkdir(parents=True)
    metrics.write_text("measured earlier")
    result = runner.invoke(app, ["report", "--root", str(folder), "--scale", "small"])
    assert isinstance(result.exception, ReportingError)
    assert "snakemake --cores all" in str(result.exception)
    assert metrics.read_text() == "measured earlier"


def test_hydrate_without_recorded_artifacts_says_what_to_do(folder: Path) -> None:
    result = runner.invoke(app, ["hydrate", "--root", str(folder)])
    assert isinstance(result.exception, DatasetMissing)
    assert "snakemake --cores all" in str(result.exception)


def test_an_unknown_scale_is_refused(folder: Path) -> None:
    result = runner.invoke(app, ["estimate", "--root", str(folder), "--scale", "hueg"])
    assert isinstance(result.exception, ConfigError)
    assert "'scale'" in str(result.exception)


def test_doctor_names_a_misspelt_key_and_fails(folder: Path) -> None:
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("device:", "devise:"))
    result = runner.invoke(app, ["doctor", "--root", str(folder), "--brief"], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert "did you mean" in result.output and "device" in result.output


@pytest.mark.parametrize(
    ("renderer", "error", "state", "words"),
    [
        ("auto", None, "ok", "open3d draws the meshes: device is cpu"),
        ("auto", "absent", "note", "open3d draws the meshes: PyTorch3D is not installed"),
        ("pytorch3d", None, "ok", "pytorch3d draws the meshes: params.yaml or --config states it"),
        ("pytorch3d", "absent", "problem", "not installed; pytorch3d draws the meshes"),
        ("pytorch3d", "ImportError: undefined symbol", "problem", "undefined symbol; pytorch3d draws the meshes"),
    ],
)
def test_doctor_says_what_draws_the_meshes_and_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch, renderer: str, error: str | None, state: str, words: str
) -> None:
    params = folder / "params.yaml"
    text = params.read_text().replace("renderer: auto", f"renderer: {renderer}").replace("device: auto", "device: cpu")
    params.write_text(text)
    for module in (doctor, choice):
        monkeypatch.setattr(module, "pytorch3d_installed", lambda: error != "absent")
    monkeypatch.setattr(doctor, "_import_in_child", lambda _: error)
    (finding,) = doctor._pytorch3d(folder)
    assert finding.state == state and words in finding.detail
    assert bool(finding.next_step) == (state != "ok")


@pytest.mark.parametrize(("has_products", "state"), [(True, "ok"), (False, "note")])
def test_doctor_says_whether_trainings_take_float32_in_place_of_bfloat16(
    folder: Path, has_products: bool, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda device: has_products)
    (finding,) = doctor._bfloat16(folder)
    assert finding.state == state and ("take float32" in finding.detail) != has_products


def test_doctor_is_content_with_the_committed_configuration(folder: Path) -> None:
    result = runner.invoke(app, ["doctor", "--root", str(folder), "--brief"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output


def test_a_mirror_that_does_not_exist_is_one_of_the_findings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCORD3D_MIRROR", str(folder / "absent"))
    finding = list(doctor._datasets(folder))[-1]
    assert finding.state == "problem" and "absent" in finding.detail and "CONCORD3D_MIRROR" in finding.next_step


@pytest.mark.parametrize("verb", ["run", "hydrate", "estimate", "report", "status", "verify"])
def test_outside_of_a_clone_every_command_says_where_it_belongs(tmp_path: Path, verb: str) -> None:
    result = runner.invoke(app, [verb, "--root", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert "not a clone" in str(result.exception) and "next: change into the clone" in str(result.exception)


def test_doctor_examines_a_machine_that_has_no_clone(tmp_path: Path) -> None:
    result = runner.invoke(app, ["doctor", "--root", str(tmp_path)], env={"COLUMNS": "200"})
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    assert "change into a clone" in result.output and "Disk" in result.output


def test_doctor_names_the_extra_that_brings_the_programs(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An interpreter without Snakemake and DVC beside it.
    monkeypatch.setattr("concord3d.commands.workflow.sys", SimpleNamespace(executable=str(tmp_path / "python")))
    result = runner.invoke(app, ["doctor", "--root", str(folder)], env={"COLUMNS": "300"})
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    assert "pip install '.[workflow]'" in result.output

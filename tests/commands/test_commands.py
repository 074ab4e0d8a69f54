"""The command line, called as its users call it, on a copy of the configuration."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from concord3d.cli import app
from concord3d.commands import doctor
from concord3d.commands.estimate import split_sizes, training_flops
from concord3d.config.resolve import load_study
from concord3d.config.study import joined_datasets
from concord3d.errors import ConfigError, DatasetMissing, ReportingError
from concord3d.render import choice

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


def test_estimate_prints_every_experiment_of_the_scale(folder: Path) -> None:
    result = runner.invoke(app, ["estimate", "--root", str(folder), "--scale", "demo"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    study = load_study(folder, "mm_point", "demo")
    for experiment in study.experiments:
        assert (experiment in result.output) == (study.run_config(experiment, 1)["pretrain"] is not None)
    assert "GB for stores" in result.output


@pytest.mark.parametrize("paper", ["mm_point", "mm_mixing"])
@pytest.mark.parametrize("scale", ["demo", "small", "paper"])
def test_every_training_set_has_a_size_to_estimate_with(repository: Path, paper: str, scale: str) -> None:
    study = load_study(repository, paper, scale)
    sizes = split_sizes(repository, study)
    runs = [study.run_config(experiment, study.seeds[0]) for experiment in study.experiments]
    trained_on = {name for run in runs if run["pretrain"] for name in joined_datasets(run["pretrain"]["dataset"])}
    assert trained_on and all(sizes[name]["train"] > 0 for name in trained_on)


def test_work_grows_with_epochs_views_and_points(repository: Path) -> None:
    run = load_study(repository, "mm_point", "demo").run_config("mm_point", 1)
    work = training_flops(run, 100)
    assert work > 0
    twice_as_long = {**run["training"], "epochs": 2 * run["training"]["epochs"]}
    assert training_flops({**run, "training": twice_as_long}, 100) == pytest.approx(2 * work)
    assert training_flops({**run, "objective": {**run["objective"], "views": 8}}, 100) > work
    assert training_flops({**run, "data": {**run["data"], "num_points": 512}}, 100) > work


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


def test_doctor_is_content_with_the_committed_configuration(folder: Path) -> None:
    result = runner.invoke(app, ["doctor", "--root", str(folder), "--brief"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output


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

"""The whole graph, end to end, at the smoke scale."""

import csv
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from tests.workflow.clones import call, copy_tree, tree_hash
from tests.workflow.test_cluster_profiles import needs_slurm_plugin

from concord3d.config.resolve import load_study
from concord3d.config.strict_yaml import load_yaml
from concord3d.layout import Layout
from concord3d.render.choice import pytorch3d_installed
from concord3d.reporting.specs.output_files import html_pages

pytestmark = pytest.mark.workflow

RESULTS = Path("results/smoke/mm_point")
# Records of a run hold its wall time; everything else must not depend on when or where it was made.
RECORDS = ("provenance",)


def test_a_run_leaves_the_contract_behind(smoke_run: Path) -> None:
    results = smoke_run / RESULTS
    with (results / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert rows and {row["data_kind"] for row in rows} == {"synthetic"} and {row["scale"] for row in rows} == {"smoke"}
    assert all(row["ci_low"] and row["ci_high"] for row in rows if row["metric"] == "overall_accuracy")
    claims = json.loads((results / "claims.json").read_text())
    assert {claim["scope"] for claim in claims} == {"synthetic"}
    for name in ("README.md", "audit.csv", "ledger.md"):
        assert (results / name).stat().st_size > 0
    assert list((results / "tables").glob("*.tex")) and list((results / "figures").glob("*.svg"))
    provenance = json.loads((results / "provenance" / "mm_point__s1.json").read_text())
    assert len(provenance["git_commit"]) == 40 and provenance["git_dirty"] is False


def test_a_second_call_has_nothing_to_do(smoke_run: Path) -> None:
    completed = call(smoke_run, "snakemake", "--cores", "2", "--config", "scale=smoke", "--dry-run")
    assert "Nothing to be done" in completed.stdout + completed.stderr


def test_the_catalogues_words_make_nothing_anew_and_its_facts_do(smoke_run: Path) -> None:
    catalog, dry_run = smoke_run / "datasets" / "datasets.yaml", ("--config", "scale=smoke", "--dry-run")
    original, status = catalog.read_text(), catalog.stat()
    try:
        catalog.write_text(original.replace("  title: ", "  title: The "))
        said = call(smoke_run, "snakemake", "--cores", "2", *dry_run)
        assert "Nothing to be done" in said.stdout + said.stderr
        catalog.write_text(original.replace("  max_radius: ", "  max_radius: 1"))
        said = call(smoke_run, "snakemake", "--cores", "2", *dry_run)
        assert re.search(r"^store +[1-9]", said.stdout + said.stderr, re.MULTILINE)
    finally:
        catalog.write_text(original)
        os.utime(catalog, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_another_folder_and_one_core_give_the_same_bytes(
    smoke_run: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = copy_tree(repository, tmp_path_factory.mktemp("other"))
    completed = call(other, "snakemake", "--cores", "1", "--config", "scale=smoke", "papers=[mm_point]")
    assert completed.returncode == 0, completed.stderr[-5000:]
    assert tree_hash(other / RESULTS, RECORDS) == tree_hash(smoke_run / RESULTS, RECORDS)
    weights = Path("artifacts/smoke/mm_point/train/mm_point__s1/weights/point.safetensors")
    assert (other / weights).read_bytes() == (smoke_run / weights).read_bytes()


def test_one_missing_table_is_remade_alone(smoke_run: Path) -> None:
    before = tree_hash(smoke_run / RESULTS)
    (smoke_run / RESULTS / "metrics.csv").unlink()
    completed = call(smoke_run, "snakemake", "--cores", "2", "--config", "scale=smoke")
    assert completed.returncode == 0, completed.stderr[-5000:]
    assert "] train " not in completed.stderr
    assert tree_hash(smoke_run / RESULTS) == before


def test_the_report_command_gives_the_same_report(smoke_run: Path) -> None:
    before = tree_hash(smoke_run / RESULTS)
    completed = call(smoke_run, "concord3d", "report", "--scale", "smoke")
    assert completed.returncode == 0, completed.stderr
    assert tree_hash(smoke_run / RESULTS) == before


def test_a_partial_run_is_reported_with_the_rest_as_not_run(smoke_run: Path, tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    shutil.copytree(smoke_run, partial, symlinks=True)
    for path in (partial / "artifacts/smoke/mm_point/eval").glob("crosspoint__*"):
        path.unlink()
    shutil.rmtree(partial / "artifacts/smoke/mm_mixing/eval")
    other_paper = tree_hash(partial / "results/smoke/mm_mixing")
    completed = call(partial, "concord3d", "report", "--scale", "smoke")
    assert completed.returncode == 0, completed.stderr
    assert "Kept" in completed.stdout and tree_hash(partial / "results/smoke/mm_mixing") == other_paper
    with (partial / RESULTS / "tables" / "linear_svm.csv").open() as stream:
        states = {row["status"] for row in csv.DictReader(stream) if row["experiment"] == "crosspoint"}
    assert states == {"not_run"}
    assert "crosspoint," not in (partial / RESULTS / "metrics.csv").read_text()


def test_what_was_run_here_joins_the_results_that_are_there(smoke_run: Path, tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    shutil.copytree(smoke_run, partial, symlinks=True)
    for folder in (partial / "artifacts/smoke").glob("mm_*/eval"):
        for path in folder.glob("[!c]*"):
            path.unlink()
    metrics, before = partial / RESULTS / "metrics.csv", tree_hash(partial / RESULTS / "tables")
    kept = metrics.read_text()
    assert "crosspoint," in kept and "random_init," in kept
    metrics.write_text("".join(line for line in kept.splitlines(True) if not line.startswith("crosspoint,")))
    completed = call(partial, "concord3d", "report", "--add", "--scale", "smoke")
    assert completed.returncode == 0, completed.stderr
    assert "mm_mixing/README.md: nothing was evaluated here" in completed.stdout
    assert metrics.read_text() == kept and tree_hash(partial / RESULTS / "tables") == before


def test_records_name_the_renderer_and_its_library(smoke_run: Path) -> None:
    views = json.loads((smoke_run / "artifacts/smoke/views/shapenet__train__ring24__32.json").read_text())
    drawn_by = views["drawn_by"]
    assert drawn_by["renderer"] in ("open3d", "pytorch3d") and drawn_by["library"].startswith(drawn_by["renderer"])
    records = {"mm_point/train/mm_point__s1": {"views"}, "mm_mixing/train/full__s1": {"image_features"}}
    for folder, inputs in records.items():
        record = json.loads((smoke_run / "artifacts/smoke" / folder / "provenance.json").read_text())
        assert record["renderers"] == dict.fromkeys(inputs, drawn_by)
    tower = json.loads((smoke_run / "artifacts/smoke/towers/concord_tiny/provenance.json").read_text())
    assert tower["renderers"] == {"views_1": drawn_by, "views_2": drawn_by}


def test_snakemakes_report_shows_the_pages_and_figures(smoke_run: Path, tmp_path: Path) -> None:
    layout, archive = Layout("smoke"), tmp_path / "report.zip"
    asked = ("--config", "scale=smoke", "papers=[mm_point]")
    completed = call(smoke_run, "snakemake", *asked, "--report", str(archive))
    assert completed.returncode == 0, completed.stderr[-3000:]
    expected = {name: layout.html_page("mm_point", name) for name in html_pages("mm_point")}
    expected |= {path.name: path.relative_to(smoke_run) for path in (smoke_run / RESULTS / "figures").glob("*.png")}
    with zipfile.ZipFile(archive) as bundled:
        shown = {Path(name).name: bundled.read(name) for name in bundled.namelist()}
    assert len(expected) > 5
    assert {name for name, path in expected.items() if shown.get(name) != (smoke_run / path).read_bytes()} == set()
    assert not list((smoke_run / "results").rglob("*.html"))


def test_another_renderer_draws_the_views_anew(smoke_run: Path) -> None:
    views = json.loads((smoke_run / "artifacts/smoke/views/shapenet__train__ring24__32.json").read_text())
    other = {"open3d": "pytorch3d", "pytorch3d": "open3d"}[views["drawn_by"]["renderer"]]
    said = call(smoke_run, "snakemake", "--cores", "2", "--config", "scale=smoke", f"renderer={other}", "--dry-run")
    assert said.returncode == 0, said.stderr[-3000:]
    stored = [json.loads(path.read_text()) for path in (smoke_run / "artifacts/smoke/views").glob("*.json")]
    # Bare points and pictures that a data set brings are drawn without it.
    drawn = [index for index in stored if index["spec"]["renderer"] == views["drawn_by"]["renderer"]]
    assert 0 < len(drawn) < len(stored)
    assert re.search(rf"^views +{len(drawn)}$", said.stdout + said.stderr, re.MULTILINE)


def test_a_stated_renderer_that_is_absent_is_named_with_the_next_step(smoke_run: Path, tmp_path: Path) -> None:
    if pytorch3d_installed():
        pytest.skip("pytorch3d is installed here: nothing is absent")
    folder, index = tmp_path / "copy", "artifacts/smoke/views/shapenet__train__ring24__32.json"
    shutil.copytree(smoke_run, folder, symlinks=True)
    completed = call(folder, "snakemake", "--cores", "1", "--config", "scale=smoke", "renderer=pytorch3d", "--", index)
    said = completed.stdout + completed.stderr
    assert completed.returncode != 0
    assert "DependencyMissing: PyTorch3D cannot be imported" in said
    assert "renderer=open3d does without PyTorch3D" in said and "envs/pytorch3d.yaml" in said


@pytest.mark.parametrize("scale", ["demo", "small", "paper"])
def test_every_scale_has_a_complete_graph(smoke_run: Path, scale: str) -> None:
    completed = call(smoke_run, "snakemake", "--cores", "2", "--config", f"scale={scale}", "--dry-run", "--quiet")
    assert completed.returncode == 0, completed.stderr[-3000:]


@needs_slurm_plugin
def test_the_slurm_profile_builds_the_paper_graph(smoke_run: Path) -> None:
    completed = call(
        smoke_run, "snakemake", "--workflow-profile", "profiles/slurm", "--config", "scale=paper", "device=cuda",
        "--dry-run",
    )  # fmt: skip
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert "profiles/default" not in completed.stdout + completed.stderr, "its entries would win over the cluster's"
    papers = load_yaml(smoke_run / "params.yaml")["papers"]
    studies = [load_study(smoke_run, paper, "paper") for paper in papers]
    trainings = {f"train_{s.paper.paper}_{name}__s{seed}" for s in studies for name, seed in s.trainings()}
    jobs = set(re.findall(r"^(train_\w+) +1$", completed.stdout + completed.stderr, re.MULTILINE))
    assert jobs == trainings, "each has a job of its own, which can have a GPU of its own"


def test_a_misspelt_key_names_the_nearest(smoke_run: Path) -> None:
    before = tree_hash(smoke_run / RESULTS)
    completed = call(smoke_run, "snakemake", "--cores", "1", "--config", "scale=smoke", "divice=cpu")
    assert completed.returncode != 0
    assert "did you mean 'device'" in completed.stdout + completed.stderr
    assert tree_hash(smoke_run / RESULTS) == before


def test_a_missing_gated_data_set_is_named_with_its_step(smoke_run: Path) -> None:
    marker = "data/raw/real/scanobjectnn_obj_bg/manifest.json"
    completed = call(smoke_run, "snakemake", "--cores", "1", "--config", "scale=paper", "--", marker)
    assert completed.returncode != 0
    assert "LicenceGate" in completed.stdout + completed.stderr


def test_the_workflow_is_lint_clean(smoke_run: Path) -> None:
    completed = call(smoke_run, "snakemake", "--lint")
    assert completed.returncode == 0, completed.stdout + completed.stderr

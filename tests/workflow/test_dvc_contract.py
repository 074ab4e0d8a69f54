"""Snakemake and DVC agree, also in a fresh clone."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.workflow.clones import call, copy_tree, tree_hash

pytestmark = pytest.mark.workflow

COMMIT = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-q", "-m", "results"]


@pytest.fixture(scope="module")
def recorded(smoke_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which ``dvc repro`` took over what Snakemake had made, pushed to a local remote and committed."""
    folder = tmp_path_factory.mktemp("dvc") / "recorded"
    subprocess.run(["cp", "-a", str(smoke_run), str(folder)], check=True)
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("scale: demo", "scale: smoke"))
    assert call(folder, "dvc", "remote", "add", "-d", "store", str(folder.parent / "remote")).returncode == 0
    repro = call(folder, "dvc", "repro")
    assert repro.returncode == 0, repro.stdout[-3000:] + repro.stderr[-3000:]
    assert "Train: " not in repro.stderr
    assert call(folder, "dvc", "push").returncode == 0
    # This repository ignores the results of its smallest scale; those of the others are kept, as here.
    for arguments in (["-A"], ["-f", "results"]):
        subprocess.run(["git", "add", *arguments], cwd=folder, check=True)
    subprocess.run(COMMIT, cwd=folder, check=True)
    return folder


def test_a_second_repro_does_nothing(recorded: Path) -> None:
    assert json.loads(call(recorded, "dvc", "status", "--json").stdout) == {}
    again = call(recorded, "dvc", "repro")
    assert "didn't change" in again.stdout and "Running stage" not in again.stdout


def test_a_fresh_clone_hydrates_to_nothing_to_be_done(recorded: Path, tmp_path: Path) -> None:
    clone = tmp_path / "fresh clone"
    subprocess.run(["git", "clone", "-q", str(recorded), str(clone)], check=True)
    hydrate = call(clone, "concord3d", "hydrate")
    assert hydrate.returncode == 0, hydrate.stdout[-3000:] + hydrate.stderr[-3000:]
    dry = call(clone, "snakemake", "--cores", "1", "--dry-run")
    assert "Nothing to be done" in dry.stdout + dry.stderr
    assert tree_hash(clone / "results") == tree_hash(recorded / "results")


def test_hydrate_refuses_a_tree_that_differs(recorded: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(recorded), str(clone)], check=True)
    scale = clone / "config/scales/smoke.yaml"
    scale.write_text(scale.read_text().replace("training.epochs: 2", "training.epochs: 3"))
    hydrate = call(clone, "concord3d", "hydrate")
    assert hydrate.returncode == 1
    assert "differs from dvc.lock" in hydrate.stderr


def test_repro_and_snakemake_make_the_same_tree(recorded: Path, smoke_run: Path) -> None:
    assert tree_hash(recorded / "results") == tree_hash(smoke_run / "results")


def test_a_sixth_paper_is_files_alone(repository: Path, tmp_path: Path) -> None:
    folder = copy_tree(repository, tmp_path / "toy")
    toy = (folder / "papers/mm_point.yaml").read_text().replace("paper: mm_point", "paper: toy_paper")
    (folder / "papers/toy_paper.yaml").write_text(toy)
    report = (folder / "papers/mm_point.report.yaml").read_text()
    (folder / "papers/toy_paper.report.yaml").write_text(report.replace("mm_point.csv", "toy_paper.csv"))
    published = (folder / "papers/published/mm_point.csv").read_bytes()
    (folder / "papers/published/toy_paper.csv").write_bytes(published)
    scale = folder / "config/scales/smoke.yaml"
    text = scale.read_text()
    entry = text.split("  mm_point:\n", 1)[1].split("  mm_mixing:\n", 1)[0]
    scale.write_text(text + "  toy_paper:\n" + entry)
    dry = call(folder, "snakemake", "--cores", "1", "--dry-run", "--config", "scale=smoke", "papers=[toy_paper]")
    assert dry.returncode == 0, dry.stdout + dry.stderr
    assert "artifacts/smoke/toy_paper/train/mm_point__s1/model.safetensors" in dry.stdout + dry.stderr

"""Snakemake and DVC agree, also in a fresh clone."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.clones import call, copy_tree, tree_hash
from tests.workflow.graphs import ask_for, edit, smoke_plan

from concord3d.config.strict_yaml import load_yaml

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
    assert "] train " not in repro.stderr
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
    labels = "artifacts/smoke/exports/cross_most"
    assert list((clone / labels).rglob("*.npz")) and tree_hash(clone / labels) == tree_hash(recorded / labels)


def test_pseudo_labels_can_be_had_alone(recorded: Path, tmp_path: Path) -> None:
    clone = tmp_path / "labels"
    subprocess.run(["git", "clone", "-q", str(recorded), str(clone)], check=True)
    labels = "artifacts/smoke/exports/cross_most"
    pulled = call(clone, "dvc", "pull", labels)
    assert pulled.returncode == 0, pulled.stderr
    assert tree_hash(clone / labels) == tree_hash(recorded / labels)
    assert [path.name for path in (clone / "artifacts/smoke").iterdir()] == ["exports"]


def test_hydrate_refuses_a_tree_that_differs(recorded: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(recorded), str(clone)], check=True)
    scale = clone / "papers/mm_point/scales/smoke.yaml"
    scale.write_text(scale.read_text().replace("training.epochs: 2", "training.epochs: 3"))
    hydrate = call(clone, "concord3d", "hydrate")
    assert hydrate.returncode == 1
    assert "differs from dvc.lock" in hydrate.stderr


@pytest.fixture
def hydrated(recorded: Path, tmp_path: Path) -> Path:
    """A fresh clone that DVC has filled."""
    clone = tmp_path / "hydrated"
    subprocess.run(["git", "clone", "-q", str(recorded), str(clone)], check=True)
    hydrate = call(clone, "concord3d", "hydrate")
    assert hydrate.returncode == 0, hydrate.stdout[-3000:] + hydrate.stderr[-3000:]
    return clone


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("config/scales/smoke.yaml", "{train: 90, test: 48}", "{train: 90, test: 54}"),
        ("datasets/datasets.yaml", "max_radius: ", "max_radius: 1"),
    ],
)
def test_an_edit_after_hydrate_is_work_to_do(hydrated: Path, file: str, old: str, new: str) -> None:
    text = (hydrated / file).read_text()
    assert old in text
    (hydrated / file).write_text(text.replace(old, new))
    dry = call(hydrated, "snakemake", "--cores", "1", "--dry-run")
    assert dry.returncode == 0, dry.stderr[-3000:]
    said = dry.stdout + dry.stderr
    assert "Nothing to be done" not in said and "report_mm_point" in said and "world_dataset" in said
    assert call(hydrated, "concord3d", "check").returncode == 1


def test_repro_after_an_edit_of_a_data_set_makes_it_anew(hydrated: Path) -> None:
    catalog, lock = hydrated / "datasets/datasets.yaml", hydrated / "dvc.lock"
    catalog.write_text(catalog.read_text().replace("max_radius: ", "max_radius: 1"))
    before = lock.read_text()
    record = hydrated / "artifacts/smoke/records/stores/modelnet40__test.json"
    identity = json.loads(record.read_text())["identity"]
    repro = call(hydrated, "dvc", "repro", "data")
    assert repro.returncode == 0, repro.stdout[-3000:] + repro.stderr[-3000:]
    assert json.loads(record.read_text())["identity"] != identity and lock.read_text() != before
    assert "nodes are complete and made of what is asked" in repro.stdout
    status = json.loads(call(hydrated, "dvc", "status", "--json").stdout)
    assert "paper@mm_point" in status and "data" not in status


def test_repro_after_an_edit_of_a_loss_trains_anew(hydrated: Path) -> None:
    loss = hydrated / "src/concord3d/losses/nt_xent.py"
    text = loss.read_text()
    tripled = re.sub(r"^    return (.*)$", r"    return 3 * (\1)", text, flags=re.MULTILINE)
    assert tripled != text
    loss.write_text(tripled)
    weights = hydrated / "artifacts/smoke/mm_point/train/mm_point__s1/weights/point.safetensors"
    other = hydrated / "artifacts/smoke/mm_mixing/train/full__s1/weights/point.safetensors"
    before, untouched = weights.read_bytes(), other.read_bytes()
    repro = call(hydrated, "dvc", "repro", "paper@mm_point")
    assert repro.returncode == 0, repro.stdout[-3000:] + repro.stderr[-3000:]
    assert weights.read_bytes() != before and other.read_bytes() == untouched
    provenance = json.loads((hydrated / "results/smoke/mm_point/provenance/mm_point__s1.json").read_text())
    record = json.loads((hydrated / "artifacts/smoke/records/papers/mm_point/train/mm_point__s1.json").read_text())
    assert provenance["identity"] == record["identity"]


def test_deleted_artifacts_come_back_before_they_are_recorded(recorded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deleted"
    subprocess.run(["cp", "-a", str(recorded), str(folder)], check=True)
    remote = tmp_path / "remote"
    shutil.rmtree(folder / "artifacts/smoke/mm_point/train/random_init__s1")
    shutil.rmtree(folder / "artifacts/smoke/mm_point/eval")
    repro = call(folder, "dvc", "repro")
    assert repro.returncode == 0, repro.stdout[-3000:] + repro.stderr[-3000:]
    assert call(folder, "dvc", "remote", "add", "-d", "-f", "store", str(remote)).returncode == 0
    assert call(folder, "dvc", "push").returncode == 0
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    subprocess.run([*COMMIT, "--allow-empty"], cwd=folder, check=True)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(folder), str(clone)], check=True)
    assert call(clone, "concord3d", "hydrate").returncode == 0
    for name in ("mm_point/train/random_init__s1/weights/point.safetensors", "mm_point/eval"):
        assert (clone / "artifacts/smoke" / name).exists()
    checked = call(clone, "concord3d", "check")
    assert checked.returncode == 0, checked.stderr
    before = tree_hash(recorded / "artifacts/smoke/mm_point/eval")
    assert tree_hash(clone / "artifacts/smoke/mm_point/eval") == before


def test_hydrate_refuses_what_was_made_of_something_else(recorded: Path, tmp_path: Path) -> None:
    """Artifacts that DVC vouches for, but whose records hold another identity."""
    folder = tmp_path / "forged"
    subprocess.run(["cp", "-a", str(recorded), str(folder)], check=True)
    record = folder / "artifacts/smoke/records/papers/mm_point/train/mm_point__s1.json"
    record.write_text(record.read_text().replace('"identity": "', '"identity": "0'))
    committed = call(folder, "dvc", "commit", "--force")
    assert committed.returncode == 0, committed.stderr
    hydrate = call(folder, "concord3d", "hydrate")
    assert hydrate.returncode == 1 and "mm_point/train/mm_point__s1 is stale" in hydrate.stderr


def test_repro_and_snakemake_make_the_same_tree(recorded: Path, smoke_run: Path) -> None:
    assert tree_hash(recorded / "results") == tree_hash(smoke_run / "results")


def test_a_sixth_paper_is_a_folder_and_a_name(repository: Path, tmp_path: Path) -> None:
    folder = copy_tree(repository, tmp_path / "toy")
    shutil.copytree(folder / "papers/mm_point", folder / "papers/toy_paper")
    for name in ("paper.yaml", "report.yaml"):
        edit(folder / "papers/toy_paper" / name, "paper: mm_point", "paper: toy_paper")
    papers = ask_for(folder, "toy_paper")
    dry = call(folder, "snakemake", "--cores", "1", "--dry-run", "--config", "scale=smoke")
    assert dry.returncode == 0, dry.stdout + dry.stderr
    assert "artifacts/smoke/records/papers/toy_paper/train/mm_point__s1.json" in dry.stdout + dry.stderr
    stages = call(folder, "dvc", "stage", "list", "--name-only").stdout.split()
    assert stages == ["data", "towers", *(f"paper@{name}" for name in papers), "cross"]
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=folder, text=True, capture_output=True, check=True)
    assert changed.stdout.split("\n")[:-1] == [" M params.yaml", "?? papers/toy_paper/"]


def test_a_training_of_another_paper_is_made_though_its_paper_is_not_asked_for(
    repository: Path, tmp_path: Path
) -> None:
    folder = copy_tree(repository, tmp_path / "needing")
    edit(folder / "papers/mm_mixing/paper.yaml", "needs: {teacher: stage1}", "needs: {teacher: mm_point/mm_point}")
    dry = call(folder, "snakemake", "--cores", "1", "--dry-run", "--config", "scale=smoke", "papers=[mm_mixing]")
    said = dry.stdout + dry.stderr
    assert dry.returncode == 0, said
    assert "artifacts/smoke/records/papers/mm_point/train/mm_point__s1.json" in said
    for other in ("mm_point/train/single_view__s1", "mm_point/eval", "mm_point/report"):
        assert other not in said, other


def test_every_file_lies_in_one_output_of_its_stage(repository: Path) -> None:
    """Pseudo-labels have an output of their own, so that DVC versions them apart from weights and evaluations."""
    papers = load_yaml(repository / "params.yaml")["papers"]
    stages = load_yaml(repository / "dvc.yaml")["stages"]
    outs = {name: _outs(stages[name]) for name in ("data", "towers", "cross")}
    outs |= {paper: [out.replace("${item}", paper) for out in _outs(stages["paper"]["do"])] for paper in papers}
    plan = smoke_plan(repository, papers=papers)
    exports = set()
    for node in plan.nodes.values():
        for path in [] if node.stage == "raw" else [*node.outputs, plan.layout.record(node.key)]:
            places = [out for out in outs[node.stage] if path.is_relative_to(out)]
            assert len(places) == 1, (node.key, path, places)
            exports |= {places[0]} if "exports" in path.parts else set()
    assert exports == {"artifacts/smoke/exports/cross_most"}


def _outs(stage: Mapping[str, Any]) -> list[str]:
    return [next(iter(out)).replace("${scale}", "smoke") for out in stage["outs"]]


def test_every_stage_watches_what_decides_its_nodes(repository: Path) -> None:
    stages = load_yaml(repository / "dvc.yaml")["stages"]
    assert stages["paper"]["foreach"] == "${papers}"
    bodies = {name: stage.get("do", stage) for name, stage in stages.items()}
    for name, body in bodies.items():
        assert {"scale", "papers", "seeds", "device", "renderer"} == set(body["params"]), name
        assert {"src/concord3d", "workflow_scripts"} <= set(body["deps"]), name
        assert body["cmd"][-1].startswith("concord3d check --scale ${scale} --stage "), name
    for name in ("data", "towers", "paper"):
        assert {"papers", "datasets/datasets.yaml", "config/scales/${scale}.yaml"} <= set(bodies[name]["deps"]), name
    assert "artifacts/${scale}/records/papers" in bodies["cross"]["deps"]

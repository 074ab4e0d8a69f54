"""Trainings on labelled sweeps, from a paper's file over streets of the world to the numbers of their evaluation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from concord3d.config.resolve import load_params
from concord3d.data.catalog import load_catalog
from concord3d.data.reading import read_split
from concord3d.data.stores import open_store
from concord3d.errors import ConfigError
from concord3d.layout import CATALOG
from concord3d.protocols.evaluation.evaluate import evaluate_all
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.training.files import TrainingFolder
from concord3d.training.opening import opened_task
from concord3d.training.train import train
from concord3d.workflow.node import Node
from concord3d.workflow.plan import Plan
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

OPTIONS = {"keyframes": 1, "beams": 16, "azimuth_steps": 60, "height": 12, "width": 20}
PAPER = """paper: sweeps
title: "Telling Streets Apart"
authors: "Nobody"
venue: "Nowhere 2026"
method: sweep_segmentation

defaults:
  encoder:
    name: {value: mink_unet, origin: ours, source: test}
    voxel_mm: {value: 800, origin: ours, source: test}
    angle_degrees: {value: 10, origin: ours, source: test}
    stem_width: {value: 4, origin: ours, source: test}
    down_widths: {value: [4], origin: ours, source: test}
    down_blocks: {value: [1], origin: ours, source: test}
    up_widths: {value: [6], origin: ours, source: test}
    up_blocks: {value: [1], origin: ours, source: test}
    norm_momentum: {value: 0.02, origin: ours, source: test}
  objective:
    start: {value: scratch, origin: ours, source: test}
    trunk: {value: trained, origin: ours, source: test}
    head_rate: {value: 100.0, origin: ours, source: test}
    augment: {value: true, origin: ours, source: test}
  data:
    dataset: {value: nuscenes, origin: ours, source: test}
    percent: {value: 25, origin: ours, source: test}
    num_sweeps: {value: null, origin: ours, source: test}
  training:
    epochs: {value: 1, origin: ours, source: test}
    batch_size: {value: 1, origin: ours, source: test}
    optimizer: {value: sgd, origin: ours, source: test}
    dampening: {value: 0.1, origin: ours, source: test}
    learning_rate: {value: 0.02, origin: ours, source: test}
    threads: {value: 1, origin: ours, source: test}
    num_snapshots: {value: 1, origin: ours, source: test}

experiments:
  scratch: {label: "from scratch"}
  untrained: {label: "untrained", method: random_init, set: {data.num_points: 1}, protocols: []}
  probe:
    label: "linear probe"
    needs: {init: untrained}
    set:
      objective.start: earlier
      objective.trunk: frozen
      objective.augment: false
      data.percent: null
      data.num_sweeps: 2

protocols:
  sweep_segmentation: {datasets: [nuscenes], module: segmenter}
"""
REPORT = """paper: sweeps
headline: main_results
tables:
  - {id: main_results, title: "Streets", metrics: [{protocol: sweep_segmentation, metric: miou, label: mIoU}], own: all}
claims:
  - id: C1
    text: "An untrained encoder is as good as a trained one."
    whose: ours
    origin: "a test"
    parts: [{name: it, lhs: probe, rhs: scratch, dataset: nuscenes, protocol: sweep_segmentation, metric: miou}]
"""
SCALE = f"""experiments: all
protocols: {{sweep_segmentation: {{settings: {{max_sweeps: 2}}}}}}
datasets:
  nuscenes: {{source: world, splits: {{train: 5, val: 3}}, options: {json.dumps(OPTIONS)}}}
"""


def written(root: Path, repository: Path, paper: str = PAPER) -> Plan:
    for folder in ("config", "datasets"):
        shutil.copytree(repository / folder, root / folder, dirs_exist_ok=True)
    folder = root / "papers/sweeps"
    (folder / "scales").mkdir(parents=True)
    (folder / "paper.yaml").write_text(paper)
    (folder / "report.yaml").write_text(REPORT)
    (folder / "published.csv").write_text("part,table,method,dataset,pair,setting,metric,value,unit,evidence,source\n")
    (folder / "scales/smoke.yaml").write_text(SCALE)
    return Plan(root, load_params({"scale": "smoke", "papers": ["sweeps"], "device": "cpu", "renderer": "open3d"}))


@pytest.fixture(scope="module")
def plan(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return written(tmp_path_factory.mktemp("repository"), repository)


def node(plan: Plan, kind: str, name: str) -> Node:
    return plan.nodes[f"sweeps/{kind}/{name}__s1"]


def test_training_reads_one_split_and_the_validation_split_is_tested(plan: Plan) -> None:
    scratch, probe = node(plan, "train", "scratch"), node(plan, "train", "probe")
    assert {key for key in scratch.upstream if "stores" in key} == {"stores/nuscenes__train"}
    assert "sweeps/train/untrained__s1" in probe.upstream
    assert "concord3d.batches.labelled_sweeps" in scratch.entries
    tested = node(plan, "eval", "probe__segmenter")
    assert {key for key in tested.upstream if "stores" in key} == {"stores/nuscenes__train", "stores/nuscenes__val"}
    assert "concord3d.protocols.sweep_segmentation" in tested.entries


def test_what_is_trained_is_evaluated(plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    build_dataset(WorldRecipe("nuscenes", {"train": 5, "val": 3}, None, 1, 3, OPTIONS), tmp_path)
    monkeypatch.chdir(plan.root)
    for split in ("train", "val"):
        read_split(load_catalog(CATALOG)["nuscenes"], tmp_path, split, "synthetic").save(
            plan.layout.store("nuscenes", split)
        )
    for name in ("untrained", "scratch", "probe"):
        made = node(plan, "train", name)
        needs = {role: (run, Path(place)) for role, (run, place) in made.params["needs"].items()}
        reads = {key: made.inputs[key] for key in made.params["reads"]}
        task = opened_task(made.params["run"], reads, needs, Path("work"), Path(made.params["folder"]), "cpu")
        train(task)
        if name != "untrained":
            assert len(task.units) == (1 if name == "scratch" else 2)
            assert TrainingFolder(Path(made.params["folder"])).weights("segmenter").exists()
    made = node(plan, "eval", "probe__segmenter")
    [(protocol, dataset, settings)] = made.params["jobs"]
    [out] = [path for path in made.outputs if path.suffix == ".json"]
    tested = open_store(plan.layout.store(dataset, "val"))
    run, [weights] = made.params["run"], made.inputs["model"]
    job = EvaluationJob(
        run, weights, [], None, tested, protocol, settings, out.with_suffix(""), "cpu", module="segmenter"
    )
    evaluate_all([job])
    body = json.loads(out.read_text())
    assert {record["metric"] for record in body["records"]} == {"miou", "fwiou", "overall_accuracy"}
    assert body["details"]["num_sweeps_tested"] == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("percent: {value: 25,", "percent: {value: 30,", "percent"),
        ("      data.percent: null\n", "", "exclude each other"),
        ("objective.trunk: frozen", "objective.trunk: frosen", "did you mean 'frozen'"),
        ("needs: {init: untrained}", "needs: {}", "role 'init'"),
    ],
)
def test_a_plan_refuses_what_cannot_be_trained(
    tmp_path: Path, repository: Path, old: str, new: str, words: str
) -> None:
    assert old in PAPER
    with pytest.raises(ConfigError, match=words):
        written(tmp_path, repository, PAPER.replace(old, new, 1))

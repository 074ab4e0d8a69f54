"""Trainings that start from an earlier one, from a paper's file to the numbers of their evaluation, on tiny stores."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concord3d.config.resolve import load_params
from concord3d.data.stores import open_store
from concord3d.data.stores.objects import CloudSplit
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.errors import ConfigError
from concord3d.protocols.evaluation.evaluate import evaluate_all
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.training.opening import opened_task
from concord3d.training.train import train
from concord3d.workflow.node import Node
from concord3d.workflow.plan import Plan

ENTRIES = """experiments:
  tuned:
    label: "tuned on {dataset}"
    method: supervised
    needs: {init: random_init}
    for_each: {dataset: [modelnet40, scanobjectnn_obj_only]}
    set: {objective.start: earlier, objective.points: first, data.dataset: "{dataset}", data.num_points: 12}
    protocols: [classification]
    datasets: ["{dataset}"]
  parts:
    label: parts
    method: part_segmentation
    set: {encoder.name: dgcnn_partseg, encoder.k: 4, encoder.emb_dims: 8, data.dataset: shapenetpart}
  rooms_encoder:
    label: encoder
    method: random_init
    set: {encoder.name: dgcnn_semseg, encoder.k: 4, encoder.emb_dims: 8}
    protocols: []
  rooms_without:
    label: "without {area}"
    method: semantic_segmentation
    needs: {init: rooms_encoder}
    for_each: {area: [1, 2]}
    set:
      objective.start: earlier
      objective.left_out_area: "{area}"
      encoder.name: dgcnn_semseg
      encoder.k: 5
      encoder.emb_dims: 8
      encoder.in_channels: 9
      data.dataset: s3dis
    protocols: []
  rooms:
    label: rooms
    method: area_folds
    needs: {area_1: rooms_without_1, area_2: rooms_without_2}
    set:
      objective.areas: [1, 2]
      encoder.name: dgcnn_semseg
      encoder.k: 5
      encoder.emb_dims: 8
      encoder.in_channels: 9
      data.dataset: s3dis
"""
SCALE = """experiments:
  - random_init
  - tuned_modelnet40
  - tuned_scanobjectnn_obj_only
  - parts
  - rooms_encoder
  - rooms_without_1
  - rooms_without_2
  - rooms
set: {encoder.name: pointnet, data.num_points: 16, training.epochs: 1, training.batch_size: 6}
datasets: {shapenetpart: {source: real}, s3dis: {source: real}}
protocols:
  classification: {datasets: [modelnet40, scanobjectnn_obj_only]}
  part_segmentation: {experiments: [parts]}
  semantic_segmentation: {experiments: [rooms], settings: {test_areas: [1, 2]}}
"""


@pytest.fixture(scope="module")
def plan(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The plan of MM-Point's paper with these experiments alone."""
    root = tmp_path_factory.mktemp("repository")
    for folder in ("papers", "config", "datasets"):
        shutil.copytree(repository / folder, root / folder)
    paper = root / "papers/mm_point/paper.yaml"
    paper.write_text(paper.read_text().replace("experiments:\n", ENTRIES, 1))
    (root / "papers/mm_point/scales/smoke.yaml").write_text(SCALE)
    return Plan(root, load_params({"scale": "smoke", "papers": ["mm_point"], "device": "cpu", "renderer": "open3d"}))


def node(plan: Plan, kind: str, name: str) -> Node:
    return plan.nodes[f"mm_point/{kind}/{name}__s1"]


def write_stores(plan: Plan) -> None:
    rng = np.random.default_rng(0)
    for dataset in ("modelnet40", "scanobjectnn_obj_only", "shapenetpart", "s3dis"):
        for split, size in (("train", 12), ("test", 8)):
            path = plan.root / plan.layout.store(dataset, split)
            names = tuple(f"Area_{i % 2 + 1}_hall/{split}{i}" for i in range(size))
            labels, classes = np.arange(size) % 2, ("a", "b")
            points = rng.normal(size=(size, 16, 3)).astype(np.float32)
            parts = 2 * labels[:, None] + (points[..., 1] > 0)
            if dataset == "s3dis":
                features = rng.normal(size=(size, 16, 9)).astype(np.float32)
                areas = np.arange(size) % 2 + 1
                RoomBlocks(dataset, split, "real", features, parts % 2, classes, names, areas).save(path)
            else:
                CloudSplit(dataset, split, "real", points, labels, classes, names, parts).save(path)


def train_node(made: Node) -> None:
    needs = {role: (run, Path(place)) for role, (run, place) in made.params["needs"].items()}
    reads = {name: made.inputs[name] for name in made.params["reads"]}
    train(opened_task(made.params["run"], reads, needs, Path("work"), Path(made.params["folder"]), "cpu"))


def evaluate_node(made: Node) -> list[dict[str, Any]]:
    splits = {(path.parent.name, path.stem): open_store(path) for path in made.inputs["stores"]}
    module = made.params["module"]
    outputs = [path for path in made.outputs if path.suffix == ".json"]
    jobs = [
        EvaluationJob(
            run_config=made.params["run"],
            model_path=made.inputs["model"][0],
            snapshot_paths=sorted((made.inputs["snapshots"][0] / module).glob("*.safetensors")),
            train=splits.get((dataset, "train")),
            test=splits[dataset, "test"],
            protocol=protocol,
            settings=settings,
            out=out.with_suffix(""),
            device="cpu",
            module=module,
        )
        for (protocol, dataset, settings), out in zip(made.params["jobs"], outputs, strict=True)
    ]
    evaluate_all(jobs)
    return [json.loads(out.read_text()) for out in outputs]


def test_the_nodes_read_what_their_configuration_says(plan: Plan) -> None:
    def stores(name: str) -> set[str]:
        return {key for key in node(plan, "train", name).upstream if key.startswith("stores/")}

    assert stores("tuned_modelnet40") == {"stores/modelnet40__train"}
    assert "mm_point/train/random_init__s1" in node(plan, "train", "tuned_modelnet40").upstream
    assert stores("parts") == {"stores/shapenetpart__train"}
    # A left-out area is taken from all splits.
    assert stores("rooms_without_2") == {"stores/s3dis__train", "stores/s3dis__test"}
    assert set(node(plan, "train", "rooms").upstream) == {f"mm_point/train/rooms_without_{area}__s1" for area in (1, 2)}
    for name, kind in (("tuned_modelnet40", "objects"), ("rooms_without_1", "rooms")):
        assert f"concord3d.batches.{kind}" in node(plan, "train", name).entries
    evaluations = {key for key in plan.nodes if "/eval/" in key}
    assert evaluations == {
        "mm_point/eval/tuned_modelnet40__classifier__s1",
        "mm_point/eval/tuned_scanobjectnn_obj_only__classifier__s1",
        "mm_point/eval/parts__segmenter__s1",
        "mm_point/eval/rooms__segmenter__s1",
    }
    assert [job[:2] for job in node(plan, "eval", "tuned_modelnet40__classifier").params["jobs"]] == [
        ["classification", "modelnet40"]
    ]


def test_what_is_trained_is_evaluated(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    write_stores(plan)
    # Paths of nodes are relative to the repository.
    monkeypatch.chdir(plan.root)
    for key, made in plan.nodes.items():
        if "/train/" in key:
            train_node(made)
            missing = [path for path in made.outputs if not path.exists() and path.name != "provenance.json"]
            assert not missing, key
    found = {}
    for key, made in plan.nodes.items():
        if "/eval/" in key:
            for body in evaluate_node(made):
                found[body["experiment"], body["protocol"], body["dataset"]] = {r["metric"] for r in body["records"]}
    accuracies = {"overall_accuracy", "mean_class_accuracy"}
    assert found == {
        ("tuned_modelnet40", "classification", "modelnet40"): accuracies,
        ("tuned_scanobjectnn_obj_only", "classification", "scanobjectnn_obj_only"): accuracies,
        ("parts", "part_segmentation", "shapenetpart"): {"instance_miou", "class_miou"},
        ("rooms", "semantic_segmentation", "s3dis"): {"overall_accuracy", "miou"},
    }
    assert not os.listdir("work")  # noqa: PTH208


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("needs: {init: random_init}", "needs: {}", "role 'init'"),
        ("needs: {init: random_init}", "needs: {inti: random_init}", "did you mean 'init'"),
        ("encoder.name: dgcnn_partseg", "encoder.name: pointnet", "encoder"),
        ("objective.points: first", "objective.points: frist", "did you mean 'first'"),
        ("data.num_points: 12}\n    protocols", "training.momentun: 0.5}\n    protocols", "did you mean 'momentum'"),
    ],
)
def test_a_plan_refuses_what_cannot_be_trained(plan: Plan, tmp_path: Path, old: str, new: str, words: str) -> None:
    shutil.copytree(plan.root, tmp_path / "copy", ignore=shutil.ignore_patterns("artifacts", "work"))
    paper = tmp_path / "copy/papers/mm_point/paper.yaml"
    assert old in paper.read_text()
    paper.write_text(paper.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=words) as caught:
        Plan(tmp_path / "copy", plan.params)
    assert "papers/mm_point/paper.yaml, line" in str(caught.value)


def test_a_module_that_nobody_saves_is_refused(plan: Plan, tmp_path: Path) -> None:
    shutil.copytree(plan.root, tmp_path / "copy", ignore=shutil.ignore_patterns("artifacts", "work"))
    paper = tmp_path / "copy/papers/mm_point/paper.yaml"
    paper.write_text(paper.read_text().replace("module: classifier", "module: clasifier", 1))
    with pytest.raises(ConfigError, match=r"(?s)did you mean 'classifier'.*protocols.classification.module"):
        Plan(tmp_path / "copy", plan.params)

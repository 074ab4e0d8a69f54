"""Features of scans in the plan, and a training and what is evaluated on what their nodes make of the world's rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.features.fake_encoders import FakeSentences
from tests.workflow.scan_toys import PAPER, known_toys, written

from concord3d.batches.scan_scenes import SceneView, shown_scans
from concord3d.data.catalog import load_catalog
from concord3d.data.reading import read_split
from concord3d.data.stores import open_store
from concord3d.errors import ConfigError
from concord3d.features.efficientnet_adapter import EfficientNetLite
from concord3d.features.encode.task import EncodeTask
from concord3d.features.frozen_encoders import open_picture_encoder, open_sentence_encoder
from concord3d.features.scan_files import ScanFiles
from concord3d.layout import CATALOG
from concord3d.training.files import TrainingFolder
from concord3d.training.opening import opened_task
from concord3d.training.train import train
from concord3d.workflow.node import Node
from concord3d.workflow.plan import Plan
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

EXTRACTOR = "rooms/train/extractor__s1"
KINDS = ("scan_pictures", "scan_texts", "scan_points")


@pytest.fixture(scope="module", autouse=True)
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with known_toys(tmp_path_factory.mktemp("toys")):
        yield


@pytest.fixture(scope="module")
def plan(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return written(tmp_path_factory.mktemp("repository"), repository)


def encoding(plan: Plan) -> dict[tuple[str, str, str], Node]:
    """Nodes of features by kind, data set and split."""
    found = {}
    for job in plan.jobs_of("encode"):
        for node in job.nodes:
            [store] = [key for key in node.upstream if key.startswith("stores/")]
            dataset, split = store.removeprefix("stores/").split("__")
            assert found.setdefault((node.params["kind"], dataset, split), node) is node
    return found


def test_each_split_is_encoded_once_for_all_trainings(plan: Plan) -> None:
    nodes = encoding(plan)
    assert set(nodes) == {
        (kind, dataset, split) for kind in KINDS for dataset in ("scannet", "scan3r") for split in ("train", "val")
    }
    for (kind, _, split), node in nodes.items():
        assert (EXTRACTOR in node.upstream) == (kind == "scan_points")
        assert node.stage == ("rooms" if kind == "scan_points" else "towers")
        readers = {other.key for other in plan.nodes.values() if node.key in other.upstream}
        trainings = {f"rooms/train/{name}__s1" for name in ("objects", "split", "scenes")}
        tested = {f"rooms/eval/{name}__objects__s1" for name in ("objects", "split")}
        assert readers == (trainings if split == "train" else tested)


def test_trainings_name_their_files_in_the_order_of_the_data_sets(plan: Plan) -> None:
    node = plan.nodes["rooms/train/scenes__s1"]
    assert list(node.params["reads"]) == ["scans", "pictures", "texts", "points"]
    for name in node.params["reads"]:
        assert ["scannet" in str(path) for path in node.inputs[name]] == [True, False]
    assert {"concord3d.batches.scan_scenes"} <= set(node.entries)
    tested = plan.nodes["rooms/eval/objects__objects__s1"]
    assert set(tested.params["scans"]) == {"scannet", "scan3r"} and tested.params["tower"] == {}
    assert set(tested.params["scans"]["scannet"]) == set(ScanFiles._fields)
    assert all("__val__" in path for kinds in tested.params["scans"].values() for path in kinds.values())
    assert {Path(path) for kinds in tested.params["scans"].values() for path in kinds.values()} == set(
        tested.inputs["scans"]
    )


def test_files_lie_with_what_they_are_made_by(plan: Plan) -> None:
    places = {kind: node.outputs[0].parent for (kind, _, _), node in encoding(plan).items()}
    assert places == {
        "scan_pictures": Path("artifacts/smoke/features/frozen/efficientnet_lite0"),
        "scan_texts": Path("artifacts/smoke/features/frozen/all_minilm_l6_v2"),
        "scan_points": Path("artifacts/smoke/rooms/features"),
    }
    for (kind, _, _), node in encoding(plan).items():
        record = plan.layout.record(node.key)
        assert record.is_relative_to("artifacts/smoke/records/papers/rooms") == (kind == "scan_points")


@pytest.mark.parametrize("batch", ["seed", "experiment", "node"])
def test_no_job_waits_for_itself(tmp_path: Path, repository: Path, batch: str) -> None:
    plan = written(tmp_path, repository)
    if batch != "seed":
        scale = tmp_path / "config/scales/smoke.yaml"
        scale.write_text(scale.read_text().replace("batch: seed", f"batch: {batch}"))
        plan = Plan(tmp_path, plan.params)
    job_of = {node.key: name for name, job in plan.jobs.items() for node in job.nodes}
    behind = {name: {job_of[key] for key in job.upstream} for name, job in plan.jobs.items()}
    done: set[str] = set()
    while len(done) < len(behind):
        ready = {name for name, waits in behind.items() if name not in done and waits <= done}
        assert ready, {name: waits - done for name, waits in behind.items() if name not in done}
        done |= ready
    if batch == "seed":
        assert job_of[EXTRACTOR] == "train_rooms_s1_encoders"
        assert {job_of[f"rooms/train/{name}__s1"] for name in ("objects", "split", "scenes")} == {"train_rooms_s1"}
        assert {job_of[node.key] for (kind, _, _), node in encoding(plan).items() if kind != "scan_points"} == {
            "encode_scans"
        }


def test_settings_that_change_features_change_their_nodes_alone(tmp_path: Path, repository: Path, plan: Plan) -> None:
    changed = written(tmp_path, repository, PAPER.replace("crop_levels: {value: 2", "crop_levels: {value: 3"))
    before, after = ({key for key in each.nodes if "/features/" in f"/{key}"} for each in (plan, changed))
    assert len(after - before) == 4 and {key.split("__")[2] for key in before ^ after} == {"scan_pictures"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("module: objects", "module: point", "missing key 'picture_encoder'"),
        ("picture_encoder: {value: efficientnet_lite0", "picture_encoder: {value: efficientnet", "did you mean 'eff"),
        ("sentence_encoder: {value: all_minilm_l6_v2", "sentence_encoder: {value: blip", "did you mean 'blip_large'"),
        ("picture_size: {value: 32", "picture_size: {value: 0", "picture_size"),
        ("{point: 0.25, cad: 0.75}", "{point: 0.25, cad: 0.25}", "do not add up to 1"),
        ("{point: 0.25, cad: 0.75}", "{point: 0.25, cads: 0.75}", "cads"),
        ("      data.num_pictures: 4\n", "", "num_pictures"),
        ("data.scene_points: 100", "data.scene_point: 100", "did you mean 'scene_points'"),
        ("needs: {extractor: extractor}}\n  scenes", "datasets: [scannet]}\n  scenes", "role 'extractor'"),
        ("{extractor: extractor, instance: objects}", "{extractor: other, instance: objects}", "sees them"),
        ("{extractor: extractor, instance: objects}", "{extractor: objects, instance: objects}", "module 'point'"),
        ("toy_scans: {datasets: [scannet, scan3r]", "toy_scans: {datasets: [scannet, modelnet40]", "stores of scans"),
    ],
)
def test_what_cannot_be_encoded_is_refused(tmp_path: Path, repository: Path, old: str, new: str, words: str) -> None:
    other = '  other: {label: "another encoder", method: random_init, set: {encoder.name: dgcnn}, protocols: []}\n'
    paper = PAPER.replace("  objects: {", f"{other}  objects: {{", 1)
    paper = paper.replace("random_init, protocols: []", "random_init")
    assert old in paper
    with pytest.raises(ConfigError, match=words):
        written(tmp_path, repository, paper.replace(old, new, 1))


def test_published_encoders_are_known_and_a_placed_file_counts(tmp_path: Path, repository: Path) -> None:
    names = {"efficientnet_lite0": "dinov2_vitg14", "all_minilm_l6_v2": "blip_large"}
    paper = PAPER
    for old, new in names.items():
        paper = paper.replace(old, new)
    plan = written(tmp_path, repository, paper)
    node = encoding(plan)["scan_texts", "scannet", "train"]
    assert node.params["given"] == "data/raw/scan_features/blip_large/scannet__train.npz"
    assert node.recipe["given"] is None
    given = tmp_path / node.params["given"]
    given.parent.mkdir(parents=True)
    given.write_bytes(b"features")
    again = encoding(Plan(tmp_path, plan.params))["scan_texts", "scannet", "train"]
    assert again.key == node.key and again.recipe["given"] is not None


def test_clouds_are_encoded_by_a_training_or_given_not_both(tmp_path: Path, repository: Path) -> None:
    told = "set: {data.only: {point: 0.25, cad: 0.75}}"
    default = "    point_encoder: {value: null, origin: ours, source: test}\n"
    known = PAPER.replace("    only: {value: {}", f"{default}    only: {{value: {{}}")
    paper = known.replace(told, "set: {data.point_encoder: ulip2_points}")
    with pytest.raises(ConfigError, match=r"(?s)by 'ulip2_points' and by a training.*rooms: data\.point_encoder"):
        written(tmp_path / "both", repository, paper)
    own = "encoder.name: given_averages, encoder.out_dim: 4, data.point_encoder: ulip2_points, training.epochs: 0"
    given = f'  given: {{label: "given", method: given_averages, set: {{{own}}}}}\n'
    plan = written(tmp_path / "given", repository, known.replace("  split: {", f"{given}  split: {{"))
    tested = plan.nodes["rooms/eval/given__objects__s1"]
    assert EXTRACTOR not in tested.upstream
    points = plan.nodes[next(key for key in tested.upstream if "ulip2_points" in key and "scannet" in key)]
    assert points.params["given"] == "data/raw/scan_features/ulip2_points/scannet__val.npz"
    assert points.stage == "towers" and points.outputs[0].parent == Path("artifacts/smoke/features/frozen/ulip2_points")


def opened(opening: Callable[..., Any], *told: Any) -> Any:
    if opening is open_picture_encoder:
        return EfficientNetLite.build(told[1])
    return FakeSentences("0" * 64) if opening is open_sentence_encoder else opening(*told, "cpu")


def test_trainings_learn_from_what_the_nodes_make_of_rooms(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(plan.root)
    catalog = load_catalog(CATALOG)
    for dataset in ("scannet", "scan3r"):
        use = plan.scale.datasets[dataset]
        build_dataset(WorldRecipe(dataset, use.splits, None, 1, 3, use.options), tmp_path / dataset)
        for split in ("train", "val"):
            read_split(catalog[dataset], tmp_path / dataset, split, "synthetic").save(plan.layout.store(dataset, split))

    def trained(name: str) -> Any:
        made = plan.nodes[f"rooms/train/{name}__s1"]
        needs = {role: (run, Path(place)) for role, (run, place) in made.params["needs"].items()}
        reads = {key: made.inputs[key] for key in made.params["reads"]}
        task = opened_task(made.params["run"], reads, needs, Path("work"), Path(made.params["folder"]), "cpu", name)
        train(task)
        return task

    trained("extractor")
    torch.manual_seed(0)
    for (kind, _, _), node in encoding(plan).items():
        task = EncodeTask(node.inputs, node.outputs, node.params, opened, Path("unused"))
        assert import_module(f"concord3d.features.encode.{kind}").encode(task).encoded > 0
    for name, saved in (("objects", "objects"), ("split", "objects"), ("scenes", "scenes")):
        assert len(trained(name).data) == 4
        folder = TrainingFolder(Path(plan.nodes[f"rooms/train/{name}__s1"].params["folder"]))
        assert folder.weights(saved).exists()
    files = plan.nodes["rooms/eval/objects__objects__s1"].params["scans"]["scannet"]
    split = open_store(plan.layout.store("scannet", "val"))
    shown = shown_scans(split, ScanFiles(**{kind: Path(path) for kind, path in files.items()}), SceneView(3, 50))
    shown.validated()
    batch = shown.read(np.arange(2), torch.Generator())
    for modality in ("image", "point", "cad", "referral"):
        assert batch.objects.present[modality].any() and not batch.objects.present[modality].all()
    assert batch.has_pictures.all() and [len(cloud) for cloud in batch.points] == [50, 50]

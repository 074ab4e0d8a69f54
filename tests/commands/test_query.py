"""``concord3d query`` on a paper of two trainings on rooms of the world, from its nodes to what is printed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.node_makers import make_nodes
from tests.workflow.scan_toys import SCALE, written
from typer.testing import CliRunner, Result

from concord3d.cli import app
from concord3d.commands.query import Asked
from concord3d.data.formats.photos import read_photo
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import ArtifactDamaged, ArtifactStale, ConfigError
from concord3d.layout import Layout

SECTION = """
    dataset: {value: scannet, origin: ours, source: test}
    picture_encoder: {value: efficientnet_lite0, origin: ours, source: test}
    picture_size: {value: 32, origin: ours, source: test}
    crop_levels: {value: 2, origin: ours, source: test}
    sentence_encoder: {value: wordllama_256, origin: ours, source: test}
    cloud_points: {value: 64, origin: ours, source: test}
"""
ROOMS = f"""paper: rooms
title: "Finding Rooms"
authors: "Nobody"
venue: "Nowhere 2026"
method: crossover_instance

defaults:
  encoder:
    name: {{value: instance_encoder, origin: ours, source: test}}
    out_dim: {{value: 8, origin: ours, source: test}}
    attention_width: {{value: 8, origin: ours, source: test}}
    num_layers: {{value: 1, origin: ours, source: test}}
    num_heads: {{value: 2, origin: ours, source: test}}
    mlp_width: {{value: 8, origin: ours, source: test}}
  objective: {{}}
  data:{SECTION}
  training:
    epochs: {{value: 1, origin: ours, source: test}}
    batch_size: {{value: 2, origin: ours, source: test}}
    threads: {{value: 1, origin: ours, source: test}}
    num_snapshots: {{value: 1, origin: ours, source: test}}

experiments:
  extractor: {{label: "untrained", method: random_init, set: {{encoder.name: pointnet}}, protocols: []}}
  objects: {{label: "objects", needs: {{extractor: extractor}}, protocols: []}}
  scenes:
    label: "scenes"
    method: crossover_scene
    needs: {{extractor: extractor, instance: objects}}
    set:
      encoder.name: scene_encoder
      encoder.points: {{name: scene_resnet, in_channels: 3, voxel_mm: 200, width: 4, blocks: [1, 1, 1, 1]}}
      data.picture_encoder: efficientnet_lite0
      data.picture_size: 32
      data.crop_levels: 2
      data.sentence_encoder: wordllama_256
      data.cloud_points: 64
      data.num_pictures: 4
      data.scene_points: 100

protocols:
  scene_matching: {{datasets: [scannet, scan3r], module: scenes}}
"""
TRAINING = "rooms/train/scenes__s1"
ASKED = ["--paper", "rooms", "--experiment", "scenes"]


@pytest.fixture(scope="module")
def clone(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what a query among ScanNet's rooms needs."""
    root = tmp_path_factory.mktemp("repository")
    for part in ("src", "workflow_scripts"):
        shutil.copytree(repository / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "params.yaml").write_text("scale: smoke\npapers: [rooms]\nseeds: null\ndevice: cpu\nrenderer: open3d\n")
    plan = written(root, repository, ROOMS, SCALE.replace("toy_scans: {}", "scene_matching: {}"))
    evaluated = plan.nodes["rooms/eval/scenes__scenes__s1"]
    make_nodes(plan, [TRAINING, *(key for key in evaluated.upstream if "scannet__val" in key)])
    return root


@pytest.fixture
def store(clone: Path) -> ScanSplit:
    return ScanSplit.load(clone / Layout("smoke").store("scannet", "val"))


def called(clone: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["query", *ASKED, "--root", str(clone), *words])


def answered(clone: Path, *words: str) -> dict[str, Any]:
    result = called(clone, "--json", *words)
    assert result.exit_code == 0, result.output + repr(result.exception)
    body: dict[str, Any] = json.loads(result.stdout)
    return body


def test_a_photo(clone: Path, store: ScanSplit, tmp_path: Path) -> None:
    scan = store.scan(1)
    (tmp_path / "a.jpg").write_bytes(scan.encoded_picture(int(scan.key_frames[0])))
    body = answered(clone, "--photo", str(tmp_path / "a.jpg"), "--count", "3", "--out", str(tmp_path / "out"))
    assert body["encoder"] == {"scale": "smoke", "training": TRAINING}
    assert body["searched"] == {"dataset": "scannet", "split": "val", "data_kind": "synthetic"}
    assert sorted(scene["name"] for scene in body["scenes"]) == sorted(store.names)
    assert [each["query"] for each in body["objects"]] == ["a.jpg"]
    for name in ("scenes", "objects"):
        assert read_photo(Path(body["pictures"][name])).any()


def test_a_scan_of_the_store_in_words(clone: Path, store: ScanSplit) -> None:
    result = called(clone, "--scan", store.names[0], "--by", "floorplan", "--among", "floorplan")
    assert result.exit_code == 0, result.output
    # Both scans are of one space and have the same floorplan.
    assert f"{store.names[0]}  {store.scene_types[0]}  1.000" in result.stdout
    assert "Objects of the query: none" in result.stdout


def test_what_is_wrong_is_named(clone: Path, store: ScanSplit) -> None:
    said = ["--sentence", "a sofa"]
    wrong = [
        ((*said, "--dataset", "scanet"), "did you mean 'scannet'"),
        ((*said, "--experiment", "scene"), "did you mean 'scenes'"),
        ((*said, "--experiment", "extractor"), "not evaluated on"),
        ((*said, "--experiment", "objects", "--seed", "7"), "not trained with this seed"),
        ((*said, "--scan", store.names[0]), "one modality"),
    ]
    for words, message in wrong:
        with pytest.raises(ConfigError, match=message):
            raise called(clone, *words).exception or AssertionError(words)


def test_what_is_not_made_is_named_with_what_makes_it(clone: Path) -> None:
    with pytest.raises(ArtifactDamaged) as raised:
        raise called(clone, "--sentence", "a sofa", "--dataset", "scan3r").exception or AssertionError
    assert "stores/scan3r__val is absent" in str(raised.value) and TRAINING not in str(raised.value.found)
    assert "snakemake --cores all" in str(raised.value)
    assert "-- 'artifacts/smoke/records/stores/scan3r__val.json'" in str(raised.value)


def test_what_was_made_of_something_else_is_refused(clone: Path) -> None:
    file = clone / "papers/rooms/paper.yaml"
    text = file.read_text()
    file.write_text(text.replace("epochs: {value: 1", "epochs: {value: 2"))
    try:
        with pytest.raises(ArtifactStale, match=f"{TRAINING} is stale"):
            raise called(clone, "--sentence", "a sofa").exception or AssertionError
    finally:
        file.write_text(text)


def test_one_modality_is_given() -> None:
    with pytest.raises(ConfigError, match="found: none"):
        Asked().query()
    with pytest.raises(ConfigError, match=r"'--photo', '--cloud'"):
        Asked(photos=(Path("a.png"),), cloud=Path("a.ply")).query()

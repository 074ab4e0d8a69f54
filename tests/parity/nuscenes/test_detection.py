"""The official detection evaluator of nuScenes scores predictions as we do (CMCR spec 5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.parity.foreign import run_foreign

from concord3d.data.catalog import load_catalog
from concord3d.data.formats.nuscenes_boxes import ATTRIBUTES
from concord3d.data.formats.nuscenes_tables import NuScenesTables
from concord3d.data.nuscenes_splits import SCENES
from concord3d.data.reading import read_split
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.measures.detection_quality import Boxes, detection_quality
from concord3d.measures.detection_rules import ERRORS, NUSCENES_DETECTION
from concord3d.protocols.evaluation.judged_boxes import matched_sweeps
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

pytestmark = pytest.mark.slow
OPTIONS = {"keyframes": 3, "beams": 32, "azimuth_steps": 120, "height": 6, "width": 8}
OFFICIAL = dict(zip(ERRORS, ("trans_err", "scale_err", "orient_err", "vel_err", "attr_err"), strict=True))


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streets")
    build_dataset(WorldRecipe("nuscenes", {"val": 12}, None, 1, 3, OPTIONS), folder)
    add_racks(folder / "nuscenes" / "v1.0-trainval")
    return folder


def add_racks(tables: Path) -> None:
    """Turn some bicycles into racks around their neighbours, of which the world has none, and forget one attribute."""
    rows = {name: json.loads((tables / f"{name}.json").read_text()) for name in ("sample_annotation", "instance")}
    category = {row["name"]: row["token"] for row in json.loads((tables / "category.json").read_text())}
    bicycles = [row for row in rows["instance"] if row["category_token"] == category["vehicle.bicycle"]]
    racks = {row["token"] for row in bicycles[::3]}
    for row in rows["instance"]:
        if row["token"] in racks:
            row["category_token"] = category["static_object.bicycle_rack"]
    for row in rows["sample_annotation"]:
        if row["instance_token"] in racks:
            row["size"] = [12.0, 30.0, 4.0]
    rows["sample_annotation"][3]["attribute_tokens"] = []
    for name, table in rows.items():
        (tables / f"{name}.json").write_text(json.dumps(table))


def spoilt(store: SweepSplit, rng: np.random.Generator) -> tuple[Boxes, np.ndarray[Any, Any]]:
    """Predict the truth with noise in every number, some of it several times, some not at all, and some nonsense."""
    assert store.boxes is not None
    true, count = store.boxes, len(NUSCENES_DETECTION.classes)
    rows = np.flatnonzero((true.classes >= 0) & (true.classes < count))
    rows = np.sort(np.concatenate([rows[rng.random(len(rows)) < 0.8], rng.choice(rows, len(rows) // 2)]))
    size = len(rows)
    predicted = Boxes(
        true.sweeps[rows],
        np.where(rng.random(size) < 0.9, true.classes[rows], rng.integers(0, count, size)),
        true.centres[rows] + rng.normal(0, 0.8, (size, 3)),
        true.sizes[rows] * rng.uniform(0.7, 1.4, (size, 3)),
        true.yaws[rows] + rng.normal(0, 0.6, size) + np.pi * (rng.random(size) < 0.1),
        true.velocities[rows] + rng.normal(0, 1, (size, 2)),
        np.where(rng.random(size) < 0.8, true.attributes[rows], rng.integers(-1, 8, size)),
    )
    # Many scores are equal.
    return predicted, np.round(rng.uniform(0, 1, size), 1)


def submission(store: SweepSplit, root: Path, predicted: Boxes, scores: np.ndarray[Any, Any]) -> dict[str, Any]:
    tokens = {frame.name: frame.token for frame in NuScenesTables(root).keyframes(SCENES["val"])}
    results: dict[str, list[dict[str, Any]]] = {tokens[name]: [] for name in store.names}
    for row in range(len(scores)):
        token, yaw = tokens[store.names[predicted.sweeps[row]]], predicted.yaws[row]
        attribute = int(predicted.attributes[row])
        results[token].append({
            "sample_token": token, "translation": predicted.centres[row].tolist(),
            "size": predicted.sizes[row, [1, 0, 2]].tolist(), "rotation": [np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)],
            "velocity": predicted.velocities[row].tolist(), "detection_score": float(scores[row]),
            "detection_name": NUSCENES_DETECTION.classes[predicted.classes[row]],
            "attribute_name": ATTRIBUTES[attribute] if attribute >= 0 else "",
        })  # fmt: skip
    meta = {**dict.fromkeys(("use_camera", "use_radar", "use_map", "use_external"), False), "use_lidar": True}
    return {"meta": meta, "results": results}


def test_scores_agree(repository: Path, streets: Path, tmp_path: Path) -> None:
    spec = load_catalog(repository / "datasets" / "datasets.yaml")["nuscenes"]
    store = read_split(spec, streets, "val", "synthetic")
    assert isinstance(store, SweepSplit)
    predicted, scores = spoilt(store, np.random.default_rng(0))
    told = submission(store, streets / "nuscenes", predicted, scores)
    (tmp_path / "detection.json").write_text(json.dumps(told))
    run_foreign(
        repository, "nuscenes/devkit_evaluators.py", streets / "nuscenes", tmp_path, tmp_path / "said.json"
    )  # fmt: skip
    theirs = json.loads((tmp_path / "said.json").read_text())["detection"]
    ours = detection_quality(matched_sweeps(store, predicted, scores, NUSCENES_DETECTION), NUSCENES_DETECTION)
    assert 0.1 < ours.mean_ap < 0.9
    assert ours.mean_ap == pytest.approx(theirs["mean_ap"], abs=1e-6)
    assert ours.score(NUSCENES_DETECTION) == pytest.approx(theirs["nd_score"], abs=1e-6)
    for error, official in OFFICIAL.items():
        assert ours.mean_errors[error] == pytest.approx(theirs["tp_errors"][official], abs=1e-6), error
    for number, name in enumerate(NUSCENES_DETECTION.classes):
        by_distance = [theirs["label_aps"][name][str(distance)] for distance in NUSCENES_DETECTION.thresholds]
        np.testing.assert_allclose(ours.precisions[number], by_distance, atol=1e-6, err_msg=name)
        of_class = [theirs["label_tp_errors"][name][official] for official in OFFICIAL.values()]
        np.testing.assert_allclose(ours.errors[number], of_class, atol=1e-6, err_msg=name)

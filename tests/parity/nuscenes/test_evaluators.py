"""The official evaluators take the world's streets: perfect predictions get perfect scores, worse ones worse scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.parity.foreign import run_foreign

from concord3d.data.catalog import load_catalog
from concord3d.data.formats.nuscenes_sweeps import CLASS_OF, NUM_CATEGORIES
from concord3d.data.formats.nuscenes_tables import VERSION, NuScenesTables
from concord3d.data.nuscenes_splits import SCENES
from concord3d.data.reading import read_split
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.geometry.rigid import from_quaternion
from concord3d.measures.panoptic_quality import Segments, panoptic_counts
from concord3d.measures.sweep_confusion import confusion_matrix
from concord3d.protocols.panoptic_segmentation import qualities, true_segments
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

pytestmark = pytest.mark.slow
# The evaluators want every official scene, and two keyframes for velocities.
OPTIONS = {"keyframes": 2, "beams": 32, "azimuth_steps": 60, "height": 6, "width": 8}
OFFICIAL = np.array([CLASS_OF.get(category, -1) + 1 for category in range(NUM_CATEGORIES)])
SOMETHING = 11
DETECTED = {
    "movable_object.barrier": "barrier",
    "movable_object.trafficcone": "traffic_cone",
    "vehicle.bicycle": "bicycle",
    "vehicle.bus.bendy": "bus",
    "vehicle.bus.rigid": "bus",
    "vehicle.car": "car",
    "vehicle.construction": "construction_vehicle",
    "vehicle.motorcycle": "motorcycle",
    "vehicle.trailer": "trailer",
    "vehicle.truck": "truck",
}


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streets")
    build_dataset(WorldRecipe("nuscenes", {"val": 150}, None, 1, 2, OPTIONS), folder)
    return folder / "nuscenes"


def spoilt_panoptic(streets: Path, wrong: float) -> Iterator[tuple[Path, np.ndarray[Any, np.dtype[np.int64]]]]:
    """Yield every panoptic file and predictions for it: the truth, a share of its points spoilt."""
    rng = np.random.default_rng(0)
    for path in sorted((streets / "panoptic").rglob("*.npz")):
        with np.load(path) as stored:
            truth = stored["data"].astype(np.int64)
        classes = OFFICIAL[truth // 1000]
        spoilt = (rng.random(len(truth)) < wrong) | (classes == 0)
        yield path, np.where(spoilt, SOMETHING * 1000, classes * 1000 + truth % 1000)


def predict(streets: Path, out: Path, wrong: float) -> None:
    """Write the truth as predictions, a share of it spoilt."""
    tables = {path.stem: json.loads(path.read_text()) for path in (streets / VERSION).glob("*.json")}
    for name in ("lidarseg", "panoptic"):
        (out / name / "val").mkdir(parents=True)
    for path, panoptic in spoilt_panoptic(streets, wrong):
        token = path.name.partition("_")[0]
        (panoptic // 1000).astype(np.uint8).tofile(out / "lidarseg" / "val" / f"{token}_lidarseg.bin")
        np.savez(out / "panoptic" / "val" / f"{token}_panoptic.npz", data=panoptic.astype(np.uint16))
    (out / "detection.json").write_text(json.dumps(boxes(tables, np.random.default_rng(1), wrong)))


def boxes(tables: dict[str, list[dict[str, Any]]], rng: np.random.Generator, wrong: float) -> dict[str, Any]:
    category = {row["token"]: row["name"] for row in tables["category"]}
    kind = {row["token"]: category[row["category_token"]] for row in tables["instance"]}
    attribute = {row["token"]: row["name"] for row in tables["attribute"]}
    by_token = {row["token"]: row for row in tables["sample_annotation"]}
    found: dict[str, list[dict[str, Any]]] = {row["token"]: [] for row in tables["sample"]}
    for row in tables["sample_annotation"]:
        name = kind[row["instance_token"]]
        name = "pedestrian" if "pedestrian" in name else DETECTED.get(name)
        # Boxes without a point are left out of the truth.
        if name is None or not row["num_lidar_pts"] or rng.random() < wrong:
            continue
        other = by_token[row["next"] or row["prev"]]
        sign = 1 if row["next"] else -1
        velocity = 2 * sign * (np.array(other["translation"]) - row["translation"])
        found[row["sample_token"]].append({
            "sample_token": row["sample_token"], "translation": row["translation"], "size": row["size"],
            "rotation": row["rotation"], "velocity": velocity[:2].tolist(), "detection_name": name,
            "detection_score": float(rng.random()),
            "attribute_name": attribute[row["attribute_tokens"][0]] if row["attribute_tokens"] else "",
        })  # fmt: skip
        assert from_quaternion(row["rotation"], row["translation"])[2, 2] == pytest.approx(1)
    meta = {**dict.fromkeys(("use_camera", "use_radar", "use_map", "use_external"), False), "use_lidar": True}
    return {"meta": meta, "results": found}


@pytest.fixture(scope="module")
def said(repository: Path, streets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[float, dict[str, Any]]:
    answers = {}
    for wrong in (0.0, 0.2):
        folder = tmp_path_factory.mktemp("predictions")
        predict(streets, folder, wrong)
        run_foreign(repository, "nuscenes/devkit_evaluators.py", streets, folder, folder / "said.json")
        answers[wrong] = json.loads((folder / "said.json").read_text())
    return answers


def panoptic_table(answer: dict[str, Any]) -> dict[str, Any]:
    return answer["panoptic"]["segmentation"]["all"]


def test_perfect_predictions_get_perfect_scores(said: dict[float, dict[str, Any]]) -> None:
    perfect = said[0.0]
    assert perfect["lidarseg"]["miou"] == pytest.approx(1)
    classes = {name: iou for name, iou in perfect["lidarseg"]["iou_per_class"].items() if name != "ignore"}
    assert len(classes) == 16 and min(classes.values()) == pytest.approx(1)
    whole = panoptic_table(perfect)
    assert [whole[name] for name in ("PQ", "SQ", "RQ")] == pytest.approx([1, 1, 1])
    detection = perfect["detection"]
    assert len(detection["mean_dist_aps"]) == 10 and detection["mean_ap"] == pytest.approx(1)
    assert max(detection["tp_errors"].values()) < 1e-3 and detection["nd_score"] == pytest.approx(1, abs=1e-3)


def our_panoptic_quality(streets: Path, repository: Path) -> dict[str, float]:
    """Score the spoilt predictions of :func:`predict` with the measures of the protocol."""
    spec = load_catalog(repository / "datasets" / "datasets.yaml")["nuscenes"]
    tested = read_split(spec, streets.parent, "val", "synthetic")
    assert isinstance(tested, SweepSplit)
    tables = NuScenesTables(streets)
    keyframes = {keyframe.name: keyframe for keyframe in tables.keyframes(SCENES["val"])}
    by_file = {Path(str(keyframes[name].panoptic)).name: row for row, name in enumerate(tested.names)}
    counts, confusion = np.zeros((16, 4)), np.zeros((16, 16), np.int64)
    for path, panoptic in spoilt_panoptic(streets, 0.2):
        sweep = tested.sweep(by_file[path.name])
        own = Segments(panoptic // 1000 - 1, panoptic)
        counts += panoptic_counts(own, true_segments(sweep), 16)
        confusion += confusion_matrix(own.classes, np.asarray(sweep.labels), 16)
    return {name: float(value) for name, value in qualities(counts, confusion, 10).items()}


def test_our_panoptic_quality_is_the_official_one(
    said: dict[float, dict[str, Any]], streets: Path, repository: Path
) -> None:
    ours, theirs = our_panoptic_quality(streets, repository), panoptic_table(said[0.2])
    for name, official in {"pq": "PQ", "sq": "SQ", "rq": "RQ", "pq_dagger": "PQ_dagger"}.items():
        assert ours[name] == pytest.approx(theirs[official], abs=1e-6), name
    assert abs(ours["pq"] - ours["pq_dagger"]) > 1e-4


def test_spoilt_predictions_get_less(said: dict[float, dict[str, Any]]) -> None:
    spoilt = said[0.2]
    assert 0.5 < spoilt["lidarseg"]["miou"] < 0.85
    assert 0.3 < panoptic_table(spoilt)["PQ"] < 0.9
    assert 0.6 < spoilt["detection"]["mean_ap"] < 0.85

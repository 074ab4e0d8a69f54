"""The official evaluator of nuScenes-lidarseg scores predictions as we do (CMCR spec 5)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.parity.foreign import run_foreign

from concord3d.data.catalog import load_catalog
from concord3d.data.reading import read_split
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.measures.sweep_confusion import class_iou, confusion_matrix, frequency_weighted_iou, mean_iou
from concord3d.world.build import build_dataset
from concord3d.world.datasets.interface import WorldRecipe

pytestmark = pytest.mark.slow
OPTIONS = {"keyframes": 2, "beams": 16, "azimuth_steps": 90, "height": 12, "width": 20}


@pytest.mark.parametrize("predicts_all", [True, False])
def test_scores_agree(repository: Path, tmp_path: Path, predicts_all: bool) -> None:
    build_dataset(WorldRecipe("nuscenes", {"train": 1, "val": 1}, None, 1, 5, OPTIONS), tmp_path)
    spec = load_catalog(repository / "datasets" / "datasets.yaml")["nuscenes"]
    store = read_split(spec, tmp_path, "val", "synthetic")
    assert isinstance(store, SweepSplit)
    assert len(store) == 2
    rng, num_classes, predictions = np.random.default_rng(0), len(store.class_names), {}
    total = np.zeros((num_classes, num_classes), np.int64)
    for row in range(len(store)):
        truth = np.asarray(store.sweep(row).labels)
        guess = rng.integers(0, num_classes if predicts_all else 4, len(truth))
        predicted = np.where((rng.random(len(truth)) < 0.7) & (truth >= 0), truth, guess)
        total += confusion_matrix(predicted, truth, num_classes)
        predictions[str(row)] = (predicted + 1).astype(np.uint8)
    assert (total.sum(axis=1) == 0).any(), "no class is absent from the truth"
    np.savez(tmp_path / "predictions.npz", **predictions)
    run_foreign(
        repository, "nuscenes/devkit_lidarseg.py", tmp_path / "nuscenes", tmp_path / "predictions.npz",
        tmp_path / "files", tmp_path / "scores.json",
    )  # fmt: skip
    theirs = json.loads((tmp_path / "scores.json").read_text())
    assert float(mean_iou(total, "left_out")) == pytest.approx(theirs["miou"], abs=1e-6)
    assert float(frequency_weighted_iou(total)) == pytest.approx(theirs["freq_weighted_iou"], abs=1e-6)
    of_class = [theirs["iou_per_class"][name] for name in store.class_names]
    np.testing.assert_allclose(class_iou(total), of_class, atol=1e-6)
    # The released code counts an absent class 1.
    absent = np.isnan(of_class)
    assert absent.any() == (not predicts_all)
    assert float(mean_iou(total)) == pytest.approx(np.where(absent, 1.0, of_class).mean(), abs=1e-6)

"""Weights that were once opened as another model, beside the development data mirror: refused by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import open_clip
import pytest

from concord3d.features.open_clip_adapter import clip_config
from concord3d.features.tower import TowerMismatch, TowerSpec
from concord3d.features.weights import find_weights


def test_the_activation_of_local_weights(mirror: Path, tmp_path: Path) -> None:
    case = mirror.parent / "cases" / "quickgelu_local_weights"
    if not case.is_dir():
        pytest.skip(f"no case at {case}")
    shutil.copyfile(case / "open_clip_config.json", tmp_path / "open_clip_config.json")
    weights = tmp_path / "open_clip_model.safetensors"
    weights.touch()
    with pytest.raises(TowerMismatch, match="RN50-quickgelu"):
        find_weights(open_clip, TowerSpec("RN50", str(weights)), clip_config("RN50")["model_cfg"], None)
    right = TowerSpec("RN50-quickgelu", str(weights))
    found = find_weights(open_clip, right, clip_config(right.model)["model_cfg"], None)
    assert found.preprocess_cfg == {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}

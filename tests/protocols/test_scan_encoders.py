"""Protocols on scans with the encoders that trainings of CrossOver save."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.protocols.scan_jobs import WIDTH, measured, rooms, scan_job, write_features
from tests.protocols.small_jobs import make_job
from torch import nn

from concord3d.features.object_projections import ObjectProjections
from concord3d.features.projection import Projection
from concord3d.models.instance_encoder import InstanceEncoder
from concord3d.models.scan_encoder_files import form_header
from concord3d.models.scan_encoder_forms import (
    InstanceEncoderForm,
    InstanceEncoderShape,
    SceneEncoderForm,
    SceneEncoderShape,
)
from concord3d.models.scene_encoder import SceneEncoder
from concord3d.models.weights import save_weights
from concord3d.protocols.evaluation.job import EvaluationJob

INSTANCE = InstanceEncoderForm(
    shape=InstanceEncoderShape(out_dim=8, num_layers=1, num_heads=2, mlp_width=8),
    widths=dict.fromkeys(("image", "point", "cad", "referral"), WIDTH),
)
SCENE = SceneEncoderForm(
    shape=SceneEncoderShape(points={"name": "scene_resnet", "width": 4, "blocks": [1, 1, 1, 1], "voxel_mm": 200}),
    instance=INSTANCE,
    pictures=2 * WIDTH,
    floorplan=WIDTH,
    referral=WIDTH,
)


def job_of(folder: Path, module: nn.Module, protocol: str, settings: dict[str, object]) -> EvaluationJob:
    folder.mkdir()
    is_scenes = isinstance(module, SceneEncoder)
    job = make_job(folder, protocol, settings, module="scenes" if is_scenes else "objects")
    save_weights(module, job.model_path, form_header(module.form))
    method = "crossover_scene" if is_scenes else "crossover_instance"
    data = {"num_pictures": 2} if is_scenes else {}
    split = rooms(num_spaces=3)
    gone = {"floorplan": np.arange(6) == 1, "cad": np.ones(24, bool), "image": np.arange(24) < 4}
    files = write_features(folder, split, gone)
    return replace(job, run_config={**job.run_config, "method": method, "data": data}, test=split, train=None,
                   scan_files=files)  # fmt: skip


@pytest.fixture
def scenes() -> SceneEncoder:
    torch.manual_seed(0)
    return SceneEncoder(SCENE)


SHORT = {"ks": [1], "category_ks": [1], "temporal_ks": [1], "intra_ks": [1]}


@pytest.mark.parametrize(
    ("protocol", "settings", "metric"),
    [
        ("instance_matching", {}, "image_referral_top1"),
        ("temporal_instance_matching", {}, "point_point_dynamic_top1"),
        ("scene_matching", SHORT, "image_point_temporal_published_top1"),
        ("view_ablation", {**SHORT, "views": [1, 3]}, "views3_top1"),
        ("coarse_localisation", {"num_candidates": [2], "ks": [1]}, "temporal_2_top1"),
        ("two_step_localisation", {}, "image_point_image_point_objects"),
    ],
)
def test_an_encoder_of_scans(
    tmp_path: Path, scenes: SceneEncoder, protocol: str, settings: dict[str, object], metric: str
) -> None:
    values, details, _ = measured(job_of(tmp_path / "scenes", scenes, protocol, settings))
    assert metric in values and all(0 <= value <= 100 for value in values.values())
    if protocol == "scene_matching":
        assert details["num_queries"]["image_floorplan_top1"] == 5 and details["num_queries"]["image_point_top1"] == 6
    if protocol == "instance_matching":
        assert details["not_measured"]["image_cad_top1"] == "0 scans of 0 spaces take part"


def test_an_encoder_of_scans_and_the_encoder_of_objects_inside_match_objects_alike(
    tmp_path: Path, scenes: SceneEncoder
) -> None:
    inside, _, _ = measured(job_of(tmp_path / "scenes", scenes, "instance_matching", {}))
    alone, _, _ = measured(job_of(tmp_path / "objects", scenes.instance, "instance_matching", {}))
    assert inside == alone


def test_an_encoder_of_objects_has_scans_by_their_averages(tmp_path: Path) -> None:
    torch.manual_seed(0)
    values, details, _ = measured(job_of(tmp_path / "objects", InstanceEncoder(INSTANCE), "scene_matching", SHORT))
    # Floorplans are pictures to it; of nothing it has a fused vector.
    assert "image_floorplan_top1" in values and details["not_measured"]["fused_fused"]


def test_projections_of_a_tower_are_an_encoder_of_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ObjectProjections(Projection(WIDTH, WIDTH, None))
    values, details, _ = measured(scan_job(tmp_path, "scene_matching", SHORT, module, monkeypatch))
    assert "referral_floorplan_top1" in values and details["not_measured"]["fused_fused"]
    values, _, _ = measured(scan_job(tmp_path, "instance_matching", {}, module, monkeypatch))
    assert values["point_cad_top1"] == 100


def test_the_fusion_alone_encodes_what_objects_have(tmp_path: Path) -> None:
    torch.manual_seed(0)
    alone = SceneEncoder(SCENE.model_copy(update={"fused_only": True}))
    pairs = {"pairs": [["image", "point"], ["image", "floorplan"], ["cad", "fused"], ["fused", "fused"]]}
    values, details, _ = measured(job_of(tmp_path / "scenes", alone, "scene_matching", {**SHORT, **pairs}))
    assert "fused_fused_temporal_top1" in values
    # A scan with pictures in which none of its objects is seen is tested as by encoders of whole scans.
    assert details["num_queries"]["image_point_top1"] == 6
    assert details["not_measured"]["image_floorplan"] == "the module lacks one of them"
    assert details["not_measured"]["cad_fused_top1"] == "0 scans of 0 spaces take part"

"""A small store as frozen encoders see it, with an untrained encoder of scans."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.features.scan_encoder_fakes import MaxCoordinates, MeanColors
from tests.protocols.scan_jobs import rooms

from concord3d.data.stores.scans import ScanSplit
from concord3d.features.encode import scan_pictures, scan_points, scan_texts
from concord3d.features.encode.task import EncodeTask
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
from concord3d.queries.searched_scans import EncoderFiles, SearchedScans, SearchFiles

PARAMS: dict[str, dict[str, Any]] = {
    "pictures": {"kind": "scan_pictures", "encoder": "fake", "picture_size": 32, "crop_levels": 2, "given": None},
    "texts": {"kind": "scan_texts", "encoder": "fake", "scene_referrals": 2, "referral_seed": 0, "given": None},
    "points": {
        "kind": "scan_points",
        "run": {},
        "rebuilt_by": None,
        "clouds": {"num_points": 8, "min_points": 2, "y_up": True, "seed": 0},
    },
}
INSTANCE = InstanceEncoderForm(
    shape=InstanceEncoderShape(out_dim=8, num_layers=1, num_heads=1, mlp_width=8),
    widths={"image": 3, "point": 3, "cad": 3, "referral": 4},
)
SCENE = SceneEncoderForm(
    shape=SceneEncoderShape(points={"name": "scene_resnet", "width": 4, "blocks": [1, 1, 1, 1], "voxel_mm": 200}),
    instance=INSTANCE,
    pictures=6,
    floorplan=3,
    referral=4,
)


class LetterCounts:
    """Texts as shares of some letters."""

    dim = 4

    def encode_texts(self, texts: Any) -> Any:
        return torch.tensor([[text.count(letter) / len(text) for letter in "aeio"] for text in texts]).numpy()


def fake_frozen_encoders(patch: pytest.MonkeyPatch) -> None:
    """Let the steps that encode scans open encoders of microseconds."""
    patch.setattr(scan_pictures, "open_picture_encoder", lambda *told: None)
    patch.setattr(scan_pictures, "MapEncoder", lambda encoder: MeanColors())
    patch.setattr(scan_texts, "open_sentence_encoder", lambda *told: LetterCounts())
    patch.setattr(scan_points, "open_extractor", lambda *told: MaxCoordinates())


def files_of(folder: Path, split: ScanSplit, module: SceneEncoder | InstanceEncoder) -> SearchFiles:
    """Write a store, its features, and the weights of an encoder."""
    name = "scenes" if isinstance(module, SceneEncoder) else "objects"
    method = {"scenes": "crossover_scene", "objects": "crossover_instance"}[name]
    save_weights(module, folder / "weights.safetensors", form_header(module.form))
    split.save(folder / "store.npz")
    encoders = {}
    for kind, params in PARAMS.items():
        inputs = {} if kind != "points" else {"extractor": [folder / "extractor.safetensors"]}
        out = folder / f"{kind}.npz"
        task = EncodeTask(
            {"scans": [folder / "store.npz"], **inputs},
            [out],
            params,
            lambda opening, *told: opening(*told, "cpu", None),
            folder,
        )
        import_module(f"concord3d.features.encode.{params['kind']}").encode(task)
        encoders[kind] = EncoderFiles(params, inputs, out)
    data = {"num_pictures": 2} if name == "scenes" else {}
    run = {"method": method, "data": data}
    return SearchFiles(run, name, folder / "weights.safetensors", folder / "store.npz", encoders)


def scene_encoder() -> SceneEncoder:
    """An encoder with random weights."""
    torch.manual_seed(0)
    return SceneEncoder(SCENE)


def small_rooms() -> ScanSplit:
    """Six scans of three spaces; the sixth has no floorplan."""
    split = rooms(num_spaces=3)
    split.has_floorplan[5] = False
    return split


def opened(folder: Path, module: SceneEncoder | InstanceEncoder | None = None) -> SearchedScans:
    """Scans that can be asked for."""
    return SearchedScans.open(files_of(folder, small_rooms(), module or scene_encoder()), "cpu")

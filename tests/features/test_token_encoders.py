"""Picture encoders with patch tokens: those of a tower's weights, whatever its form, and the same built again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.features.fake_encoders import ALIGNED, PATCHES, register

from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.features import frozen_encoders, open_clip_adapter
from concord3d.features.open_clip_adapter import open_clip_parts
from concord3d.features.open_tower import tower_patch_size, tower_preprocess
from concord3d.features.patch_tower import PatchEncoder, hybrid_vit
from concord3d.features.token_encoders import new_token_encoder, open_token_encoder
from concord3d.features.tower import TowerMismatch, TowerSpec, TowerWeightsMissing
from concord3d.features.tower_config import PatchTowerConfig
from concord3d.models.clip_patches import ClipPatches
from concord3d.models.hybrid_vit import HybridViT
from concord3d.models.weights import load_weights, save_weights

WriteMicro = Callable[..., TowerSpec]


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def patch_tower(folder: Path) -> Path:
    torch.manual_seed(3)
    encoder = PatchEncoder(
        hybrid_vit(PatchTowerConfig.model_validate(PATCHES), frozen_encoders.open_trunk("fake_pictures"), 5)
    )
    save_weights(encoder, folder / "pictures.safetensors")
    return folder / "pictures.safetensors"


@torch.no_grad()
def test_a_clip_is_opened_with_its_weights_and_says_what_it_does(write_micro: WriteMicro) -> None:
    spec = write_micro()
    found = open_token_encoder({"model": spec.model}, spec.weights)
    assert isinstance(found.network, ClipPatches) and (found.network.patch_size, found.network.out_dim) == (8, 6)
    module: Any = open_clip_parts(spec)[0].module.eval()
    pixels = torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(found.network.eval()(pixels).pooled, module.encode_image(pixels), rtol=0, atol=1e-6)


def test_nothing_but_what_is_new_depends_on_the_seed(write_micro: WriteMicro) -> None:
    spec = write_micro()
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(open_token_encoder({"model": spec.model}, spec.weights).network.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert [name for name in states[0] if not torch.equal(states[0][name], states[2][name])] == ["mask_token"]
    # What open_clip draws before the weights are read does not count.
    torch.manual_seed(2)
    assert torch.equal(states[2]["mask_token"], 0.02 * torch.randn(16))


def test_a_patch_tower_is_opened_from_its_training_or_from_its_configuration(tmp_path: Path) -> None:
    weights = patch_tower(tmp_path)
    path = tmp_path / "tower.json"
    path.write_text(json.dumps(PATCHES))
    pixels = torch.randn(2, 3, 32, 32)
    said = []
    for encoder in (PATCHES, {"model": str(path)}):
        found = open_token_encoder(encoder, weights)
        assert isinstance(found.network, HybridViT)
        said.append(found.network.eval()(pixels).pooled)
    assert torch.equal(*said)


@torch.no_grad()
def test_what_is_built_again_takes_the_weights_and_says_the_same(tmp_path: Path, write_micro: WriteMicro) -> None:
    spec = write_micro()
    towers: list[tuple[dict[str, Any], Path | str, int]] = [
        ({"model": spec.model}, spec.weights, 16),
        (PATCHES, patch_tower(tmp_path), 32),
    ]
    for encoder, weights, side in towers:
        found = open_token_encoder(encoder, weights)
        network: Any = found.network
        save_weights(network, tmp_path / "trained.safetensors")
        again = new_token_encoder(json.loads(json.dumps(found.built_from)), network.out_dim)
        load_weights(again, tmp_path / "trained.safetensors")
        pixels = torch.randn(2, 3, side, side)
        for mine, its in zip(again.eval()(pixels), network.eval()(pixels), strict=True):
            assert torch.equal(mine, its)


def test_a_release_is_found_by_its_tag_with_the_preprocessing_that_it_asks_for(
    tmp_path: Path, write_micro: WriteMicro, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tiny model of open_clip's own, whose release has a mean of its own."""
    spec = write_micro()
    library = open_clip_adapter.import_open_clip()
    release = {"url": "http://127.0.0.1/none.pt", "mean": (0.1, 0.2, 0.3), "quick_gelu": False}
    content = json.loads(Path(spec.model).read_text())["model_cfg"]
    monkeypatch.setattr(library, "list_models", lambda: ["tiny"])
    monkeypatch.setattr(library, "get_model_config", lambda name: content)
    monkeypatch.setattr(library, "get_tokenizer", lambda name: library.SimpleTokenizer(context_length=16))
    monkeypatch.setattr(library, "list_pretrained_tags_by_model", lambda name: ["openai"])
    monkeypatch.setattr(library, "get_pretrained_cfg", lambda name, tag: release if tag == "openai" else None)
    Path(spec.weights).rename(tmp_path / "tiny__openai.safetensors")
    found = open_token_encoder({"model": "tiny"}, "openai", tmp_path)
    assert found.built_from["model_cfg"]["embed_dim"] == 6
    assert tower_preprocess("tiny", "openai").mean == (0.1, 0.2, 0.3)
    assert tower_preprocess("tiny", "w.safetensors").mean == tower_preprocess("tiny").mean != (0.1, 0.2, 0.3)
    assert tower_patch_size("tiny") == 8
    release["quick_gelu"] = True
    with pytest.raises(TowerMismatch, match="activation"):
        open_token_encoder({"model": "tiny"}, "openai", tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'openai'"):
        open_token_encoder({"model": "tiny"}, "opanai", tmp_path)


def test_the_papers_tower_is_known_with_its_activation_and_pictures() -> None:
    config = open_clip_adapter.clip_config("ViT-B-16-quickgelu")["model_cfg"]
    vision = config["vision_cfg"]
    assert config["quick_gelu"] and config["embed_dim"] == 512
    assert (vision["image_size"], vision["patch_size"], vision["width"], vision["layers"]) == (224, 16, 768, 12)
    preprocess = tower_preprocess("ViT-B-16-quickgelu", "openai")
    assert (preprocess.size, round(preprocess.mean[0], 4), preprocess.interpolation) == (224, 0.4815, "bicubic")
    assert tower_patch_size("ViT-B-16-quickgelu") == 16


def test_patches_have_the_size_that_the_configuration_says(tmp_path: Path, write_micro: WriteMicro) -> None:
    (tmp_path / "patches.json").write_text(json.dumps(PATCHES))
    assert tower_patch_size(str(tmp_path / "patches.json")) == 16
    assert tower_patch_size(write_micro().model) == 8


def test_towers_without_patch_tokens_and_files_that_do_not_fit_are_refused(
    tmp_path: Path, write_micro: WriteMicro
) -> None:
    convolutional = write_micro(
        "rn", changes={"model_cfg.vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}}
    )
    for encoder in ({"model": convolutional.model}, ALIGNED):
        with pytest.raises(ConfigError, match="no patch tokens"):
            open_token_encoder(encoder, convolutional.weights)
    spec = write_micro()
    with pytest.raises(TowerWeightsMissing):
        open_token_encoder({"model": spec.model}, str(tmp_path / "none.safetensors"))
    with pytest.raises(CheckpointCorrupt):
        open_token_encoder({"model": spec.model}, str(patch_tower(tmp_path)))

"""Patch towers: what their features are, and which weights they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.features.fake_encoders import PATCHES, FakeSentences, register

from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.features.open_tower import encoder_preprocess, open_tower
from concord3d.features.patch_tower import PatchTower, PatchTowerParts, saved_encoder
from concord3d.features.tower import BadPictures, BadText, TowerMismatch, TowerSpec, TowerWeightsMissing
from concord3d.features.tower_config import PatchTowerConfig
from concord3d.models.weights import read_tensors, save_weights

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def written(folder: Path, **sections: Any) -> TowerSpec:
    """A configuration with random weights."""
    content = {**PATCHES, **sections}
    (folder / "tower.json").write_text(json.dumps(content))
    parts = PatchTowerParts.open(PatchTowerConfig.model_validate(content))
    torch.manual_seed(0)
    encoder = parts.new_encoder()
    with torch.no_grad():
        for _, tensor in sorted(encoder.state_dict().items()):
            tensor.copy_(torch.rand(tensor.shape) + 0.1)
    save_weights(encoder, folder / "pictures.safetensors", parts.header())
    return TowerSpec(str(folder / "tower.json"), str(folder / "pictures.safetensors"))


def test_features_are_those_of_the_saved_weights_and_of_centred_sentences(tmp_path: Path) -> None:
    spec = written(tmp_path)
    tower, path = open_tower(spec, "cpu"), Path(spec.weights)
    assert isinstance(tower, PatchTower)
    encoder = saved_encoder(PatchTowerConfig.model_validate(PATCHES), path)
    assert not encoder.training
    pixels = (torch.from_numpy(PICTURES).permute(0, 3, 1, 2) / 255 - 0.498) / 0.502
    with torch.no_grad():
        expected = encoder(pixels)
    np.testing.assert_allclose(tower.encode_images(PICTURES), expected.pooled.numpy(), rtol=1e-5, atol=1e-5)
    assert expected.tokens.shape == (5, 4, 8)
    texts = ["a red chair", "table"]
    centred = FakeSentences("").encode_texts(texts) - read_tensors(path)[0]["text_mean"].numpy()
    np.testing.assert_array_equal(tower.encode_texts(texts), centred)
    assert tower.encode_images(PICTURES).dtype == tower.encode_texts(texts).dtype == np.float32
    assert (tower.dim, tower.image_size) == (16, 32)


def test_a_feature_does_not_depend_on_what_else_is_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tower = open_tower(written(tmp_path), "cpu")
    whole = tower.encode_images(PICTURES)
    assert np.allclose(whole[2:3], tower.encode_images(PICTURES[2:3]), rtol=1e-5, atol=1e-5)
    monkeypatch.setattr("concord3d.features.patch_tower.BATCH", 2)
    assert np.allclose(whole, tower.encode_images(PICTURES), rtol=1e-5, atol=1e-5)
    assert tower.encode_images(PICTURES[:0]).shape == (0, 16)
    grey = PICTURES[..., :1]
    assert np.allclose(tower.encode_images(grey), tower.encode_images(grey.repeat(3, axis=3)), rtol=1e-5, atol=1e-5)


def test_a_tower_may_hide_patches(tmp_path: Path) -> None:
    spec = written(tmp_path)
    config = PatchTowerConfig.model_validate(PATCHES)
    parts, encoder = PatchTowerParts.open(config), saved_encoder(config, Path(spec.weights))

    def upper_half(count: int, grid: int) -> torch.Tensor:
        mask = torch.zeros(count, grid, grid, dtype=torch.bool)
        mask[:, : grid // 2] = True
        return mask

    tower, changed = PatchTower(parts, encoder, "", upper_half), PICTURES.copy()
    changed[:, :16] = 255 - changed[:, :16]
    np.testing.assert_array_equal(tower.encode_images(changed), tower.encode_images(PICTURES))
    assert not np.allclose(tower.encode_images(PICTURES), PatchTower(parts, encoder, "").encode_images(PICTURES))


def test_the_identity_follows_everything_that_decides_a_feature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def identity(name: str, release: str = "0" * 64, **sections: Any) -> Any:
        (tmp_path / name).mkdir()
        register(monkeypatch, release)
        return open_tower(written(tmp_path / name, **sections), "cpu").identity

    base = identity("base")
    assert identity("moved") == base and json.loads(json.dumps(base)) == base
    assert base["trunk"]["release_sha256"] == {"weights": "0" * 64} and len(base["weights_sha256"]) == 64
    larger = {"encoder": "fake_pictures", "image_size": 64}
    others = [identity("wider", tokens={**PATCHES["tokens"], "width": 16}), identity("larger", trunk=larger)]
    others.append(identity("release", release="1" * 64))
    assert all(other != base for other in others)


def test_weights_are_refused_with_other_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = written(tmp_path)
    register(monkeypatch, release="1" * 64)
    with pytest.raises(TowerMismatch) as refused:
        open_tower(spec, "cpu")
    assert set(refused.value.expected) == {"trunk.release_sha256.weights", "texts.weights_sha256"}
    assert set(refused.value.found.values()) == {"1" * 64} and "train the tower again" in str(refused.value)
    register(monkeypatch)
    for section, key, value in (("tokens", "num_heads", 4), ("trunk", "image_size", 64)):
        content = {**PATCHES, section: {**PATCHES[section], key: value}}
        Path(spec.model).write_text(json.dumps(content))
        with pytest.raises(TowerMismatch, match="num_heads" if key == "num_heads" else r"preprocess\.size"):
            open_tower(spec, "cpu")


def test_what_is_no_patch_tower_is_refused(tmp_path: Path) -> None:
    spec = written(tmp_path)
    weights, config = Path(spec.weights), PatchTowerConfig.model_validate(PATCHES)
    content = weights.read_bytes()
    weights.write_bytes(content[:-8])
    with pytest.raises(CheckpointCorrupt, match="Cannot read"):
        open_tower(spec, "cpu")
    parts = PatchTowerParts.open(config)
    encoder = parts.new_encoder()
    save_weights(encoder, weights)
    with pytest.raises(CheckpointCorrupt, match="Not the trained part"):
        open_tower(spec, "cpu")
    save_weights(encoder.vit, weights, parts.header())
    with pytest.raises(CheckpointCorrupt, match="text_mean"):
        open_tower(spec, "cpu")
    weights.unlink()
    with pytest.raises(TowerWeightsMissing, match="tower step"):
        open_tower(spec, "cpu")
    with pytest.raises(ConfigError, match="fp32"):
        open_tower(TowerSpec(spec.model, spec.weights, "bf16"), "cpu")


def test_bad_input_is_refused(tmp_path: Path) -> None:
    tower = open_tower(written(tmp_path), "cpu")
    with pytest.raises(BadText):
        tower.encode_texts(["a", " "])
    with pytest.raises(BadPictures):
        tower.encode_images(PICTURES[..., :2])


def test_pictures_of_a_training_are_resized_as_the_trunk_asks() -> None:
    preprocess = encoder_preprocess({**PATCHES, "trunk": {"encoder": "fake_pictures", "image_size": 96}})
    assert (preprocess.size, preprocess.interpolation, preprocess.resize_mode) == (96, "bicubic", "squash")

"""Aligned towers: what their features are, and which weights they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.features.fake_encoders import ALIGNED, FakePictures, FakeSentences, picture_identity, register
from torch.nn.functional import normalize

from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.features import frozen_encoders
from concord3d.features.aligned_tower import AlignedTower, FrozenPair
from concord3d.features.open_tower import encoder_preprocess, open_tower
from concord3d.features.projection import Projection
from concord3d.features.tower import BadPictures, BadText, TowerMismatch, TowerSpec, TowerWeightsMissing
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.models.weights import read_tensors, save_weights

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def written(folder: Path, hidden_width: int | None = None, **sides: Any) -> TowerSpec:
    """A configuration with random weights."""
    content = {**ALIGNED, **sides, "projection": {"hidden_width": hidden_width}}
    (folder / "tower.json").write_text(json.dumps(content))
    pair = FrozenPair(AlignedTowerConfig.model_validate(content))
    torch.manual_seed(0)
    projection = pair.new_projection()
    with torch.no_grad():
        for _, tensor in sorted(projection.state_dict().items()):
            tensor.copy_(torch.rand_like(tensor) + 0.1)
    save_weights(projection, folder / "projection.safetensors", pair.header())
    return TowerSpec(str(folder / "tower.json"), str(folder / "projection.safetensors"))


@pytest.mark.parametrize("hidden_width", [None, 7])
def test_features_are_projections_of_standardised_unit_features_and_centred_sentences(
    tmp_path: Path, hidden_width: int | None
) -> None:
    spec = written(tmp_path, hidden_width)
    tower, tensors = open_tower(spec, "cpu"), read_tensors(Path(spec.weights))[0]
    raw = torch.from_numpy(FakePictures(32, "").encode_images(PICTURES))
    standardised = (raw / raw.norm(dim=1, keepdim=True) - tensors["mean"]) / tensors["deviation"]
    expected = standardised @ tensors["linear.weight"].T
    if hidden_width:
        inner = standardised @ tensors["hidden.0.weight"].T + tensors["hidden.0.bias"]
        expected = expected + torch.nn.functional.gelu(inner) @ tensors["hidden.2.weight"].T
    np.testing.assert_allclose(tower.encode_images(PICTURES), expected.numpy(), rtol=1e-4, atol=1e-4)
    texts = ["a red chair", "table"]
    centred = FakeSentences("").encode_texts(texts) - tensors["text_mean"].numpy()
    np.testing.assert_array_equal(tower.encode_texts(texts), centred)
    assert tower.encode_images(PICTURES).dtype == tower.encode_texts(texts).dtype == np.float32
    assert (tower.dim, tower.image_size) == (16, 32)


@pytest.mark.parametrize("hidden_width", [None, 7])
def test_stored_features_are_projected_as_their_pictures_are_encoded(tmp_path: Path, hidden_width: int | None) -> None:
    tower = open_tower(written(tmp_path, hidden_width), "cpu")
    assert isinstance(tower, AlignedTower)
    frozen, expected = FakePictures(32, "").encode_images(PICTURES), tower.encode_images(PICTURES)
    np.testing.assert_array_equal(tower.project(frozen), expected)
    half = tower.project(frozen.astype(np.float16))
    assert half.dtype == np.float32 and not np.array_equal(half, expected)
    np.testing.assert_allclose(half, expected, rtol=1e-3, atol=1e-3)


def test_an_encoder_is_opened_only_for_what_it_encodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, opened = written(tmp_path), list[str]()
    for side in ("picture", "sentence"):
        real = getattr(frozen_encoders, f"open_{side}_encoder")
        monkeypatch.setattr(
            frozen_encoders,
            f"open_{side}_encoder",
            lambda *told, side=side, real=real: opened.append(side) or real(*told),
        )
    tower = open_tower(spec, "cpu")
    assert isinstance(tower, AlignedTower)
    tower.project(np.ones((2, FakePictures.dim)))
    assert tower.identity["pictures"] == picture_identity(32) and not opened
    tower.encode_texts(["a chair"])
    tower.encode_texts(["a table"])
    assert opened == ["sentence"]
    tower.encode_images(PICTURES)
    assert opened == ["sentence", "picture"]


def test_a_feature_does_not_depend_on_what_else_is_encoded(tmp_path: Path) -> None:
    tower = open_tower(written(tmp_path), "cpu")
    assert np.allclose(tower.encode_images(PICTURES)[2:3], tower.encode_images(PICTURES[2:3]), rtol=1e-5, atol=1e-5)
    assert np.array_equal(tower.encode_texts(["x", "a chair"])[1:], tower.encode_texts(["a chair"]))


def test_a_hidden_layer_adds_nothing_before_it_is_trained() -> None:
    torch.manual_seed(0)
    projection, features = Projection(6, 4, 5), torch.rand(3, 6)
    assert torch.equal(projection(features), projection.linear(normalize(features, dim=1)))


def test_the_identity_follows_everything_that_decides_a_feature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def identity(name: str, hidden_width: int | None = None, size: int = 32, release: str = "0" * 64) -> Any:
        (tmp_path / name).mkdir()
        register(monkeypatch, release)
        pictures = {"encoder": "fake_pictures", "image_size": size}
        return open_tower(written(tmp_path / name, hidden_width, pictures=pictures), "cpu").identity

    base = identity("base")
    assert identity("moved") == base and json.loads(json.dumps(base)) == base
    assert base["pictures"]["weights_sha256"] == "0" * 64 and len(base["projection"]["weights_sha256"]) == 64
    others = [identity("wider", 7), identity("larger", size=64), identity("release", release="1" * 64)]
    assert all(other != base for other in others)


def test_a_projection_is_refused_between_other_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = written(tmp_path)
    register(monkeypatch, release="1" * 64)
    with pytest.raises(TowerMismatch) as refused:
        open_tower(spec, "cpu")
    assert refused.value.expected == {f"{side}.weights_sha256": "0" * 64 for side in ("pictures", "texts")}
    assert refused.value.found == {f"{side}.weights_sha256": "1" * 64 for side in ("pictures", "texts")}
    assert "train the tower again" in str(refused.value)
    register(monkeypatch)
    Path(spec.model).write_text(json.dumps({**ALIGNED, "projection": {"hidden_width": 3}}))
    with pytest.raises(TowerMismatch, match="hidden_width"):
        open_tower(spec, "cpu")
    Path(spec.model).write_text(json.dumps({**ALIGNED, "pictures": {"encoder": "fake_pictures", "image_size": 48}}))
    with pytest.raises(TowerMismatch, match=r"pictures\.size"):
        open_tower(spec, "cpu")


def test_what_is_no_projection_is_refused(tmp_path: Path) -> None:
    spec = written(tmp_path)
    weights = Path(spec.weights)
    content = weights.read_bytes()
    weights.write_bytes(content[:-8])
    with pytest.raises(CheckpointCorrupt, match="Cannot read"):
        open_tower(spec, "cpu")
    save_weights(Projection(13, 16), weights)
    with pytest.raises(CheckpointCorrupt, match="Not the trained part"):
        open_tower(spec, "cpu")
    pair = FrozenPair(AlignedTowerConfig.model_validate(ALIGNED))
    save_weights(Projection(13, 15), weights, pair.header())
    with pytest.raises(CheckpointCorrupt, match="do not fit"):
        open_tower(spec, "cpu")
    weights.unlink()
    with pytest.raises(TowerWeightsMissing, match="tower step"):
        open_tower(spec, "cpu")
    with pytest.raises(ConfigError, match="fp32"):
        open_tower(TowerSpec(spec.model, spec.weights, "bf16"), "cpu")


def test_bad_input_is_refused_by_the_encoders(tmp_path: Path) -> None:
    tower = open_tower(written(tmp_path), "cpu")
    with pytest.raises(BadText):
        tower.encode_texts(["a", " "])
    with pytest.raises(BadPictures):
        tower.encode_images(PICTURES[..., :2])


def test_pictures_of_a_training_are_resized_as_the_encoder_does() -> None:
    content = {**ALIGNED, "pictures": {"encoder": "fake_pictures", "image_size": 96}}
    preprocess = encoder_preprocess(content)
    assert (preprocess.size, preprocess.interpolation, preprocess.resize_mode) == (96, "bicubic", "squash")

"""Pre-trained encoders by name: pictures, sentences, bad input, and identities made of content."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import CheckpointCorrupt, ConfigError, DependencyMissing
from concord3d.features import efficientnet_adapter, sentence_encoders
from concord3d.features.converted_weights import converted_path
from concord3d.features.efficientnet_adapter import in_names_of_timm
from concord3d.features.frozen_encoders import (
    SENTENCE_ENCODERS,
    PictureEncoder,
    SentenceEncoder,
    build_picture_encoder,
    new_trunk,
    open_picture_encoder,
    open_sentence_encoder,
    open_trunk,
    picture_identity,
    sentence_identity,
)
from concord3d.features.packaged_weights import PACKAGED, find_packaged_file
from concord3d.features.tower import BadPictures, BadText, is_unusable
from concord3d.features.weights import read_state

TEXTS = ["a red chair", "table", "A lamp with three arms, seen from above.", "ein Stuhl", "a red chair"]


@pytest.fixture(scope="module")
def pictures_encoder() -> PictureEncoder:
    """EfficientNet-Lite0 for pictures of 32 pixels."""
    return open_picture_encoder("efficientnet_lite0", 32, "cpu")


@pytest.fixture(scope="module")
def sentences_encoders() -> dict[str, SentenceEncoder]:
    """All encoders of sentences."""
    return {name: open_sentence_encoder(name, "cpu") for name in SENTENCE_ENCODERS}


def pictures(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_features_do_not_depend_on_the_batch_and_grey_is_repeated(
    pictures_encoder: PictureEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = pictures(5, 32, 32, 1)
    whole = pictures_encoder.encode_images(images)
    assert whole.shape == (5, pictures_encoder.dim) and whole.dtype == np.float32
    monkeypatch.setitem(efficientnet_adapter.BATCHES, "cpu", 2)
    np.testing.assert_allclose(pictures_encoder.encode_images(images), whole, atol=1e-4)
    np.testing.assert_allclose(pictures_encoder.encode_images(np.repeat(images, 3, axis=3)), whole, atol=1e-4)
    assert np.abs(whole[0] - whole[1]).max() > 1e-2
    assert pictures_encoder.encode_images(images[:0]).shape == (0, pictures_encoder.dim)


def test_pictures_of_any_size_are_brought_to_the_square(pictures_encoder: PictureEncoder) -> None:
    images = pictures(1, 50, 41, 3)
    assert np.isfinite(pictures_encoder.encode_images(images)).all()
    assert pictures_encoder.image_size == pictures_encoder.identity["preprocess"]["size"] == 32
    # Squashed, not cut: the outermost row of the longer side counts.
    changed = images.copy()
    changed[:, -1] = 255 - changed[:, -1]
    assert np.abs(pictures_encoder.encode_images(changed) - pictures_encoder.encode_images(images)).max() > 1e-3


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((1, 32, 32, 4), np.uint8),
        np.zeros((1, 32, 32, 2), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((1, 32, 32, 3), np.float32),
        np.zeros((1, 0, 32, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(pictures_encoder: PictureEncoder, bad: np.ndarray) -> None:
    with pytest.raises(BadPictures, match="uint8"):
        pictures_encoder.encode_images(bad)


def test_an_encoder_without_weights_becomes_the_released_one_with_its_state(pictures_encoder: PictureEncoder) -> None:
    images, bare = pictures(2, 32, 32, 3), build_picture_encoder("efficientnet_lite0", 32)
    released = pictures_encoder.encode_images(images)
    assert np.abs(bare.encode_images(images) - released).max() > 1e-2
    bare.network.load_state_dict(pictures_encoder.network.state_dict())
    np.testing.assert_array_equal(bare.encode_images(images), released)
    assert bare.identity == pictures_encoder.identity


@pytest.mark.parametrize("size", [31, 0, -5])
def test_sizes_below_32_are_refused(size: int) -> None:
    with pytest.raises(ConfigError, match="at least 32"):
        open_picture_encoder("efficientnet_lite0", size, "cpu")


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'efficientnet_lite0'"):
        open_picture_encoder("efficientnet_lite1")
    with pytest.raises(ConfigError, match="did you mean 'all_minilm_l6_v2'"):
        open_sentence_encoder("all_minilm_l6")
    with pytest.raises(ConfigError, match="did you mean 'efficientnet_lite0'"):
        picture_identity("efficientnet_lite1", 32)
    with pytest.raises(ConfigError, match="did you mean 'all_minilm_l6_v2'"):
        sentence_identity("all_minilm_l6")


@pytest.mark.parametrize("library", ["timm", "tokenizers"])
def test_an_absent_library_is_named(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DependencyMissing, match=f"pip install {library}"):
        if library == "timm":
            open_picture_encoder("efficientnet_lite0", 32, "cpu")
        else:
            open_sentence_encoder("wordllama_256", "cpu")


def test_names_are_known_without_torch() -> None:
    code = "import sys, concord3d.features.frozen_encoders, concord3d.features.packaged_weights as weights; "
    code += "print(len(weights.PACKAGED), 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == ["3", "False"]


def test_every_tensor_of_the_release_has_its_place() -> None:
    released, _ = read_state(find_packaged_file(PACKAGED["efficientnet_lite0"], "weights"))
    renamed = in_names_of_timm(released)
    assert len(renamed) == len(released) - 2
    assert not [name for name in renamed if name.startswith("_")]
    assert renamed["blocks.6.0.bn3.bias"] is released["_blocks.15._bn2.bias"]


@pytest.mark.parametrize(("stride", "channels"), [(8, 40), (16, 112)])
def test_the_trunk_is_the_lower_part_of_the_picture_encoder(
    pictures_encoder: PictureEncoder, monkeypatch: pytest.MonkeyPatch, stride: int, channels: int
) -> None:
    whole: Any = pictures_encoder
    trunk, pixels = open_trunk("efficientnet_lite0", stride=stride).eval(), torch.randn(5, 3, 64, 48)
    assert (trunk.patch_size, trunk.channels) == (stride, channels)
    with torch.no_grad():
        found = trunk(pixels)
        assert found.shape == (5, trunk.channels, 64 // trunk.patch_size, 48 // trunk.patch_size)
        upper = whole.network.blocks[len(trunk.blocks) :](found)
        expected = whole.network.forward_features(pixels)
        torch.testing.assert_close(whole.network.bn2(whole.network.conv_head(upper)), expected, atol=1e-4, rtol=1e-4)
        monkeypatch.setitem(efficientnet_adapter.BATCHES, "cpu", 2)
        torch.testing.assert_close(trunk(pixels), found, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(trunk(pixels), found, atol=1e-4, rtol=1e-4)
    random = new_trunk("efficientnet_lite0", stride)
    assert random.state_dict().keys() == trunk.state_dict().keys()
    assert not torch.equal(random.conv_stem.weight, trunk.conv_stem.weight)
    with pytest.raises(ConfigError, match="did you mean 'efficientnet_lite0'"):
        new_trunk("efficientnet_lite")
    with pytest.raises(ConfigError, match="No such trunk"):
        new_trunk("efficientnet_lite0", 4)


def test_identities_are_made_of_content_and_size(
    pictures_encoder: PictureEncoder, sentences_encoders: dict[str, SentenceEncoder], tmp_path: Path
) -> None:
    identities = [pictures_encoder.identity, *(encoder.identity for encoder in sentences_encoders.values())]
    assert json.loads(json.dumps(identities)) == identities
    source = find_packaged_file(PACKAGED["efficientnet_lite0"], "weights")
    shutil.copy(source, tmp_path)
    moved = open_picture_encoder("efficientnet_lite0", 32, "cpu", tmp_path)
    assert moved.identity == pictures_encoder.identity == picture_identity("efficientnet_lite0", 32)
    assert all(encoder.identity == sentence_identity(name) for name, encoder in sentences_encoders.items())
    opened = {"efficientnet_lite0": pictures_encoder.dim} | {n: e.dim for n, e in sentences_encoders.items()}
    assert opened == {name: release.dim for name, release in PACKAGED.items()}
    assert converted_path(tmp_path / "converted", PACKAGED["efficientnet_lite0"].files["weights"].sha256).is_file()
    images = pictures(2, 32, 32, 3)
    again = open_picture_encoder("efficientnet_lite0", 32, "cpu", tmp_path)
    assert np.array_equal(again.encode_images(images), pictures_encoder.encode_images(images))
    assert open_picture_encoder("efficientnet_lite0", 64, "cpu", tmp_path).identity != pictures_encoder.identity
    assert str(tmp_path) not in json.dumps(moved.identity)


@pytest.mark.parametrize("name", SENTENCE_ENCODERS)
def test_a_truncated_file_of_ones_own_is_refused(tmp_path: Path, name: str) -> None:
    for role, file in PACKAGED[name].files.items():
        whole = find_packaged_file(PACKAGED[name], role).read_bytes()
        (tmp_path / file.name).write_bytes(whole[:5000])
        with pytest.raises(CheckpointCorrupt, match=file.name):
            open_sentence_encoder(name, "cpu", tmp_path)
        (tmp_path / file.name).unlink()


@pytest.mark.parametrize("name", SENTENCE_ENCODERS)
def test_sentences_are_unit_vectors_in_any_batch(
    sentences_encoders: dict[str, SentenceEncoder], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = sentences_encoders[name]
    features = encoder.encode_texts(TEXTS)
    assert features.shape == (5, encoder.dim) and features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    one_by_one = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    np.testing.assert_allclose(features, one_by_one, atol=1e-5)
    monkeypatch.setattr(sentence_encoders, "BATCH", 2)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), features, atol=1e-5)
    assert encoder.encode_texts([]).shape == (0, encoder.dim)
    alike = encoder.encode_texts(["a chair", "an armchair", "an aeroplane in the sky"])
    assert alike[0] @ alike[1] > alike[0] @ alike[2] + 0.1


@pytest.mark.parametrize("name", SENTENCE_ENCODERS)
def test_a_text_beyond_256_tokens_is_cut(sentences_encoders: dict[str, SentenceEncoder], name: str) -> None:
    encoder = sentences_encoders[name]
    long = " ".join(["chair"] * 400)
    first, second, short = encoder.encode_texts([long + " lamp", long + " aeroplane", "chair lamp"])
    assert np.array_equal(first, second) and np.abs(first - short).max() > 1e-3
    assert np.isfinite(encoder.encode_texts(["q" * 100_000, "椅" * 3000])).all()


@pytest.mark.parametrize("name", SENTENCE_ENCODERS)
@pytest.mark.parametrize("text", ["", " \n", "\u200b", "&nbsp;", "\ud800"])
def test_empty_texts_are_refused_with_their_position(
    sentences_encoders: dict[str, SentenceEncoder], name: str, text: str
) -> None:
    with pytest.raises(BadText, match="text 1 of 2"):
        sentences_encoders[name].encode_texts(["a", text])


@pytest.mark.parametrize("name", SENTENCE_ENCODERS)
@given(text=st.text(min_size=1, max_size=40).filter(lambda text: not is_unusable(text)))
@settings(max_examples=60)
def test_any_text_in_any_script_has_a_unit_vector(
    sentences_encoders: dict[str, SentenceEncoder], name: str, text: str
) -> None:
    features = sentences_encoders[name].encode_texts([text, "椅子", "стул", "𓀀", "\u0301", "."])
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)

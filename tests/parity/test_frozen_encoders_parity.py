"""Pre-trained encoders beside the models that their authors released.

``known_sentence_embeddings.json`` holds embeddings computed once by the authors' libraries; ``made_by`` says how.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

from concord3d.features.frozen_encoders import SENTENCE_ENCODERS, open_picture_encoder, open_sentence_encoder
from concord3d.features.packaged_weights import PACKAGED, find_packaged_file

KNOWN = Path(__file__).with_name("known_sentence_embeddings.json")


@pytest.mark.parametrize("size", [32, 64, 97, 224])
def test_pictures_are_encoded_as_by_the_model_of_the_package(size: int) -> None:
    images = np.random.default_rng(size).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    model = EfficientNet.from_name("efficientnet-lite0", image_size=size)
    path = find_packaged_file(PACKAGED["efficientnet_lite0"], "weights")
    model.load_state_dict(torch.load(path, weights_only=True))
    with torch.no_grad():
        pixels = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - 0.498) / 0.502
        expected = model.eval().extract_features(pixels).mean((2, 3)).numpy()
    found = open_picture_encoder("efficientnet_lite0", size, "cpu").encode_images(images)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("name", SENTENCE_ENCODERS)
def test_sentences_are_encoded_as_by_the_library_of_their_authors(name: str) -> None:
    known = json.loads(KNOWN.read_text())[name]
    expected = np.array(known["embeddings"], np.float32)
    assert len(expected) == len(known["texts"]) == 8
    np.testing.assert_allclose(open_sentence_encoder(name, "cpu").encode_texts(known["texts"]), expected, atol=1e-5)

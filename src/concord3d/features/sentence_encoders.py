"""Frozen encoders of sentences: a small BERT, and the mean of static token vectors.

Shape legend: B sentences, L tokens of the longest, D feature width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from concord3d.errors import CheckpointCorrupt, DependencyMissing
from concord3d.features.converted_weights import read_released_tensors
from concord3d.features.frozen_encoders import SentenceEncoder
from concord3d.features.open_clip_adapter import resolve_device
from concord3d.features.packaged_weights import PACKAGED, find_packaged_file
from concord3d.features.tower import check_texts
from concord3d.models.sentence_bert import SentenceBert, from_names_of_bert
from concord3d.models.weights import load_matching

BATCH = 64
MAX_TOKENS = 256
_MINILM_DEPTH = 6


class Tokens:
    """A tokenizer of the ``tokenizers`` library that reads the beginning of each text.

    Args:
        path: Its file, in the library's JSON form.
        with_special: Whether marks of beginning and end are added; they count.

    Raises:
        CheckpointCorrupt: The library cannot read the file.
        DependencyMissing: The library is not installed.
    """

    def __init__(self, path: Path, with_special: bool) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise DependencyMissing(
                "tokenizers cannot be imported", found=error, next_step="pip install tokenizers"
            ) from error
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises plain Exception
            raise CheckpointCorrupt("Cannot read a tokenizer", where=path, found=error) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._with_special = with_special

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, at most ``MAX_TOKENS``.

        Raises:
            BadText: A text holds nothing to read.
        """
        check_texts(texts)
        # Text by text: the library's own batches start threads that outlive the call and forbid forks.
        return [self._tokenizer.encode(text, add_special_tokens=self._with_special).ids for text in texts]


class MiniLM:
    """all-MiniLM-L6-v2: a BERT of six layers.

    Args:
        module: The model with its weights.
        tokens: Its tokenizer.
        identity: What decides the features.
        device: Where to compute.
    """

    def __init__(self, module: SentenceBert, tokens: Tokens, identity: dict[str, Any], device: torch.device) -> None:
        self._module = module.to(device).eval().requires_grad_(False)
        self._tokens, self._device = tokens, device
        self.identity, self.dim = identity, module.word_embedding.embedding_dim

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (B, D) unit vectors; of a text longer than 256 tokens only the beginning is read.

        Raises:
            BadText: A text holds nothing to read.
        """
        ids = self._tokens(texts)
        features = np.empty((len(ids), self.dim), np.float32)
        # Neighbours of similar length, so that little is filled up.
        by_length = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        for start in range(0, len(ids), BATCH):
            rows = by_length[start : start + BATCH]
            tokens, is_real = _filled_up([ids[row] for row in rows])
            features[rows] = self._module(tokens.to(self._device), is_real.to(self._device)).cpu().numpy()
        return features


def _filled_up(ids: list[list[int]]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(tokens) for tokens in ids])
    is_real = torch.arange(int(lengths.max())) < lengths[:, None]
    filled = torch.zeros(is_real.shape, dtype=torch.int64)
    filled[is_real] = torch.tensor([token for tokens in ids for token in tokens])
    return filled, is_real


class WordLlama:
    """The mean of static token vectors, brought to unit length.

    Args:
        vectors: (vocabulary, D) float32.
        tokens: Its tokenizer.
        identity: What decides the features.
    """

    def __init__(self, vectors: NDArray[np.float32], tokens: Tokens, identity: dict[str, Any]) -> None:
        self._vectors, self._tokens = vectors, tokens
        self.identity, self.dim = identity, int(vectors.shape[1])

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (B, D) unit vectors; of a text longer than 256 tokens only the beginning is read.

        Raises:
            BadText: A text holds nothing to read.
        """
        features = np.empty((len(texts), self.dim), np.float32)
        for row, ids in enumerate(self._tokens(texts)):
            features[row] = self._vectors[ids].mean(axis=0)
        return features / np.linalg.norm(features, axis=1, keepdims=True)


def identity_of(name: str) -> dict[str, Any]:
    """Return everything that decides an encoder's features, as plain JSON.

    Args:
        name: The encoder.
    """
    files = PACKAGED[name].files
    return {
        "architecture": {"name": name, "feature": "mean over tokens, unit length", "max_tokens": MAX_TOKENS},
        "tokenizer_sha256": files["tokenizer"].sha256,
        "weights_sha256": files["weights"].sha256,
        "precision": "fp32",
    }


def open_encoder(name: str, device: str, weights_folder: Path | None) -> SentenceEncoder:
    """Build an encoder; see :func:`concord3d.features.frozen_encoders.open_sentence_encoder`."""
    target = resolve_device(device)
    release = PACKAGED[name]
    weights = find_packaged_file(release, "weights", weights_folder)
    is_bert = name == "all_minilm_l6_v2"
    tokens = Tokens(find_packaged_file(release, "tokenizer", weights_folder), with_special=is_bert)
    tensors = read_released_tensors(weights, release.files["weights"].sha256, None)
    if not is_bert:
        return WordLlama(tensors["embedding.weight"].float().numpy(), tokens, identity_of(name))
    module = SentenceBert(depth=_MINILM_DEPTH)
    load_matching(module, from_names_of_bert(tensors, _MINILM_DEPTH))
    return MiniLM(module, tokens, identity_of(name), target)

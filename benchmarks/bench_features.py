"""Speed of towers and of the feature store. Run: ``pytest benchmarks/bench_features.py``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from concord3d.batches.pictures import PictureData
from concord3d.data.stores.objects import ShapeTexts
from concord3d.features.cache import image_features
from concord3d.features.frozen_encoders import SENTENCE_ENCODERS, open_picture_encoder, open_sentence_encoder
from concord3d.features.open_clip_adapter import OpenClipTower, build_clip, preprocess_of
from concord3d.features.pairs import Pairs, PicturedObjects
from concord3d.features.preprocess import Preprocess
from concord3d.methods.clip.method import build
from concord3d.methods.clip.settings import ClipSettings
from concord3d.methods.interface import Context

Benchmark = Callable[..., Any]
TOWERS = Path(__file__).parents[1] / "config" / "towers"
CONFIGS = ("concord_tiny", "concord_small")


def tower(name: str) -> OpenClipTower:
    torch.manual_seed(0)
    return OpenClipTower(build_clip(str(TOWERS / f"{name}.json")), "0" * 64, torch.device("cpu"))


def pictures(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


@pytest.mark.benchmark(group="encode 256 pictures")
@pytest.mark.parametrize("name", CONFIGS)
def test_encode_images(benchmark: Benchmark, name: str) -> None:
    encoder = tower(name)
    benchmark(encoder.encode_images, pictures(256, encoder.image_size))


@pytest.mark.benchmark(group="encode 256 texts")
@pytest.mark.parametrize("name", CONFIGS)
def test_encode_texts(benchmark: Benchmark, name: str) -> None:
    texts = [f"a tall, wide red chair number {number}; parts: seat, back, four legs" for number in range(256)]
    benchmark(tower(name).encode_texts, texts)


@pytest.mark.benchmark(group="encode 32 pictures of 160 px, pre-trained")
@pytest.mark.parametrize("size", [128, 224])
def test_encode_images_pre_trained(benchmark: Benchmark, size: int) -> None:
    encoder = open_picture_encoder("efficientnet_lite0", size, "cpu")
    benchmark.pedantic(encoder.encode_images, (pictures(32, 160),), rounds=5, warmup_rounds=1)
    benchmark.extra_info["pictures"] = 32


@pytest.mark.benchmark(group="encode 256 texts, pre-trained")
@pytest.mark.parametrize("name", SENTENCE_ENCODERS)
def test_encode_texts_pre_trained(benchmark: Benchmark, name: str) -> None:
    texts = [f"a tall, wide red chair number {number}; parts: seat, back, four legs" for number in range(256)]
    encoder = open_sentence_encoder(name, "cpu")
    benchmark.pedantic(encoder.encode_texts, (texts,), rounds=5, warmup_rounds=1)
    benchmark.extra_info["texts"] = 256


@pytest.mark.benchmark(group="preprocess 64 pictures of 96 px to 64 px")
def test_preprocess(benchmark: Benchmark) -> None:
    own, images = Preprocess(64, (0.5,) * 3, (0.5,) * 3), torch.from_numpy(pictures(64, 96))
    benchmark(lambda: own.normalize(own.resize(images).float() / 255))


@pytest.mark.benchmark(group="preprocess 64 pictures of 96 px to 64 px")
def test_preprocess_image_by_image(benchmark: Benchmark) -> None:
    transform = open_clip.image_transform(64, is_train=False, mean=(0.5,) * 3, std=(0.5,) * 3)
    images = pictures(64, 96)
    benchmark(lambda: torch.stack([transform(Image.fromarray(image)) for image in images]))


@pytest.mark.benchmark(group="features of 40 objects of 12 views")
@pytest.mark.parametrize("stored", [False, True])
def test_store(benchmark: Benchmark, tmp_path: Path, stored: bool) -> None:
    encoder = tower("concord_tiny")
    images = pictures(480, 32).reshape(40, 12, 32, 32, 3)
    image_features([images], ["a"], encoder, tmp_path / "store", tmp_path / "index.json")
    rounds = iter(range(1000))

    def once() -> None:
        digest = "a" if stored else f"new {next(rounds)}"
        image_features([images], [digest], encoder, tmp_path / "store", tmp_path / "index.json")

    benchmark.pedantic(once, rounds=3, warmup_rounds=1)
    benchmark.extra_info["pictures"] = 480


class Noise:
    """128 objects with one picture of noise each."""

    num_objects, num_views = 128, 1

    def __init__(self, size: int) -> None:
        self.pixels = pictures(128, size)

    def read(self, object_index: np.ndarray, view_index: np.ndarray) -> np.ndarray:
        return self.pixels[object_index][:, None]


@pytest.mark.benchmark(group="one step of a tower's training, 128 pairs")
@pytest.mark.parametrize("name", CONFIGS)
def test_training_step(benchmark: Benchmark, name: str) -> None:
    torch.manual_seed(0)
    model = str(TOWERS / f"{name}.json")
    preprocess = preprocess_of(model)
    texts = tuple(ShapeTexts("chair", (f"a red chair number {n}; parts: seat, back",)) for n in range(128))
    views = {"clean": Noise(preprocess.size)}
    pairs = Pairs([PicturedObjects("noise", views, texts, np.zeros(128, np.int64), ("chair",))], preprocess)
    data = PictureData(pairs)
    settings = ClipSettings(min_image_to_text_r1=None, min_zero_shot_top1=None)
    method = build(settings, Context({"model": model}, {}, data, np.arange(2)))
    optimizer = torch.optim.AdamW(method.parameters(), fused=True)
    batch = data.read(np.arange(128), torch.Generator().manual_seed(0))

    def step() -> None:
        optimizer.zero_grad()
        method.loss(batch, torch.Generator().manual_seed(0)).total.backward()
        optimizer.step()

    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
    benchmark.extra_info["pairs"] = 128

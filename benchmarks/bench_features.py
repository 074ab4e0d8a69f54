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

from concord3d.data.stores.objects import ShapeTexts
from concord3d.features.cache import image_features
from concord3d.features.open_clip_adapter import OpenClipTower, build_clip
from concord3d.features.pairs import Pairs, PicturedObjects
from concord3d.features.preprocess import Preprocess
from concord3d.methods.interface import Batch, parse_settings
from concord3d.training.tower import ClipTraining, TowerSettings

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
    parts = build_clip(str(TOWERS / f"{name}.json"))
    texts = tuple(ShapeTexts("chair", (f"a red chair number {n}; parts: seat, back",)) for n in range(128))
    views = {"clean": Noise(parts.preprocess.size)}
    pairs = Pairs([PicturedObjects("noise", views, texts, np.zeros(128, np.int64), ("chair",))], parts.preprocess)
    needed = {"epochs": 1, "batch_size": 128, "min_image_to_text_r1": None, "min_zero_shot_top1": None}
    method = ClipTraining(parts, pairs, parse_settings(TowerSettings, needed, "tower"))
    optimizer = torch.optim.AdamW(method.parameters(), fused=True)
    index = np.arange(128)
    seen = torch.from_numpy(pairs.read(index, np.zeros((128, 1), np.int64)))

    def step() -> None:
        generator = torch.Generator().manual_seed(0)
        optimizer.zero_grad()
        batch = Batch(torch.zeros(128, 1, 3), seen, torch.from_numpy(index), generator)
        method.training_loss(batch).total.backward()
        optimizer.step()

    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
    benchmark.extra_info["pairs"] = 128

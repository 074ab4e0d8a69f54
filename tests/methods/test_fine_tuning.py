"""A fine-tuning run under the common loop: its rates, its units, and a crash after which it goes on to the same end."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concord3d.batches.objects import ObjectData
from concord3d.errors import ConfigError
from concord3d.methods.interface import EarlierTraining, saved_module
from concord3d.training.files import TrainingFolder
from concord3d.training.loop import Loop
from concord3d.training.schedule import learning_rate
from concord3d.training.task import TrainingTask
from concord3d.training.train import train

NUM_SHAPES, EPOCHS = 26, 4
ENCODER = {"name": "pointnet"}
RECIPE = {
    "epochs": EPOCHS,
    "batch_size": 8,
    "optimizer": "sgd",
    "momentum": 0.8,
    "learning_rate": 0.1,
    "final_learning_rate": 1e-3,
    "schedule": "cosine_end_of_epoch",
    "weight_decay": 1e-4,
    "num_held_out": 0,
    "num_snapshots": 2,
    "checkpoint_every_s": 0,
    "threads": 1,
}


class Crash(Exception):
    """Ends a training in the middle."""


def run_of(method: str, objective: dict[str, Any], training: dict[str, Any]) -> dict[str, Any]:
    return {
        "paper": "p", "experiment": method, "seed": 3, "scale": "smoke", "method": method, "encoder": ENCODER,
        "objective": objective, "data": {"num_points": 12}, "training": training,
    }  # fmt: skip


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> EarlierTraining:
    """An earlier training."""
    folder = tmp_path_factory.mktemp("first")
    run = {**run_of("random_init", {}, {"epochs": 1, "batch_size": 2, "threads": 1}), "seed": 8}
    train(TrainingTask(run, None, folder / "work", folder / "out", device="cpu", progress=False))
    return EarlierTraining(run, {"point": TrainingFolder(folder / "out").weights("point")})


def fine_tuned(folder: Path, first: EarlierTraining, **training: Any) -> TrainingFolder:
    labels = np.arange(NUM_SHAPES) % 3
    points = np.random.default_rng(0).normal(size=(NUM_SHAPES, 20, 3)) * np.where(np.eye(3)[labels] > 0, 3, 1)[:, None]
    data = ObjectData(points.astype(np.float32), labels=labels)
    run = run_of("supervised", {"start": "earlier", "points": "first"}, {**RECIPE, **training})
    train(TrainingTask(run, data, folder / "work", folder / "out", {"init": first}, device="cpu", progress=False))
    return TrainingFolder(folder / "out")


def history(files: TrainingFolder) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(files.history.read_text())
    return content


def test_every_epoch_has_the_rate_of_the_published_recipe() -> None:
    for epoch in range(250):
        rate = learning_rate("cosine_end_of_epoch", 0.1, 7 * epoch + 3, 7, 250, final=1e-3)
        assert rate == pytest.approx(1e-3 + (0.1 - 1e-3) * 0.5 * (1 + math.cos(math.pi * epoch / 250)), rel=1e-14)


@pytest.mark.parametrize("schedule", ["cosine", "cosine_end_of_epoch", "cosine_start_of_epoch", "warmup_cosine"])
def test_every_cosine_falls_towards_the_final_rate(schedule: Any) -> None:
    rates = [learning_rate(schedule, 0.1, step, 5, 400, final=0.02) for step in range(2000)]
    assert rates[0] == pytest.approx(0.1, rel=1e-4) and rates[-1] == pytest.approx(0.02, rel=1e-4)
    assert rates[1000] == pytest.approx(0.06, rel=1e-2) and min(rates) >= 0.02


def test_it_trains_on_every_unit_and_keeps_what_is_evaluated(tmp_path: Path, first: EarlierTraining) -> None:
    files = fine_tuned(tmp_path, first)
    told = history(files)
    assert (told["num_train"], told["num_held_out"], told["num_steps"]) == (NUM_SHAPES, 0, 3 * EPOCHS)
    rates = [entry["learning_rate"] for entry in told["history"]]
    assert rates[0] == 0.1 and rates[2] == pytest.approx((0.1 + 1e-3) / 2) and 1e-3 < rates[3] < rates[2]
    for module in ("point", "classifier"):
        kept = sorted(path.name for path in (files.snapshots / module).iterdir())
        assert kept == ["epoch_0002.safetensors", "epoch_0004.safetensors"]
        assert files.snapshot(module, 4).read_bytes() == files.weights(module).read_bytes()
    before, after = (
        first.module(),
        saved_module({"method": "supervised", "encoder": ENCODER}, "point", files.weights("point")),
    )
    moved = [
        float((one - two).detach().abs().max())
        for one, two in zip(before.parameters(), after.parameters(), strict=True)
    ]
    assert 0 < max(moved) < 0.5


@pytest.mark.parametrize("step", [1, 5, 11])
def test_after_a_crash_the_same_call_gives_the_same_bytes(
    tmp_path: Path, first: EarlierTraining, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    whole, original, taken = fine_tuned(tmp_path / "whole", first), Loop._step, []

    def failing(self: Loop, number: int, *rest: Any) -> Any:
        taken.append(number)
        if number == step and taken.count(number) == 1:
            raise Crash
        return original(self, number, *rest)

    monkeypatch.setattr(Loop, "_step", failing)
    with pytest.raises(Crash):
        fine_tuned(tmp_path / "crashed", first)
    resumed = fine_tuned(tmp_path / "crashed", first)
    assert taken == [*range(step + 1), *range(step, 3 * EPOCHS)]
    for file in ("train.json", "weights/point.safetensors", "weights/classifier.safetensors"):
        assert (resumed.folder / file).read_bytes() == (whole.folder / file).read_bytes()
    for file in whole.snapshots.rglob("*.safetensors"):
        assert (resumed.snapshots / file.relative_to(whole.snapshots)).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("change", [{"momentum": 0.5}, {"final_learning_rate": 0.05}, {"num_held_out": 2}])
def test_every_setting_of_the_recipe_counts(tmp_path: Path, first: EarlierTraining, change: dict[str, Any]) -> None:
    changed = history(fine_tuned(tmp_path / "changed", first, **change))
    assert changed["history"][-1]["loss"] != history(fine_tuned(tmp_path / "whole", first))["history"][-1]["loss"]
    assert changed["num_held_out"] == change.get("num_held_out", 0)
    assert ("held_out" in changed["history"][-1]) and bool(changed["history"][-1]["held_out"]) == (
        "num_held_out" in change
    )


def test_nothing_is_left_where_all_are_held_out(tmp_path: Path, first: EarlierTraining) -> None:
    with pytest.raises(ConfigError, match="fewer training clouds"):
        fine_tuned(tmp_path, first, num_held_out=NUM_SHAPES)

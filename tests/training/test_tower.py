"""Training of a tower: it learns, it is the same every time, and a killed one goes on exactly."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from concord3d.training.tower import TowerRun, TowerSettings, train_tower
from numpy.typing import NDArray
from safetensors.torch import load_file

from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError, DiskFull, NonFiniteLoss, ResumeMismatch
from concord3d.features.open_clip_adapter import open_tower
from concord3d.features.pairs import PicturedObjects
from concord3d.features.tower import TowerMismatch, TowerSpec
from concord3d.methods.interface import parse_settings
from concord3d.training import loop as loop_module
from concord3d.training import tower as tower_module

NUM_OBJECTS, NUM_CLASSES = 60, 3
NAMES = ("red_box", "green_ball", "blue_cone")
MODEL_CFG: dict[str, Any] = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 8, "patch_size": 4, "width": 16, "layers": 1, "head_width": 8},
    "text_cfg": {"context_length": 10, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
}
FILES = ("model.safetensors", "tower.json", "gate.json", "open_clip_config.json")


class Coloured:
    """One colour channel per class, with noise, and a memory of which objects were read."""

    num_objects, num_views = NUM_OBJECTS, 4

    def __init__(self, seed: int = 0) -> None:
        noise = np.random.default_rng(seed).integers(0, 90, (NUM_OBJECTS, self.num_views, 8, 8, 3))
        noise[np.arange(NUM_OBJECTS), ..., np.arange(NUM_OBJECTS) % NUM_CLASSES] += 150
        self.pixels = noise.astype(np.uint8)
        self.seen: list[int] = []

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.uint8]:
        self.seen += object_index.tolist()
        return self.pixels[object_index[:, None], view_index]


def coloured_objects(**options: Any) -> PicturedObjects:
    labels = np.arange(NUM_OBJECTS) % NUM_CLASSES
    words = [NAMES[label].replace("_", " ") for label in labels]
    texts = tuple(ShapeTexts(word, (f"the {word} number {n % 7}",), ("best price",)) for n, word in enumerate(words))
    fields = {"name": "colours", "views": {"clean": Coloured()}, "texts": texts, "labels": labels, "class_names": NAMES}
    return PicturedObjects(**{**fields, **options})


def tower_run(folder: Path, changes: dict[str, Any] | None = None, **options: Any) -> TowerRun:
    settings: dict[str, Any] = {"epochs": 3, "batch_size": 18, "learning_rate": 0.01, "checkpoint_every_s": 0}
    settings |= {"num_snapshots": 1, "warmup_epochs": 0.5, "min_image_to_text_r1": None, "min_zero_shot_top1": None}
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "micro.json"
    model.write_text(json.dumps({"model_cfg": MODEL_CFG}))
    fields = {"model": str(model), "objects": [coloured_objects()], "seed": 5, "device": "cpu", "progress": False}
    fields |= {"work_dir": folder / "work", "out_dir": folder / "out"}
    return TowerRun(
        **{**fields, "settings": parse_settings(TowerSettings, settings | (changes or {}), "tower"), **options}
    )


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Crash(Exception):
    pass


def crash_at(monkeypatch: pytest.MonkeyPatch, step: int, error: Exception) -> None:
    original = loop_module.Loop._step

    def failing(self: loop_module.Loop, number: int, *rest: object) -> object:
        if number == step:
            raise error
        return original(self, number, *rest)

    monkeypatch.setattr(loop_module.Loop, "_step", failing)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    train_tower(tower_run(folder))
    return folder / "out"


def test_a_run_writes_a_tower_that_opens_with_its_identity_and_record(whole: Path) -> None:
    record = json.loads((whole / "tower.json").read_text())
    machine = json.loads((whole / "run.json").read_text())
    tower = open_tower(TowerSpec(str(whole / "open_clip_config.json"), str(whole / "model.safetensors")), "cpu")
    assert tower.identity == record["identity"]
    assert (record["num_train"], record["num_held_out"], record["num_steps"]) == (54, 6, 9)
    assert [entry["epoch"] for entry in record["history"]] == [1, 2, 3]
    assert record["history"][-1]["held_out"]["image_to_text_r1"] >= 0
    assert machine["pairs_per_s"] > 0 and machine["resumed_count"] == 0 and machine["device"] == "cpu"
    assert list((whole.parent / "work").iterdir()) == []
    assert sorted(path.name for path in whole.iterdir()) == sorted([*FILES, "run.json"])


def test_the_weights_are_refused_under_another_configuration(whole: Path, tmp_path: Path) -> None:
    config = json.loads((whole / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["head_width"] = 16
    (tmp_path / "other.json").write_text(json.dumps(config))
    with pytest.raises(TowerMismatch, match="vision_cfg"):
        open_tower(TowerSpec(str(tmp_path / "other.json"), str(whole / "model.safetensors")), "cpu")


def test_two_runs_give_the_same_bytes_and_another_seed_does_not(whole: Path, tmp_path: Path) -> None:
    torch.manual_seed(99)
    train_tower(tower_run(tmp_path / "same", {"checkpoint_every_s": 0}))
    for name in FILES:
        assert (tmp_path / "same/out" / name).read_bytes() == (whole / name).read_bytes(), name
    train_tower(tower_run(tmp_path / "other", seed=6))
    first, second = (load_file(path / "model.safetensors") for path in (whole, tmp_path / "other/out"))
    assert any(not torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("step", [1, 4, 8])
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as patch:
        crash_at(patch, step, Crash())
        with pytest.raises(Crash):
            train_tower(tower_run(tmp_path))
    assert not (tmp_path / "out").exists()
    train_tower(tower_run(tmp_path))
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (whole / name).read_bytes(), name
    assert json.loads((tmp_path / "out/run.json").read_text())["resumed_from"] == [step]


def test_other_pictures_or_texts_under_the_same_settings_start_afresh_or_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        crash_at(patch, 2, Crash())
        with pytest.raises(Crash):
            train_tower(tower_run(tmp_path))
    (begun,) = (tmp_path / "work").iterdir()
    other = coloured_objects(views={"clean": Coloured(seed=1)})
    begun.rename(begun.with_name("moved"))
    with monkeypatch.context() as patch:
        crash_at(patch, 0, Crash())
        patch.setattr(tower_module.TrainRun, "config_hash", "moved")
        with pytest.raises(ResumeMismatch, match="pairs_sha256"):
            train_tower(tower_run(tmp_path, objects=[other]))


def test_it_learns_and_passes_its_gate(tmp_path: Path) -> None:
    settings = {"epochs": 80, "checkpoint_every_s": 1000, "min_image_to_text_r1": 20, "min_zero_shot_top1": 50}
    settings |= {"jitter": 0, "grayscale": 0}
    train_tower(tower_run(tmp_path, settings))
    record = json.loads((tmp_path / "out/tower.json").read_text())
    gate = json.loads((tmp_path / "out/gate.json").read_text())
    losses = [entry["contrastive"] for entry in record["history"]]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:2])
    zero_shot = next(m for m in gate["measures"] if (m["metric"], m["view_set"]) == ("zero_shot_top1", "all"))
    # Chance is a third; a model this small may confuse two of the three colours.
    assert zero_shot["value"] >= 60 and zero_shot["n_items"] == 24 and zero_shot["n_objects"] == 6
    assert gate["passed"] is True
    assert record["history"][0]["learning_rate"] > record["history"][-1]["learning_rate"]


def test_a_gate_that_is_not_passed_is_said_loudly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = tower_run(tmp_path, {"epochs": 1, "min_image_to_text_r1": 100, "min_zero_shot_top1": None})
    with caplog.at_level("INFO"):
        train_tower(run)
    gate = json.loads((tmp_path / "out/gate.json").read_text())
    assert gate["passed"] is False
    assert "THE GATE IS NOT PASSED: image_to_text_r1" in caplog.text
    assert (tmp_path / "out/model.safetensors").exists()


def test_held_out_objects_are_never_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = Coloured()
    monkeypatch.setattr(tower_module.Pairs, "identity", "fixed")
    monkeypatch.setattr(tower_module, "measure_gate", lambda *arguments: {"measures": []})
    monkeypatch.setattr(tower_module.ClipTraining, "held_out_metrics", lambda *arguments: {})
    monkeypatch.setattr(loop_module.Loop, "_held_out_metrics", lambda *arguments: {})
    run = tower_run(tmp_path, {"epochs": 2}, objects=[coloured_objects(views={"clean": views})])
    train_tower(run)
    held_out = set(loop_module.make_plan(_task_of(run)).index.tolist()) ^ set(range(NUM_OBJECTS))
    assert len(held_out) == 6 and not held_out & set(views.seen) and len(set(views.seen)) == 54


def _task_of(run: TowerRun) -> Any:
    parts = tower_module.build_clip(run.model)
    return tower_module._task(run, parts, tower_module.Pairs(run.objects, parts.preprocess))


def test_the_rate_warms_up_and_vectors_do_not_decay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    groups: list[dict[str, Any]] = []
    original = tower_module.TowerLoop.fit

    def fit(self: Any) -> None:
        groups.extend(self._optimizer.param_groups)
        rates.extend(self._learning_rate(step) for step in range(self.num_steps))
        original(self)

    monkeypatch.setattr(tower_module.TowerLoop, "fit", fit)
    train_tower(tower_run(tmp_path, {"epochs": 4, "warmup_epochs": 2, "weight_decay": 0.1}))
    assert len(rates) == 12 and rates[0] < rates[2] < rates[4] and rates[6] > rates[9] > rates[11] > 0
    decaying, free = groups
    assert decaying["weight_decay"] == 0.1 and free["weight_decay"] == 0
    assert min(p.ndim for p in decaying["params"]) == 2 and max(p.ndim for p in free["params"]) == 1
    total = sum(len(group["params"]) for group in groups)
    assert total == len(load_file(tmp_path / "out/model.safetensors"))


def test_a_loss_that_is_not_finite_stops_with_the_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = tower_module.ClipTraining.training_loss
    calls: list[int] = []

    def poisoned(self: Any, batch: Any) -> Any:
        calls.append(1)
        loss = original(self, batch)
        return loss._replace(total=loss.total * float("nan")) if len(calls) == 3 else loss

    monkeypatch.setattr(tower_module.ClipTraining, "training_loss", poisoned)
    with pytest.raises(NonFiniteLoss, match="at step 3"):
        train_tower(tower_run(tmp_path))
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_named_and_the_same_call_finishes(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if "ckpt_00000004.pt" in self.name:
            original(self, content[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(DiskFull, match="free some space"):
            train_tower(tower_run(tmp_path))
    train_tower(tower_run(tmp_path))
    assert (tmp_path / "out/model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_objects_without_text_are_counted_and_left_out(tmp_path: Path) -> None:
    objects = coloured_objects()
    texts = (ShapeTexts(), ShapeTexts(" ", ("",)), *objects.texts[2:])
    train_tower(tower_run(tmp_path, {"epochs": 1}, objects=[coloured_objects(texts=texts)]))
    record = json.loads((tmp_path / "out/tower.json").read_text())
    assert record["num_without_text"] == 2 and record["num_train"] + record["num_held_out"] == 58


def test_what_cannot_be_trained_or_measured_is_refused_at_the_start(tmp_path: Path) -> None:
    few = {"texts": (*coloured_objects().texts[:19], *[ShapeTexts()] * 41)}
    unlabelled = {"labels": np.full(NUM_OBJECTS, -1)}
    cases = [
        ({}, {"objects": [coloured_objects(**few)]}, "Too few objects"),
        ({"batch_size": 55}, {}, "fewer training shapes"),
        ({"min_zero_shot_top1": 50}, {"objects": [coloured_objects(**unlabelled)]}, "cannot be measured"),
        ({}, {"model": str(tmp_path / "absent.json")}, "absent.json"),
        ({}, {"objects": [coloured_objects(texts=(ShapeTexts(),) * NUM_OBJECTS)]}, "No object has a text"),
    ]
    for changes, options, message in cases:
        with pytest.raises(ConfigError, match=message):
            train_tower(tower_run(tmp_path, changes, **options))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="did you mean 'sentence_share'"):
        thresholds = {"min_image_to_text_r1": 10, "min_zero_shot_top1": None}
        parse_settings(TowerSettings, {"epochs": 1, "batch_size": 2, "sentence_shares": 0.1, **thresholds}, "tower")
    with pytest.raises(ConfigError, match="min_image_to_text_r1"):
        parse_settings(TowerSettings, {"epochs": 1, "batch_size": 2}, "tower")

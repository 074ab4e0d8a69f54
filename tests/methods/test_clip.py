"""Training of a CLIP: it learns, it is the same every time, and a killed one goes on exactly."""

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
from numpy.typing import NDArray
from safetensors.torch import load_file
from tests.training.interruption import ActionAt, Crash, crash, files_of, train_until

from concord3d.batches.pictures import PictureData
from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError, DiskFull, NonFiniteLoss, ResumeMismatch
from concord3d.features.open_clip_adapter import build_clip, preprocess_of
from concord3d.features.open_tower import open_tower
from concord3d.features.pairs import Pairs, PicturedObjects
from concord3d.features.tower import TowerMismatch, TowerSpec
from concord3d.methods.clip import method as clip_module
from concord3d.methods.clip.method import Clip
from concord3d.methods.clip.settings import ClipSettings
from concord3d.methods.settings import method_settings
from concord3d.training.files import TrainingFolder
from concord3d.training.loop import Loop
from concord3d.training.task import TrainingTask
from concord3d.training.train import train

NUM_OBJECTS, NUM_CLASSES = 60, 3
NAMES = ("red_box", "green_ball", "blue_cone")
MODEL_CFG: dict[str, Any] = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 8, "patch_size": 4, "width": 16, "layers": 1, "head_width": 8},
    "text_cfg": {"context_length": 10, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
}
FILES = {
    "weights/clip.safetensors",
    "snapshots/clip/epoch_0003.safetensors",
    "tower.json",
    "gate.json",
    "open_clip_config.json",
    "train.json",
}


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


def clip_task(
    folder: Path,
    training: dict[str, Any] | None = None,
    objective: dict[str, Any] | None = None,
    objects: PicturedObjects | None = None,
    model: str | None = None,
    seed: int = 5,
) -> TrainingTask:
    if model is None:
        folder.mkdir(parents=True, exist_ok=True)
        model = str(folder / "micro.json")
        Path(model).write_text(json.dumps({"model_cfg": MODEL_CFG}))
    run = {
        "method": "clip",
        "encoder": {"model": model},
        "objective": {"min_image_to_text_r1": None, "min_zero_shot_top1": None, **(objective or {})},
        "data": {},
        "training": {
            "epochs": 3,
            "batch_size": 18,
            "optimizer": "adamw",
            "learning_rate": 0.01,
            "weight_decay": 0.1,
            "schedule": "warmup_cosine",
            "warmup_epochs": 0.5,
            "num_snapshots": 1,
            "checkpoint_every_s": 0,
            "threads": 1,
            **(training or {}),
        },
        "seed": seed,
    }
    data = PictureData(Pairs([objects or coloured_objects()], preprocess_of(model)))
    return TrainingTask(run, data, folder / "work", folder / "out", device="cpu", progress=False)


def read(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return content


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder for the configuration of the model, which is part of what makes a training another one."""
    folder = tmp_path_factory.mktemp("model")
    path = folder / "micro.json"
    path.write_text(json.dumps({"model_cfg": MODEL_CFG}))
    yield path


@pytest.fixture(scope="module")
def whole(where: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    train(clip_task(folder, model=str(where)))
    return folder / "out"


def test_a_run_writes_a_tower_that_opens_with_its_identity_and_record(whole: Path) -> None:
    history, machine, facts = (read(whole, name) for name in ("train", "run", "tower"))
    weights = TrainingFolder(whole).weights("clip")
    tower = open_tower(TowerSpec(str(whole / "open_clip_config.json"), str(weights)), "cpu")
    assert tower.identity == facts["identity"]
    assert (facts["num_without_text"], facts["num_views"]) == (0, 4)
    assert (history["num_train"], history["num_held_out"], history["num_steps"]) == (54, 6, 9)
    assert [entry["epoch"] for entry in history["history"]] == [1, 2, 3]
    assert history["history"][-1]["held_out"]["image_to_text_r1"] >= 0
    assert machine["pairs_per_s"] > 0 and machine["resumed_count"] == 0 and machine["device"] == "cpu"
    assert list((whole.parent / "work").iterdir()) == []
    assert set(files_of(whole)) == FILES


def test_the_weights_are_refused_under_another_configuration(whole: Path, tmp_path: Path) -> None:
    config = read(whole, "open_clip_config")
    config["model_cfg"]["vision_cfg"]["head_width"] = 16
    (tmp_path / "other.json").write_text(json.dumps(config))
    with pytest.raises(TowerMismatch, match="vision_cfg"):
        open_tower(TowerSpec(str(tmp_path / "other.json"), str(TrainingFolder(whole).weights("clip"))), "cpu")


def test_two_runs_give_the_same_bytes_and_another_seed_does_not(whole: Path, where: Path, tmp_path: Path) -> None:
    torch.manual_seed(99)
    train(clip_task(tmp_path / "same", model=str(where)))
    assert files_of(tmp_path / "same/out") == files_of(whole)
    train(clip_task(tmp_path / "other", model=str(where), seed=6))
    first, second = (load_file(TrainingFolder(path).weights("clip")) for path in (whole, tmp_path / "other/out"))
    assert any(not torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("step", [1, 4, 8])
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(
    whole: Path, where: Path, tmp_path: Path, step: int
) -> None:
    train_until(clip_task(tmp_path, model=str(where)), step)
    train(clip_task(tmp_path, model=str(where)))
    assert files_of(tmp_path / "out") == files_of(whole)
    assert read(tmp_path / "out", "run")["resumed_from"] == [step]


def test_other_pictures_or_texts_under_the_same_settings_are_refused(tmp_path: Path) -> None:
    train_until(clip_task(tmp_path), 2)
    texts = coloured_objects().texts
    others = [
        coloured_objects(views={"clean": Coloured(seed=1)}),
        coloured_objects(texts=(ShapeTexts("something else"), *texts[1:])),
    ]
    for objects in others:
        with ActionAt(2), pytest.raises(ResumeMismatch, match="inputs"):
            train(clip_task(tmp_path, objects=objects))
    with ActionAt(2, crash), pytest.raises(Crash):
        train(clip_task(tmp_path))


def test_it_learns_and_passes_its_gate(tmp_path: Path) -> None:
    objective = {"min_image_to_text_r1": 20, "min_zero_shot_top1": 50, "jitter": 0, "grayscale": 0}
    train(clip_task(tmp_path, {"epochs": 80, "checkpoint_every_s": 1000}, objective))
    history, gate = read(tmp_path / "out", "train")["history"], read(tmp_path / "out", "gate")
    losses = [entry["contrastive"] for entry in history]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:2])
    zero_shot = next(m for m in gate["measures"] if (m["metric"], m["view_set"]) == ("zero_shot_top1", "all"))
    # Chance is a third; a model this small may confuse two of the three colours.
    assert zero_shot["value"] >= 60 and zero_shot["n_items"] == 24 and zero_shot["n_objects"] == 6
    assert gate["passed"] is True
    assert history[0]["learning_rate"] > history[-1]["learning_rate"]


def test_a_gate_that_is_not_passed_is_said_loudly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        train(clip_task(tmp_path, {"epochs": 1}, {"min_image_to_text_r1": 100}))
    assert read(tmp_path / "out", "gate")["passed"] is False
    assert "THE GATE IS NOT PASSED: image_to_text_r1" in caplog.text
    assert TrainingFolder(tmp_path / "out").weights("clip").exists()


def test_held_out_objects_are_never_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = Coloured()
    monkeypatch.setattr(Pairs, "identity", "fixed")
    monkeypatch.setattr(clip_module, "measure_gate", lambda *arguments: {"measures": []})
    monkeypatch.setattr(Loop, "_read_held_out", lambda *arguments: None)
    task = clip_task(tmp_path, {"epochs": 2}, objects=coloured_objects(views={"clean": views}))
    train(task)
    held_out = set(task.training_index().tolist()) ^ set(range(NUM_OBJECTS))
    assert len(held_out) == 6 and not held_out & set(views.seen) and len(set(views.seen)) == 54


def test_the_gate_is_measured_on_the_held_out_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []
    original = clip_module.measure_gate

    def recorded(*told: Any) -> Any:
        asked.append(told)
        return original(*told)

    monkeypatch.setattr(clip_module, "measure_gate", recorded)
    task = clip_task(tmp_path, {"epochs": 1}, {"min_image_to_text_r1": 3, "min_zero_shot_top1": 4})
    train(task)
    ((tower, pairs, held_out, thresholds),) = asked
    assert pairs is task.data.pairs and np.array_equal(held_out, task.held_out_index())
    assert thresholds == {"image_to_text_r1": 3, "zero_shot_top1": 4}
    assert tower.identity == read(tmp_path / "out", "tower")["identity"]


def test_the_rate_warms_up_and_vectors_do_not_decay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[list[float]] = []
    groups: list[dict[str, Any]] = []
    original = Loop._step

    def recorded(self: Loop, step: int, *rest: Any) -> Any:
        result = original(self, step, *rest)
        groups[:] = self._optimizer.param_groups
        rates.append([group["lr"] for group in groups])
        return result

    monkeypatch.setattr(Loop, "_step", recorded)
    train(clip_task(tmp_path, {"epochs": 4, "warmup_epochs": 2, "weight_decay": 0.1}))
    assert all(first == second for first, second in rates)
    rate = [first for first, _ in rates]
    assert len(rate) == 12 and rate[0] < rate[2] < rate[4] and rate[6] > rate[9] > rate[11] > 0
    decaying, free = groups
    assert decaying["weight_decay"] == 0.1 and free["weight_decay"] == 0
    assert min(p.ndim for p in decaying["params"]) == 2 and max(p.ndim for p in free["params"]) == 1
    total = sum(len(group["params"]) for group in groups)
    assert total == len(load_file(TrainingFolder(tmp_path / "out").weights("clip")))


def test_a_loss_that_is_not_finite_stops_with_the_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Clip.loss
    calls: list[int] = []

    def poisoned(self: Clip, *told: Any) -> Any:
        calls.append(1)
        loss = original(self, *told)
        return loss._replace(total=loss.total * float("nan")) if len(calls) == 3 else loss

    monkeypatch.setattr(Clip, "loss", poisoned)
    with pytest.raises(NonFiniteLoss, match=r"(?s)at step 3.*where: pairs \["):
        train(clip_task(tmp_path))
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_named_and_the_same_call_finishes(
    whole: Path, where: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
            train(clip_task(tmp_path, model=str(where)))
    train(clip_task(tmp_path, model=str(where)))
    assert files_of(tmp_path / "out") == files_of(whole)


def test_objects_without_text_are_counted_and_left_out(tmp_path: Path) -> None:
    texts = (ShapeTexts(), ShapeTexts(" ", ("",)), *coloured_objects().texts[2:])
    train(clip_task(tmp_path, {"epochs": 1}, objects=coloured_objects(texts=texts)))
    history = read(tmp_path / "out", "train")
    assert read(tmp_path / "out", "tower")["num_without_text"] == 2
    assert history["num_train"] + history["num_held_out"] == 58


def test_the_logarithm_of_the_scale_stays_in_its_range(tmp_path: Path) -> None:
    task = clip_task(tmp_path)
    parts = build_clip(task.run["encoder"]["model"])
    model = Clip(task.method_settings, parts, task.data.pairs, task.held_out_index())
    batch = task.units.read(np.arange(8), torch.Generator().manual_seed(0))
    for value, expected in ((9.0, 100.0), (-3.0, 1.0)):
        with torch.no_grad():
            model.clip.logit_scale.fill_(value)
        terms = model.loss(batch, torch.Generator().manual_seed(0)).terms
        assert terms["logit_scale"].item() == pytest.approx(expected, rel=1e-5)


def test_what_cannot_be_trained_or_measured_is_refused_at_the_start(tmp_path: Path) -> None:
    few = {"texts": (*coloured_objects().texts[:19], *[ShapeTexts()] * 41)}
    unlabelled = {"labels": np.full(NUM_OBJECTS, -1)}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"objects": coloured_objects(**few)}, "Too few objects"),
        ({"training": {"batch_size": 55}}, "fewer training pairs"),
        (
            {"objective": {"min_zero_shot_top1": 50}, "objects": coloured_objects(**unlabelled)},
            "cannot be measured",
        ),
    ]
    for options, message in cases:
        with pytest.raises(ConfigError, match=message):
            train(clip_task(tmp_path, **options))
    for options, message in (
        ({"model": str(tmp_path / "absent.json")}, r"absent\.json"),
        ({"objects": coloured_objects(texts=(ShapeTexts(),) * NUM_OBJECTS)}, "No object has a text"),
    ):
        with pytest.raises(ConfigError, match=message):
            clip_task(tmp_path, **options)
    assert not (tmp_path / "out").exists()


def test_settings_name_their_mistakes_and_both_thresholds_must_be_there() -> None:
    thresholds = {"min_image_to_text_r1": 10, "min_zero_shot_top1": None}
    assert isinstance(method_settings("clip", thresholds), ClipSettings)
    with pytest.raises(ConfigError, match="did you mean 'sentence_share'"):
        method_settings("clip", {"sentence_shares": 0.1, **thresholds})
    with pytest.raises(ConfigError, match=r"min_image_to_text_r1.*min_zero_shot_top1"):
        method_settings("clip", {})
    for wrong in ({"crop_scale_low": 0}, {"min_image_to_text_r1": 101}, {"flip": 1.5}, {"raw_share": 0}):
        with pytest.raises(ConfigError, match=f"'{next(iter(wrong))}'"):
            method_settings("clip", {**thresholds, **wrong})

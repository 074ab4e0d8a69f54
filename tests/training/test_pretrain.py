import json
import signal
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from concord3d.training.pretrain import pretrain
from concord3d.training.run import default_held_out
from safetensors.torch import load_file

from concord3d.errors import BadCloud, ConfigError, DatasetMissing, ResumeMismatch
from concord3d.methods import mm_point
from concord3d.training import loop as loop_module
from concord3d.training.checkpoint import TrainingInterrupted
from concord3d.training.loop import snapshot_epochs


class Crash(Exception):
    pass


def crash_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Make the training fail after the gradients of one step and before its update."""
    original = loop_module.Loop._step

    def failing(self: loop_module.Loop, number: int, *rest: object) -> object:
        if number == step:
            raise Crash
        return original(self, number, *rest)

    monkeypatch.setattr(loop_module.Loop, "_step", failing)


@pytest.fixture(scope="module")
def whole(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mm_point, "HIDDEN_3D", tiny.NARROW)
        pretrain(tiny.tiny_run(folder))
    return folder


def test_a_run_writes_an_encoder_snapshots_history_and_record(whole: Path) -> None:
    out = whole / "out"
    history = json.loads((out / "train.json").read_text())
    record = json.loads((out / "run.json").read_text())
    assert sorted(p.name for p in (out / "snapshots").iterdir()) == ["epoch_0002.safetensors", "epoch_0003.safetensors"]
    assert (out / "snapshots/epoch_0003.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()
    assert history["num_train"] == 40 and history["num_held_out"] == 4 and history["num_steps"] == 15
    assert [entry["epoch"] for entry in history["history"]] == [1, 2, 3]
    first = history["history"][0]
    assert first["loss"] == pytest.approx(first["intra"] + first["inter"], rel=1e-5)
    assert first["held_out"]["mi_num_objects"] == 4
    rates = [entry["learning_rate"] for entry in history["history"]]
    assert rates == sorted(rates, reverse=True) and rates[-1] > 0
    assert record["clouds_per_s"] > 0 and record["resumed_count"] == 0 and record["warnings"] == []
    assert list((whole / "work").iterdir()) == []


def test_two_runs_give_the_same_bytes_and_another_seed_does_not(tiny: ModuleType, tmp_path: Path) -> None:
    rarely = {"training.checkpoint_every_s": 1000, "training.epochs": 2}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        pretrain(tiny.tiny_run(tmp_path / name, {**rarely, "seed": seed}))
    for file in ("model.safetensors", "train.json", "snapshots/epoch_0002.safetensors"):
        assert (tmp_path / "a/out" / file).read_bytes() == (tmp_path / "b/out" / file).read_bytes()
    a, c = (load_file(tmp_path / name / "out/model.safetensors") for name in "ac")
    assert any(not torch.equal(a[key], c[key]) for key in a)


@pytest.mark.parametrize("step", [1, 5, 9])
def test_a_failed_and_resumed_run_equals_an_uninterrupted_one(
    tiny: ModuleType, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as patch:
        crash_at(patch, step)
        with pytest.raises(Crash):
            pretrain(tiny.tiny_run(tmp_path / "broken"))
    pretrain(tiny.tiny_run(tmp_path / "broken"))
    for file in ("model.safetensors", "train.json", "snapshots/epoch_0002.safetensors"):
        assert (tmp_path / "broken/out" / file).read_bytes() == (whole / "out" / file).read_bytes()
    assert json.loads((tmp_path / "broken/out/run.json").read_text())["resumed_from"] == [step]


def test_dropout_and_labels_resume_exactly_too(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"method": "supervised", "training.optimizer": "sgd", "training.epochs": 2}
    pretrain(tiny.tiny_run(tmp_path / "whole", changes))
    with monkeypatch.context() as patch:
        crash_at(patch, 3)
        with pytest.raises(Crash):
            pretrain(tiny.tiny_run(tmp_path / "broken", changes))
    torch.manual_seed(12345)
    pretrain(tiny.tiny_run(tmp_path / "broken", changes))
    whole, broken = (tmp_path / name / "out/model.safetensors" for name in ("whole", "broken"))
    assert whole.read_bytes() == broken.read_bytes()


def test_training_learns(tiny: ModuleType, tmp_path: Path) -> None:
    height, width = (np.ptp(tiny.tiny_points(), axis=1)[:, axis] for axis in (1, 0))
    labels = (height > width).astype(np.int64)
    changes = {"method": "supervised", "training.epochs": 15, "training.checkpoint_every_s": 1000}
    pretrain(tiny.tiny_run(tmp_path, changes, labels=labels))
    history = json.loads((tmp_path / "out/train.json").read_text())["history"]
    losses = [entry["loss"] for entry in history]
    assert sum(losses[-3:]) < 0.85 * sum(losses[:3])


def test_mixed_precision_trains_float32_weights(tiny: ModuleType, tmp_path: Path) -> None:
    changes = {
        "training.precision": "bf16-mixed",
        "training.epochs": 1,
        "training.checkpoint_every_s": 1000,
        "objective.views": 5,
    }
    pretrain(tiny.tiny_run(tmp_path, changes))
    weights = load_file(tmp_path / "out/model.safetensors")
    assert all(value.dtype in (torch.float32, torch.int64) for value in weights.values())
    history = json.loads((tmp_path / "out/train.json").read_text())["history"]
    assert 0 < history[0]["loss"] < 100


def test_held_out_shapes_are_never_read_for_training(tiny: ModuleType, tmp_path: Path) -> None:
    held_out = np.array([0, 7, 8, 41])
    run = tiny.tiny_run(tmp_path, {"training.drop_last": False, "training.epochs": 1}, held_out=held_out)
    seen: list[int] = []
    original = run.views.read
    run.views.read = lambda objects, views: seen.append(objects) or original(objects, views)
    pretrain(run)
    *training, evaluation = seen
    assert np.array_equal(evaluation, held_out)
    assert sorted(np.concatenate(training).tolist()) == sorted(set(range(44)) - set(held_out.tolist()))


def test_random_initialisation_needs_no_data_and_equals_the_start_of_training(tiny: ModuleType, tmp_path: Path) -> None:
    run = tiny.tiny_run(tmp_path / "random", {"method": "random_init"}, points=None, views=None, labels=None)
    pretrain(run)
    weights = load_file(tmp_path / "random/out/model.safetensors")
    start = tiny.tiny_run(tmp_path / "start", {"training.learning_rate": 1e-30, "training.epochs": 1})
    pretrain(start)
    trained = load_file(tmp_path / "start/out/model.safetensors")
    names = [name for name in weights if "running" not in name and "num_batches" not in name]
    assert names and all(float((weights[name] - trained[name]).abs().max()) < 1e-20 for name in names)
    assert [p.name for p in (tmp_path / "random/out/snapshots").iterdir()] == ["epoch_0000.safetensors"]


def test_bad_input_is_refused_before_anything_is_written(tiny: ModuleType, tmp_path: Path) -> None:
    broken = tiny.tiny_points()
    broken[3, 2, 1] = np.nan
    cases = [
        (BadCloud, {}, {"points": broken}),
        (BadCloud, {"data.num_points": 100}, {}),
        (ConfigError, {"training.batch_size": 41}, {}),
        (ConfigError, {"training.epoch": 3}, {}),
        (ConfigError, {"objective": {"views": 6}}, {}),
        (ConfigError, {}, {"labels": np.zeros(3, dtype=np.int64)}),
        (ConfigError, {}, {"held_out": np.array([44])}),
        (DatasetMissing, {}, {"points": None}),
    ]
    for kind, changes, options in cases:
        with pytest.raises(kind):
            pretrain(tiny.tiny_run(tmp_path, changes, **options))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="did you mean 'epochs'"):
        pretrain(tiny.tiny_run(tmp_path, {"training.epoch": 3}))


def test_a_signal_checkpoints_and_the_same_call_goes_on(tiny: ModuleType, tmp_path: Path) -> None:
    changes = {"training.checkpoint_every_s": 1000}
    pretrain(tiny.tiny_run(tmp_path / "whole", changes))
    views = tiny.ArrayViews(die_at_read=4, die_with=signal.SIGTERM)
    with pytest.raises(TrainingInterrupted, match="asked to stop") as caught:
        pretrain(tiny.tiny_run(tmp_path / "stopped", changes, views=views))
    assert caught.value.exit_code == 75
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    pretrain(tiny.tiny_run(tmp_path / "stopped", changes))
    stopped, whole = (tmp_path / name / "out/model.safetensors" for name in ("stopped", "whole"))
    assert stopped.read_bytes() == whole.read_bytes()


def test_other_pictures_do_not_go_on_from_a_checkpoint(tiny: ModuleType, tmp_path: Path) -> None:
    changes = {"training.checkpoint_every_s": 1000}
    with pytest.raises(TrainingInterrupted):
        pretrain(tiny.tiny_run(tmp_path, changes, views=tiny.ArrayViews(die_at_read=4, die_with=signal.SIGTERM)))
    drawn_again = tiny.ArrayViews()
    drawn_again.identity = "other pictures"
    with pytest.raises(ResumeMismatch, match="views"):
        pretrain(tiny.tiny_run(tmp_path, changes, views=drawn_again))


def test_it_runs_outside_the_main_thread(tiny: ModuleType, tmp_path: Path) -> None:
    thread = threading.Thread(target=pretrain, args=(tiny.tiny_run(tmp_path, {"training.epochs": 1}),))
    thread.start()
    thread.join()
    assert (tmp_path / "out/model.safetensors").exists()


@pytest.mark.parametrize(
    ("epochs", "snapshots", "expected"),
    [(10, 5, (2, 4, 6, 8, 10)), (3, 5, (1, 2, 3)), (7, 2, (4, 7)), (1, 1, (1,)), (100, 1, (100,))],
)
def test_snapshots_are_equally_spaced_and_end_with_the_last_epoch(
    epochs: int, snapshots: int, expected: tuple[int, ...]
) -> None:
    assert snapshot_epochs(epochs, snapshots) == expected


def test_default_held_out_is_small_fixed_and_distinct() -> None:
    index = default_held_out(9843)
    assert len(index) == len(set(index.tolist())) == 256
    assert np.array_equal(index, default_held_out(9843))
    assert len(default_held_out(44)) == 4 and len(default_held_out(5)) == 0

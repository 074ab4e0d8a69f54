"""One training, from its task to files."""

import json
import signal
import threading
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.training.interruption import ActionAt, files_of, train_until
from tests.training.made_up import WIDTH, Restoring, Vectors, made_up_task, register
from tests.training.tiny_training import ArrayViews, tiny_points, tiny_task
from torch import nn

from concord3d.errors import BadCloud, ConfigError, DatasetMissing, ResumeMismatch
from concord3d.methods.interface import LossTerms
from concord3d.methods.settings import MethodSettings
from concord3d.models.pointnet import PointNet
from concord3d.training import precision as training_precision
from concord3d.training.checkpoint import TrainingInterrupted
from concord3d.training.files import TrainingFolder
from concord3d.training.train import train

SUPERVISED = {"method": "supervised", "objective": {}}
POINT = "weights/point.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    train(tiny_task(folder))
    return folder


def test_a_run_writes_an_encoder_snapshots_history_and_record(whole: Path) -> None:
    out = TrainingFolder(whole / "out")
    history, record = (json.loads(path.read_text()) for path in (out.history, out.machine))
    assert set(files_of(out.folder)) == {
        POINT,
        "snapshots/point/epoch_0002.safetensors",
        "snapshots/point/epoch_0003.safetensors",
        "train.json",
    }
    assert out.snapshot("point", 3).samefile(out.weights("point"))
    assert out.snapshot("point", 2).read_bytes() != out.weights("point").read_bytes()
    assert history["num_train"] == 40 and history["num_held_out"] == 4 and history["num_steps"] == 15
    assert [entry["epoch"] for entry in history["history"]] == [1, 2, 3]
    assert history["snapshot_epochs"] == [2, 3]
    assert ["held_out" in entry for entry in history["history"]] == [True, True, True]
    first = history["history"][0]
    assert first["loss"] == pytest.approx(first["intra"] + first["inter"], rel=1e-5)
    assert first["held_out"]["information_num_objects"] == 4
    rates = [entry["learning_rate"] for entry in history["history"]]
    assert rates == sorted(rates, reverse=True) and rates[-1] > 0
    assert record["clouds_per_s"] > 0 and record["resumed_count"] == 0 and record["warnings"] == []
    assert record["earlier_cpu_s"] == 0
    assert list((whole / "work").iterdir()) == []


def test_two_runs_give_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    rarely = {"training.checkpoint_every_s": 1000, "training.epochs": 2}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(tiny_task(tmp_path / name, {**rarely, "seed": seed}))
    files = files_of(tmp_path / "a/out")
    assert len(files) == 4 and files == files_of(tmp_path / "b/out")
    a, c = (load_file(tmp_path / name / "out" / POINT) for name in "ac")
    assert any(not torch.equal(a[key], c[key]) for key in a)


@pytest.mark.parametrize("step", [1, 5, 9])
def test_a_failed_and_resumed_run_equals_an_uninterrupted_one(whole: Path, tmp_path: Path, step: int) -> None:
    train_until(tiny_task(tmp_path), step)
    train(tiny_task(tmp_path))
    assert files_of(tmp_path / "out") == files_of(whole / "out")
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["resumed_from"] == [step] and record["earlier_cpu_s"] > 0


def test_dropout_and_labels_resume_exactly_too(tmp_path: Path) -> None:
    changes = {**SUPERVISED, "training.optimizer": "sgd", "training.epochs": 2}
    train(tiny_task(tmp_path / "whole", changes))
    train_until(tiny_task(tmp_path / "broken", changes), 3)
    torch.manual_seed(12345)
    train(tiny_task(tmp_path / "broken", changes))
    assert files_of(tmp_path / "broken/out") == files_of(tmp_path / "whole/out")


def test_training_learns(tmp_path: Path) -> None:
    height, width = (np.ptp(tiny_points(), axis=1)[:, axis] for axis in (1, 0))
    labels = (height > width).astype(np.int64)
    changes = {
        **SUPERVISED,
        "objective.label_smoothing": 0.0,
        "training.epochs": 15,
        "training.checkpoint_every_s": 1000,
    }
    train(tiny_task(tmp_path, changes, labels=labels))
    history = json.loads((tmp_path / "out/train.json").read_text())["history"]
    losses = [entry["loss"] for entry in history]
    assert sum(losses[-3:]) < 0.85 * sum(losses[:3])


@pytest.mark.parametrize(
    ("precision", "has_products", "product"),
    [
        ("32-true", True, torch.float32),
        ("32-true", False, torch.float32),
        ("bf16-mixed", True, torch.bfloat16),
        ("bf16-mixed", False, torch.float32),
    ],
)
def test_a_precision_is_that_of_the_products_if_the_device_has_them_and_weights_stay_float32(
    tmp_path: Path, precision: str, has_products: bool, product: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_precision, "multiplies_bfloat16", lambda device: has_products)
    products: set[tuple[bool, torch.dtype]] = set()
    embed = PointNet.forward

    def watched(self: PointNet, points: torch.Tensor) -> torch.Tensor:
        first = self.linears[0](points)
        products.add((torch.is_grad_enabled(), first.dtype))
        return embed(self, points)

    monkeypatch.setattr(PointNet, "forward", watched)
    changes = {
        "training.precision": precision,
        "training.epochs": 1,
        "training.checkpoint_every_s": 1000,
        "objective.views": 5,
    }
    train(tiny_task(tmp_path, changes))
    weights = load_file(tmp_path / "out" / POINT)
    assert all(value.dtype in (torch.float32, torch.int64) for value in weights.values())
    history = json.loads((tmp_path / "out/train.json").read_text())["history"]
    assert 0 < history[0]["loss"] < 100
    assert products == {(True, product), (False, product)}, "in steps, and on what is held out"
    machine = json.loads((tmp_path / "out/run.json").read_text())
    used = "bf16-mixed" if product == torch.bfloat16 else "32-true"
    said = [] if used == precision else ["begun with precision 32-true: the device lacks bf16-mixed"]
    assert (machine["precision"], machine["warnings"]) == (used, said)


@pytest.mark.parametrize(("first", "then"), [(True, False), (False, True), (False, False)])
def test_a_record_says_that_a_training_moved_to_a_device_without_its_precision(
    tmp_path: Path, first: bool, then: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {True: "bf16-mixed", False: "32-true"}
    task = tiny_task(tmp_path, {"training.precision": "bf16-mixed"})
    monkeypatch.setattr(training_precision, "multiplies_bfloat16", lambda device: first)
    assert train_until(task, 3)
    monkeypatch.setattr(training_precision, "multiplies_bfloat16", lambda device: then)
    train(task)
    machine = json.loads((tmp_path / "out/run.json").read_text())
    begun = [] if first else ["begun with precision 32-true: the device lacks bf16-mixed"]
    moved = [f"begun with precision {names[first]}, resumed with {names[then]}"] if first != then else []
    assert (machine["precision"], machine["warnings"]) == (names[then], begun + moved)


def test_held_out_shapes_are_never_read_for_training(tmp_path: Path) -> None:
    held_out = np.array([0, 7, 8, 41])
    task = tiny_task(tmp_path, {"training.drop_last": False, "training.epochs": 1}, held_out=held_out)
    seen: list[np.ndarray] = []
    views = task.units.views
    original = views.read
    views.read = lambda objects, indices: seen.append(objects) or original(objects, indices)
    train(task)
    evaluation, *training = seen
    assert np.array_equal(evaluation, held_out)
    assert sorted(np.concatenate(training).tolist()) == sorted(set(range(44)) - set(held_out.tolist()))


def test_random_initialisation_needs_no_data_and_equals_the_start_of_training(tmp_path: Path) -> None:
    train(tiny_task(tmp_path / "random", {"method": "random_init", "objective": {}}, data=None))
    out = tmp_path / "random/out"
    assert set(files_of(out)) == {POINT, "snapshots/point/epoch_0000.safetensors", "train.json"}
    assert (out / "snapshots/point/epoch_0000.safetensors").samefile(out / POINT)
    weights = load_file(out / POINT)
    train(tiny_task(tmp_path / "start", {"training.learning_rate": 1e-30, "training.epochs": 1}))
    trained = load_file(tmp_path / "start/out" / POINT)
    names = [name for name in weights if "running" not in name and "num_batches" not in name]
    assert names and all(float((weights[name] - trained[name]).abs().max()) < 1e-20 for name in names)
    history, record = (json.loads((out / name).read_text()) for name in ("train.json", "run.json"))
    assert (history["num_steps"], history["history"], history["snapshot_epochs"]) == (0, [], [0])
    assert record["resumed_count"] == 0 and record["device"] == "cpu"


def test_bad_input_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    broken = tiny_points()
    broken[3, 2, 1] = np.nan
    cases = [
        (BadCloud, {}, {"points": broken}),
        (BadCloud, {"data.num_points": 100}, {}),
        (ConfigError, {"training.batch_size": 41}, {}),
        (ConfigError, {"training.epoch": 3}, {}),
        (ConfigError, {"objective": {"views": 6}}, {}),
        (ConfigError, {}, {"labels": np.zeros(3, dtype=np.int64)}),
        (ConfigError, {}, {"held_out": np.array([44])}),
        (ConfigError, {}, {"num_devices": 3}),
        (DatasetMissing, {}, {"data": None}),
    ]
    for kind, changes, options in cases:
        with pytest.raises(kind):
            train(tiny_task(tmp_path, changes, **options))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="did you mean 'epochs'"):
        train(tiny_task(tmp_path, {"training.epoch": 3}))


def test_a_gpu_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="No CUDA device is visible"):
        train(tiny_task(tmp_path, device="cuda"))


def test_a_signal_checkpoints_and_the_same_call_goes_on(tmp_path: Path) -> None:
    changes = {"training.checkpoint_every_s": 1000}
    train(tiny_task(tmp_path / "whole", changes))
    views = ArrayViews(die_at_read=5, die_with=signal.SIGTERM)
    with pytest.raises(TrainingInterrupted, match="asked to stop") as caught:
        train(tiny_task(tmp_path / "stopped", changes, views=views))
    assert caught.value.exit_code == 75
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    train(tiny_task(tmp_path / "stopped", changes))
    assert files_of(tmp_path / "stopped/out") == files_of(tmp_path / "whole/out")


def test_other_pictures_do_not_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    train_until(tiny_task(tmp_path), 2)
    drawn_again = ArrayViews()
    drawn_again.identity = "other pictures"
    with pytest.raises(ResumeMismatch, match="inputs"):
        train(tiny_task(tmp_path, views=drawn_again))


def test_it_runs_outside_the_main_thread(tmp_path: Path) -> None:
    thread = threading.Thread(target=train, args=(tiny_task(tmp_path, {"training.epochs": 1}),))
    thread.start()
    thread.join()
    assert (tmp_path / "out" / POINT).exists()


class SeveralSettings(MethodSettings):
    saved: ClassVar[tuple[str, ...]] = ("point", "image", "teacher.point")
    reports: ClassVar[tuple[str, ...]] = ("codes", "agreement")


class Several(Restoring):
    """A method with three saved modules and two reports."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.teacher = nn.Linear(WIDTH, 3), deepcopy(self.encoder).requires_grad_(False)

    def saved(self) -> dict[str, nn.Module]:
        return {"point": self.encoder, "image": self.image, "teacher.point": self.teacher}

    def loss(self, batch: Vectors, draw: torch.Generator) -> LossTerms:
        own = super().loss(batch, draw)
        return LossTerms(own.total + self.image(batch.values).square().mean(), own.terms)

    def reports(self, weights: Mapping[str, Path]) -> dict[str, Any]:
        states = {"training": self.training, "gradients": torch.is_grad_enabled()}
        return {"codes": {name: path.name for name, path in weights.items()}, "agreement": states}


def test_every_saved_module_has_a_weights_file_and_snapshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Several] = []
    register(monkeypatch, lambda settings, context: made.append(Several()) or made[-1], SeveralSettings)
    train(made_up_task(tmp_path, {"num_snapshots": 3}))
    out = TrainingFolder(tmp_path / "out")
    expected = {"train.json", "codes.json", "agreement.json"}
    for name, module in made[0].saved().items():
        for path in (out.weights(name), out.snapshot(name, 3)):
            stored = load_file(path)
            assert all(torch.equal(stored[key], value) for key, value in module.state_dict().items())
        expected |= {f"weights/{name}.safetensors"}
        expected |= {f"snapshots/{name}/epoch_000{epoch}.safetensors" for epoch in (1, 2, 3)}
    assert set(files_of(out.folder)) == expected
    snapshots = [load_file(out.snapshot("image", epoch))["weight"] for epoch in (1, 2, 3)]
    assert not torch.equal(snapshots[0], snapshots[1]) and not torch.equal(snapshots[1], snapshots[2])


def test_reports_are_json_files_made_in_evaluation_mode_without_gradients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, lambda settings, context: Several(), SeveralSettings)
    train(made_up_task(tmp_path))
    codes, agreement = (json.loads((tmp_path / f"out/{name}.json").read_text()) for name in ("codes", "agreement"))
    assert codes == {name: f"{name}.safetensors" for name in SeveralSettings.saved}
    assert agreement == {"training": False, "gradients": False}


class FewerSettings(MethodSettings):
    saved: ClassVar[tuple[str, ...]] = ("point", "image")
    reports: ClassVar[tuple[str, ...]] = ("codes", "agreement")


class OtherReports(MethodSettings):
    saved: ClassVar[tuple[str, ...]] = SeveralSettings.saved
    reports: ClassVar[tuple[str, ...]] = ("codes",)


class Untrained(FewerSettings):
    is_trained: ClassVar[bool] = False
    reads_data: ClassVar[bool] = False


@pytest.mark.parametrize("settings", [FewerSettings, Untrained])
def test_other_modules_than_the_settings_announce_are_refused_before_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: type[MethodSettings]
) -> None:
    register(monkeypatch, lambda *told: Several(), settings)
    with ActionAt(0), pytest.raises(TypeError, match=r"Several\.saved returned .*teacher\.point.*announce"):
        train(made_up_task(tmp_path))
    assert not (tmp_path / "out").exists()


def test_other_reports_than_the_settings_announce_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, lambda settings, context: Several(), OtherReports)
    with pytest.raises(TypeError, match=r"Several\.reports returned \['agreement', 'codes'\].*\['codes'\]"):
        train(made_up_task(tmp_path))


def test_what_is_no_method_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, lambda settings, context: nn.Linear(2, 2))
    with pytest.raises(TypeError, match="not a Method"):
        train(made_up_task(tmp_path))

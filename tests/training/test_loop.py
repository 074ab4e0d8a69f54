"""What the loop does for any method: teachers, codebooks, rates by layer, arrays of epochs, ragged and sharded data."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.training.interruption import Crash, crash, files_of, train_until
from tests.training.made_up import NUM_UNITS, WIDTH, Restoring, VectorData, Vectors, made_up_task, register
from torch import Tensor, nn
from torch.nn import functional

from concord3d.arrays import read_arrays
from concord3d.batches.interface import Batch, IntArray, shuffled
from concord3d.methods.interface import EarlierTraining, LossTerms, Method, ParameterGroup, Table
from concord3d.methods.settings import MethodSettings
from concord3d.training.files import TrainingFolder
from concord3d.training.loop import Loop
from concord3d.training.schedule import learning_rate
from concord3d.training.steps import steps_of
from concord3d.training.train import train

# 40 vectors in batches of 10, for three epochs.
NUM_STEPS = 12


class TeacherSettings(MethodSettings):
    saved: ClassVar[tuple[str, ...]] = ("point", "teacher")


class Averaging(Restoring):
    """A student whose teacher is the running average of itself; the teacher's features are targets."""

    def __init__(self) -> None:
        super().__init__()
        self.teacher = deepcopy(self.encoder).requires_grad_(False)

    def saved(self) -> dict[str, nn.Module]:
        return {"point": self.encoder, "teacher": self.teacher}

    def loss(self, batch: Vectors, draw: torch.Generator) -> LossTerms:
        own = super().loss(batch, draw)
        agreement = functional.mse_loss(self.encoder(batch.values), self.teacher(batch.values))
        return LossTerms(own.total + agreement, {**own.terms, "agreement": agreement.detach()})

    def after_step(self, step: int, num_steps: int) -> None:
        share = step / num_steps / 2
        for mean, new in zip(self.teacher.parameters(), self.encoder.parameters(), strict=True):
            mean.lerp_(new, share)


@pytest.fixture
def averaging(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, lambda settings, context: Averaging(), TeacherSettings)


def earlier(task: Any) -> EarlierTraining:
    folder = TrainingFolder(task.out_dir)
    return EarlierTraining(task.run, {name: folder.weights(name) for name in task.method_settings.saved})


@pytest.mark.usefixtures("averaging")
def test_a_teacher_is_the_average_of_the_student_after_every_step_and_can_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    students, start = [], []
    original = Averaging.after_step

    def recorded(self: Averaging, step: int, num_steps: int) -> None:
        if step == 1:
            start.extend(p.clone() for p in self.teacher.parameters())
        students.append([p.detach().clone() for p in self.encoder.parameters()])
        original(self, step, num_steps)

    monkeypatch.setattr(Averaging, "after_step", recorded)
    task = made_up_task(tmp_path)
    train(task)
    mean = start
    for step, student in enumerate(students, start=1):
        share = step / NUM_STEPS / 2
        mean = [torch.lerp(old, new, share) for old, new in zip(mean, student, strict=True)]
    assert len(students) == NUM_STEPS
    teacher, student = earlier(task).module("teacher"), earlier(task).module("point")
    assert all(torch.equal(a, b) for a, b in zip(teacher.parameters(), mean, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(student.parameters(), students[-1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(teacher.parameters(), student.parameters(), strict=True))


@pytest.mark.usefixtures("averaging")
def test_after_a_kill_at_any_step_the_teacher_is_bitwise_the_same(tmp_path: Path) -> None:
    train(made_up_task(tmp_path / "whole"))
    whole = files_of(tmp_path / "whole/out")
    assert {"weights/teacher.safetensors", "snapshots/teacher/epoch_0003.safetensors"} <= set(whole)
    for step in range(1, NUM_STEPS):
        train_until(made_up_task(tmp_path / str(step)), step)
        train(made_up_task(tmp_path / str(step)))
        assert files_of(tmp_path / str(step) / "out") == whole, step


@pytest.mark.usefixtures("averaging")
@pytest.mark.parametrize("step", [1, 4, 7, 12])
def test_after_a_kill_between_a_step_and_the_average_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    train(made_up_task(tmp_path / "whole"))
    original = Averaging.after_step

    def killed(self: Averaging, number: int, num_steps: int) -> None:
        if number == step:
            crash()
        original(self, number, num_steps)

    with monkeypatch.context() as patch:
        patch.setattr(Averaging, "after_step", killed)
        with pytest.raises(Crash):
            train(made_up_task(tmp_path / "broken"))
    train(made_up_task(tmp_path / "broken"))
    assert files_of(tmp_path / "broken/out") == files_of(tmp_path / "whole/out")


class Quantising(Restoring):
    """Features are drawn to the nearest of some codes, and the codes follow them."""

    codes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.randn(5, 3))
        self._seen = torch.zeros(0, 3)

    def saved(self) -> dict[str, nn.Module]:
        return {"point": self.encoder, "whole": self}

    def loss(self, batch: Vectors, draw: torch.Generator) -> LossTerms:
        own = super().loss(batch, draw)
        features = self.encoder(batch.values)
        self._seen = features.detach()
        nearest = self.codes[torch.cdist(self._seen, self.codes).argmin(dim=1)]
        return LossTerms(own.total + functional.mse_loss(features, nearest), own.terms)

    def after_step(self, step: int, num_steps: int) -> None:
        near = torch.cdist(self._seen, self.codes).argmin(dim=1)
        for code in near.unique():
            self.codes[code].lerp_(self._seen[near == code].mean(dim=0), 0.3)


class QuantisingSettings(MethodSettings):
    saved: ClassVar[tuple[str, ...]] = ("point", "whole")


def test_a_codebook_in_a_buffer_is_bitwise_the_same_after_a_kill_at_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Quantising] = []
    register(monkeypatch, lambda settings, context: made.append(Quantising()) or made[-1], QuantisingSettings)
    train(made_up_task(tmp_path / "whole"))
    (whole,) = made
    files = files_of(tmp_path / "whole/out")
    stored = TrainingFolder(tmp_path / "whole/out").weights("whole")
    assert torch.equal(load_file(stored)["codes"], whole.codes)
    for step in range(1, NUM_STEPS):
        train_until(made_up_task(tmp_path / str(step)), step)
        train(made_up_task(tmp_path / str(step)))
        assert torch.equal(made[-1].codes, whole.codes) and made[-1] is not whole
        assert files_of(tmp_path / str(step) / "out") == files, step


def test_gradients_are_off_after_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(Restoring, "after_step", lambda self, step, count: seen.append(torch.is_grad_enabled()))
    register(monkeypatch, lambda settings, context: Restoring())
    train(made_up_task(tmp_path))
    assert seen == [False] * NUM_STEPS


class Layered(Restoring):
    """Lower layers learn more slowly, vectors do not decay, one group is not to move at all."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.start = [parameter.detach().clone() for parameter in self.encoder.parameters()]

    def loss(self, batch: Vectors, draw: torch.Generator) -> LossTerms:
        features = self.encoder(batch.values) * self.scale
        loss = functional.mse_loss(self.decoder(features), batch.values)
        return LossTerms(loss, {})

    def parameter_groups(self) -> list[ParameterGroup]:
        layers = [self.encoder, self.decoder[1]]
        groups = []
        for depth, layer in enumerate(layers):
            rate = 0.5 ** (len(layers) - depth)
            groups.append(ParameterGroup([layer.weight], rate))
            groups.append(ParameterGroup([layer.bias], rate, weight_decay=0.0))
        return [*groups, ParameterGroup([self.scale], rate=0.0)]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_groups_have_their_factor_of_the_rate_and_their_decay_at_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    made: list[Layered] = []
    register(monkeypatch, lambda settings, context: made.append(Layered()) or made[-1])
    seen: dict[int, list[tuple[float, float]]] = {}
    original = Loop._step

    def recorded(self: Loop, step: int, *rest: Any) -> Any:
        result = original(self, step, *rest)
        seen[step] = [(group["lr"], group["weight_decay"]) for group in self._optimizer.param_groups]
        return result

    monkeypatch.setattr(Loop, "_step", recorded)
    changes = {"optimizer": optimizer, "schedule": "warmup_cosine", "warmup_epochs": 1, "weight_decay": 0.1}
    train_until(made_up_task(tmp_path, changes), 7)
    train(made_up_task(tmp_path, changes))
    for step in range(NUM_STEPS):
        rate = learning_rate("warmup_cosine", 0.05, step, 4, 3, 1)
        factors = [0.25, 0.25, 0.5, 0.5, 0.0]
        assert seen[step] == list(zip([rate * factor for factor in factors], [0.1, 0.0, 0.1, 0.0, 0.1], strict=True))
    assert len({rates[0] for rates in seen.values()}) > 9
    # A group with the factor 0 has not moved, the others have.
    assert torch.equal(made[-1].scale, torch.ones(3))
    assert not any(
        torch.equal(p, start) for p, start in zip(made[-1].encoder.parameters(), made[-1].start, strict=True)
    )


def test_longer_gradients_are_shortened_to_the_limit_and_shorter_ones_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms: dict[str, list[float]] = {}
    for name, limit in {"free": None, "limited": 0.5}.items():
        seen: list[float] = []
        norms[name] = seen

        def after(self: Restoring, step: int, count: int, seen: list[float] = seen) -> None:
            seen.append(float(torch.nn.utils.get_total_norm([p.grad for p in self.parameters() if p.grad is not None])))

        monkeypatch.setattr(Restoring, "after_step", after)
        register(monkeypatch, lambda settings, context: Restoring())
        # With a rate that moves nothing all steps of both see the same weights.
        changes = {"optimizer": "sgd", "learning_rate": 1e-30, "weight_decay": 0.0, "max_gradient_norm": limit}
        train(made_up_task(tmp_path / name, changes))
    assert len(norms["free"]) == NUM_STEPS and max(norms["free"]) > 0.5
    assert norms["limited"] == pytest.approx([min(norm, 0.5) for norm in norms["free"]], rel=1e-4)


class ExportSettings(MethodSettings):
    exports: ClassVar[bool] = True


class Labelling(Restoring):
    """Leaves the nearest axis of every vector after odd epochs."""

    def __init__(self, data: VectorData) -> None:
        super().__init__()
        self._values = data.values
        self.states: list[tuple[bool, bool]] = []

    def exports(self, epoch: int) -> dict[str, Table]:
        self.states.append((self.training, torch.is_grad_enabled()))
        if epoch % 2 == 0:
            return {}
        features = self.decoder(self.encoder(self._values))
        return {"pseudo_labels": {"label": features.argmax(dim=1).numpy(), "features": features.numpy()}}


def test_arrays_of_all_epochs_are_left_also_of_those_before_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Labelling] = []
    register(monkeypatch, lambda settings, context: made.append(Labelling(context.data)) or made[-1], ExportSettings)
    changes = {"epochs": 5, "num_snapshots": 5}
    train(made_up_task(tmp_path / "whole", changes))
    out = TrainingFolder(tmp_path / "whole/out")
    whole = files_of(out.folder)
    exported = sorted(name for name in whole if name.startswith("exports"))
    assert exported == [f"exports/pseudo_labels/epoch_{epoch:04d}.npz" for epoch in (1, 3, 5)]
    arrays = [read_arrays(out.export("pseudo_labels", epoch)) for epoch in (1, 3, 5)]
    assert all(set(array) == {"label", "features"} and len(array["label"]) == NUM_UNITS for array in arrays)
    assert not np.array_equal(arrays[0]["features"], arrays[1]["features"])
    assert made[0].states == [(False, False)] * 5 and made[0].training
    for step in (5, 12, 17):
        train_until(made_up_task(tmp_path / str(step), changes), step)
        train(made_up_task(tmp_path / str(step), changes))
        assert files_of(tmp_path / str(step) / "out") == whole


@pytest.mark.parametrize("place", [None, "apart/run"])
def test_exports_of_an_earlier_training_in_the_same_folder_do_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str | None
) -> None:
    register(monkeypatch, lambda settings, context: Labelling(context.data), ExportSettings)
    for epochs in (3, 1):
        task = made_up_task(tmp_path, {"epochs": epochs})
        train(task if place is None else replace(task, exports_dir=tmp_path / place))
    found = list((tmp_path / (place or "out/exports")).rglob("*.npz"))
    assert [path.name for path in found] == ["epoch_0001.npz"]
    assert (tmp_path / "out/exports").exists() == (place is None)


def test_exports_that_the_settings_do_not_announce_are_refused_in_the_first_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, lambda settings, context: Labelling(context.data))
    with pytest.raises(TypeError, match=r"Labelling\.exports returned \['pseudo_labels'\]"):
        train(made_up_task(tmp_path))
    assert not (tmp_path / "out").exists()


def test_announced_exports_have_their_folder_even_if_no_epoch_left_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, lambda settings, context: Restoring(), ExportSettings)
    train(made_up_task(tmp_path))
    assert list((tmp_path / "out/exports").iterdir()) == []


class Boxes(NamedTuple):
    """Boxes of all scenes and where each scene's begin."""

    corners: Tensor
    offsets: Tensor


@dataclass(frozen=True)
class Scenes(Batch):
    """Scenes of different sizes: points one tensor each, boxes in one piece."""

    points: list[Tensor]
    boxes: Boxes
    noise: Tensor | None = None


class SceneData:
    """Scenes with between 3 and 12 points and up to three boxes."""

    unit, identity = "scenes", "scenes"

    def __init__(self) -> None:
        draw = np.random.default_rng(0)
        self.points = [
            torch.from_numpy(draw.normal(size=(int(draw.integers(3, 13)), WIDTH))).float() for _ in range(32)
        ]
        self.boxes = [torch.from_numpy(draw.normal(size=(int(draw.integers(0, 4)), 3))).float() for _ in range(32)]

    def __len__(self) -> int:
        return len(self.points)

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> Scenes:
        points = [self.points[unit][torch.randperm(len(self.points[unit]), generator=draw)] for unit in units]
        boxes = [self.boxes[unit] for unit in units]
        offsets = torch.tensor([0, *np.cumsum([len(some) for some in boxes]).tolist()])
        return Scenes(points, Boxes(torch.cat(boxes), offsets))

    def validated(self) -> None:
        pass


class Detecting(Method[Scenes]):
    """The mean feature of a scene meets the mean of its boxes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(WIDTH, 3)

    def saved(self) -> dict[str, nn.Module]:
        return {"point": self.encoder}

    def loss(self, batch: Scenes, draw: torch.Generator) -> LossTerms:
        means = torch.stack([self.encoder(points).cos().mean(dim=0) for points in batch.points])
        corners, offsets = batch.boxes
        own = [corners[start:end].sum(dim=0) for start, end in pairwise(offsets.tolist())]
        return LossTerms(functional.mse_loss(means, torch.stack(own)), {})

    def held_out(self, batch: Scenes, draw: torch.Generator) -> dict[str, float]:
        return {"num_boxes": float(batch.boxes.offsets[-1]), "loss": float(self.loss(batch, draw).total)}


def test_ragged_scenes_are_trained_on_the_same_way_twice_and_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, lambda settings, context: Detecting())
    changes = {"batch_size": 7}
    for name in ("whole", "again"):
        train(made_up_task(tmp_path / name, changes, data=SceneData()))
    whole = files_of(tmp_path / "whole/out")
    assert files_of(tmp_path / "again/out") == whole
    for step in (1, 5, 10):
        train_until(made_up_task(tmp_path / str(step), changes, data=SceneData()), step)
        train(made_up_task(tmp_path / str(step), changes, data=SceneData()))
        assert files_of(tmp_path / str(step) / "out") == whole
    history = json.loads((tmp_path / "whole/out/train.json").read_text())["history"]
    assert history[0]["held_out"]["num_boxes"] == sum(len(some) for some in SceneData().boxes[:4])
    assert "scenes_per_s" in json.loads((tmp_path / "whole/out/run.json").read_text())


class ShardedVectors:
    """Vectors in files of six, of which one is open at a time."""

    unit, identity, size = "vectors", "shards", 6

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for shard in range(6):
            np.save(folder / f"{shard}.npy", np.random.default_rng(shard).normal(size=(6, WIDTH)).astype(np.float32))
        self.opened: list[int] = []
        self._open: tuple[int, Any] = (-1, None)

    def __len__(self) -> int:
        return 36

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        shards = [np.array(list(own)) for _, own in groupby(index.tolist(), lambda unit: unit // self.size)]
        chosen = torch.randperm(len(shards), generator=draw).tolist()
        return np.concatenate([shuffled(shards[shard], draw) for shard in chosen])

    def read(self, units: IntArray, draw: torch.Generator) -> Vectors:
        return Vectors(torch.from_numpy(np.stack([self._vector(*divmod(unit, self.size)) for unit in units.tolist()])))

    def _vector(self, shard: int, row: int) -> Any:
        if self._open[0] != shard:
            self.opened.append(shard)
            self._open = (shard, np.load(self._folder / f"{shard}.npy"))
        return self._open[1][row]

    def validated(self) -> None:
        pass


def shards_in_turn(units: Iterator[int]) -> list[int]:
    return [shard for shard, _ in groupby(unit // ShardedVectors.size for unit in units)]


def test_shards_are_opened_once_an_epoch_and_a_resumed_training_opens_the_remaining_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, lambda settings, context: Restoring())
    monkeypatch.setattr(Restoring, "held_out", lambda self, batch, draw: {"loss": float(self.loss(batch, draw).total)})
    # Batches that no shard is a multiple of; the first shard is held out.
    options = {"held_out": np.arange(6)}
    changes = {"batch_size": 5, "num_snapshots": 3}

    def task(name: str) -> Any:
        return made_up_task(tmp_path / name, changes, data=ShardedVectors(tmp_path / "shards"), **options)

    whole = task("whole")
    train(whole)
    steps = steps_of(whole)
    assert steps.per_epoch == 6
    orders = [[unit for step in range(6 * epoch, 6 * epoch + 6) for unit in steps.units(step)] for epoch in range(3)]
    for order in orders:
        assert sorted(order) == list(range(6, 36)) and sorted(shards_in_turn(order)) == [1, 2, 3, 4, 5]
    assert len({tuple(shards_in_turn(order)) for order in orders}) > 1
    held_out, *opened = whole.data.opened
    assert held_out == 0 and opened == shards_in_turn(unit for order in orders for unit in order)
    for step in (1, 8, 13):
        train_until(task(str(step)), step)
        resumed = task(str(step))
        train(resumed)
        assert files_of(tmp_path / str(step) / "out") == files_of(tmp_path / "whole/out")
        remaining = [unit for later in range(step, 18) for unit in steps.units(later)]
        assert resumed.data.opened == [0, *shards_in_turn(remaining)]


def test_data_are_never_read_by_two_threads_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, lambda settings, context: Restoring())
    monkeypatch.setattr(Restoring, "held_out", lambda self, batch, draw: {"num": float(len(batch.values))})
    training: list[bool] = []
    task = made_up_task(tmp_path, {"num_snapshots": 3})
    original, held_out = task.units.read, set(range(4))

    def read(units: IntArray, draw: torch.Generator) -> Any:
        training.append(not held_out & set(units.tolist()))
        return original(units, draw)

    task.data.read = read
    train(task)
    # Held-out units are read before any batch is read ahead, and once.
    assert training == [False, *[True] * NUM_STEPS]
    history = json.loads((tmp_path / "out/train.json").read_text())["history"]
    assert [entry["held_out"] for entry in history] == [{"num": 4.0}] * 3


def test_steps_leave_the_global_generators_of_python_and_numpy_to_the_thread_that_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that is read ahead draws from them: a step that seeded them would change its pictures by chance."""
    states = set()

    class Watching(Restoring):
        def loss(self, batch: Vectors, draw: torch.Generator) -> LossTerms:
            states.add((random.getstate(), np.random.get_state()[1].tobytes()))  # noqa: NPY002
            return super().loss(batch, draw)

    register(monkeypatch, lambda settings, context: Watching())
    train(made_up_task(tmp_path))
    assert len(states) == 1

"""A method that starts from what an earlier training has saved, of whatever method."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from tests.training.interruption import files_of, train_until
from tests.training.made_up import WIDTH, Restoring, made_up_task, rebuilt_linear, register
from torch import nn

from concord3d.errors import CheckpointCorrupt, ConfigError, ResumeMismatch
from concord3d.methods.interface import Context, EarlierTraining, feature_width
from concord3d.methods.settings import MethodSettings
from concord3d.models.pointnet import PointNet
from concord3d.models.weights import save_weights
from concord3d.training.files import TrainingFolder
from concord3d.training.train import train


class FirstSettings(MethodSettings):
    saved: ClassVar[tuple[str, ...]] = ("point", "second")


class First(Restoring):
    """The method of the earlier training."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Linear(WIDTH, 3).requires_grad_(False)

    def saved(self) -> dict[str, nn.Module]:
        return {"point": self.encoder, "second": self.second}


class Continuing(Restoring):
    """A method that starts from a module of an earlier training, or only looks at it."""

    def __init__(self, context: Context, uses: bool) -> None:
        super().__init__()
        if "init" in context.needs:
            module = context.needs["init"].module("second")
            if uses:
                self.encoder.load_state_dict(module.state_dict())
        # Drawn after the module was loaded: another state of the generator would be another decoder.
        self.decoder = nn.Sequential(nn.Dropout(0.2), nn.Linear(3, WIDTH))
        self.start = {name: value.clone() for name, value in self.encoder.state_dict().items()}


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EarlierTraining:
    """A finished training of one method."""
    register(monkeypatch, lambda settings, context: First(), FirstSettings, name="first")
    task = made_up_task(tmp_path / "first", {"epochs": 1}, method="first")
    train(task)
    folder = TrainingFolder(task.out_dir)
    return EarlierTraining(task.run, {name: folder.weights(name) for name in ("point", "second")})


@pytest.fixture
def continuing(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], list[Continuing]]:
    def registered(uses: bool) -> list[Continuing]:
        made: list[Continuing] = []
        register(monkeypatch, lambda settings, context: made.append(Continuing(context, uses)) or made[-1])
        return made

    return registered


def losses(folder: Path) -> list[float]:
    return [entry["loss"] for entry in json.loads((folder / "out/train.json").read_text())["history"]]


def test_a_training_starts_from_a_module_of_another_method(
    tmp_path: Path, first: EarlierTraining, continuing: Callable[[bool], list[Continuing]]
) -> None:
    made = continuing(True)
    train(made_up_task(tmp_path / "next", needs={"init": first}))
    stored = first.module("second").state_dict()
    assert all(torch.equal(made[0].start[name], value) for name, value in stored.items())
    train(made_up_task(tmp_path / "without"))
    assert losses(tmp_path / "without") != losses(tmp_path / "next")


def test_loading_an_earlier_training_changes_no_loss(
    tmp_path: Path, first: EarlierTraining, continuing: Callable[[bool], list[Continuing]]
) -> None:
    continuing(False)
    train(made_up_task(tmp_path / "looked", needs={"init": first}))
    train(made_up_task(tmp_path / "without"))
    assert losses(tmp_path / "looked") == losses(tmp_path / "without")
    weights = [files_of(tmp_path / name / "out")["weights/point.safetensors"] for name in ("looked", "without")]
    assert weights[0] == weights[1]
    before = torch.random.get_rng_state()
    first.module("point")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_after_a_kill_it_goes_on_from_the_checkpoint_and_never_with_other_weights(
    tmp_path: Path, first: EarlierTraining, continuing: Callable[[bool], list[Continuing]]
) -> None:
    continuing(True)
    train(made_up_task(tmp_path / "whole", needs={"init": first}))
    train_until(made_up_task(tmp_path / "broken", needs={"init": first}), 5)
    content = first.weights["second"].read_bytes()
    save_weights(nn.Linear(WIDTH, 3), first.weights["second"])
    with pytest.raises(ResumeMismatch, match="inputs"):
        train(made_up_task(tmp_path / "broken", needs={"init": first}))
    first.weights["second"].write_bytes(content)
    train(made_up_task(tmp_path / "broken", needs={"init": first}))
    assert files_of(tmp_path / "broken/out") == files_of(tmp_path / "whole/out")


def test_unknown_modules_and_damaged_weights_are_named(first: EarlierTraining) -> None:
    with pytest.raises(ConfigError, match=r"(?s)unknown saved module 'secnd'; did you mean 'second'.*'first'"):
        first.module("secnd")
    first.weights["second"].write_bytes(b"no weights")
    with pytest.raises(CheckpointCorrupt, match=r"second\.safetensors"):
        first.module("second")


def test_without_a_way_of_its_own_a_module_is_the_point_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, lambda settings, context: Restoring(), rebuilt=None)
    encoder = PointNet()
    save_weights(encoder, tmp_path / "point.safetensors")
    run: dict[str, Any] = {"method": "made_up", "encoder": {"name": "pointnet"}}
    loaded = EarlierTraining(run, {"point": tmp_path / "point.safetensors"}).module()
    assert isinstance(loaded, PointNet)
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), encoder.parameters(), strict=True))


def test_a_way_of_its_own_is_told_the_run_the_name_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def rebuilt(*told: Any) -> nn.Module:
        asked.append(told)
        return rebuilt_linear(*told)

    register(monkeypatch, lambda settings, context: Restoring(), rebuilt=rebuilt)
    save_weights(nn.Linear(WIDTH, 3), tmp_path / "image.safetensors")
    run: dict[str, Any] = {"method": "made_up", "encoder": {}}
    EarlierTraining(run, {"image": tmp_path / "image.safetensors"}).module("image")
    assert asked == [(run, "image", tmp_path / "image.safetensors")]


def test_an_encoder_says_how_wide_its_features_are() -> None:
    assert feature_width(PointNet()) == PointNet().feature_dim
    with pytest.raises(TypeError, match="Linear has no integer feature_dim"):
        feature_width(nn.Linear(2, 2))

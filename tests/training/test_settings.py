"""The ``training`` section: what it must hold, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from concord3d.config.validation import validate
from concord3d.errors import ConfigError
from concord3d.methods.settings import MethodSettings
from concord3d.training.settings import TrainingSettings, snapshot_epochs, training_settings

NEEDED = {"epochs": 3, "batch_size": 8, "threads": 1}


def settings(**changes: Any) -> TrainingSettings:
    return validate(TrainingSettings, {**NEEDED, **changes}, "training")


def test_three_keys_are_enough() -> None:
    assert (settings().optimizer, settings().schedule, settings().precision) == ("adam", "cosine", "32-true")


@pytest.mark.parametrize("key", NEEDED)
def test_a_missing_key_is_named(key: str) -> None:
    content = {name: value for name, value in NEEDED.items() if name != key}
    with pytest.raises(ConfigError, match=rf"missing key '{key}'(?s:.*)where: training"):
        validate(TrainingSettings, content, "training")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, "unknown key 'epoch'; did you mean 'epochs'"),
        ({"thread": 3}, "did you mean 'threads'"),
        ({"optimizer": "sdg"}, "'optimizer'.*did you mean 'sgd'"),
        ({"optimizer": "lion"}, "'optimizer'.*'adam', 'adamw' or 'sgd'.*found 'lion'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"precision": "16-mixed"}, "'precision'.*did you mean 'bf16-mixed'"),
        ({"batch_size": 0}, "'batch_size'"),
        ({"epochs": -1}, "'epochs'"),
        ({"threads": 0}, "'threads'"),
        ({"learning_rate": -0.1}, "'learning_rate'"),
        ({"dampening": 1}, "'dampening'"),
        ({"weight_decay": -1}, "'weight_decay'"),
        ({"warmup_epochs": float("inf")}, "'warmup_epochs'"),
        ({"num_snapshots": 0}, "'num_snapshots'"),
        ({"epochs": -1, "batch_size": 0}, "'epochs'.*'batch_size'"),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings(**changes)


@pytest.mark.parametrize(
    ("epochs", "snapshots", "expected"),
    [(10, 5, (2, 4, 6, 8, 10)), (3, 5, (1, 2, 3)), (7, 2, (4, 7)), (1, 1, (1,)), (100, 1, (100,)), (0, 5, (0,))],
)
def test_snapshots_are_equally_spaced_and_end_with_the_last_epoch(
    epochs: int, snapshots: int, expected: tuple[int, ...]
) -> None:
    assert snapshot_epochs(epochs, snapshots) == expected


def test_no_epoch_is_enough_only_for_a_method_that_is_fitted_as_it_is_built() -> None:
    class Fitted(MethodSettings):
        starts_fitted = True

    section = {**NEEDED, "epochs": 0}
    assert training_settings(section, Fitted()).epochs == 0
    with pytest.raises(ConfigError, match=r"'epochs' is 0(?s:.*)where: training"):
        training_settings(section, MethodSettings())
    assert training_settings(NEEDED, MethodSettings()).epochs == 3


def test_the_section_is_read_without_torch() -> None:
    code = "import sys, concord3d.training.settings, concord3d.training.files; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_one_unit_is_a_batch_only_for_a_method_that_says_so() -> None:
    class OfSweeps(MethodSettings):
        least_batch = 1

    section = {**NEEDED, "batch_size": 1}
    assert training_settings(section, OfSweeps()).batch_size == 1
    with pytest.raises(ConfigError, match=r"'batch_size' is less than(?s:.*)where: training(?s:.*)at least 2"):
        training_settings(section, MethodSettings())

"""Whole trainings of Cross-MoST: labels are never read, a killed one goes on exactly, labels are exported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tests.methods.cross_most.pairs import LABELS, NAMES, NUM_OBJECTS, data_of, mapped_data, method_of, task_of
from tests.training.interruption import files_of, train_until

from concord3d.arrays import read_arrays
from concord3d.errors import BadCloud, ConfigError
from concord3d.training.checkpoint import read_checkpoint
from concord3d.training.seeding import seed_everything
from concord3d.training.train import train

WEIGHTS = "weights/adapted.safetensors"
# 5 steps an epoch: the ramp ends in the second of three epochs.
LONG = {"training": {"epochs": 3}}
RAMP = {"ema_start": 0.6, "ema_end": 0.9, "ema_ramp_steps": 8}


def exports_of(folder: Path) -> dict[str, dict[str, NDArray[Any]]]:
    """Arrays by place below the folder of exports."""
    root = folder / "out/exports"
    return {path.relative_to(root).as_posix(): read_arrays(path) for path in sorted(root.rglob("*.npz"))}


def history(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "out/train.json").read_text())["history"]
    return found


@pytest.mark.parametrize("objective", [{}, {"coverage": 0.5}])
@pytest.mark.parametrize("labels", [None, np.random.default_rng(0).permutation(LABELS), np.full(NUM_OBJECTS, -1)])
def test_labels_are_never_read_by_training(
    tmp_path: Path, labels: NDArray[np.int64] | None, objective: Mapping[str, Any]
) -> None:
    told = dict(objective)
    if "coverage" in told:
        told |= dict.fromkeys(("joint_threshold", "picture_threshold", "point_threshold"))
    rarely = {"checkpoint_every_s": 1000}
    for name, given in (("true", LABELS), ("other", labels)):
        train(task_of(tmp_path / name, told, data_of(labels=given), training=rarely))
    true, other = (files_of(tmp_path / name / "out") for name in ("true", "other"))
    assert set(true) == set(other) and {name for name in true if true[name] != other[name]} == {"train.json"}
    losses = [[entry["loss"] for entry in history(tmp_path / name)] for name in ("true", "other")]
    assert losses[0] == losses[1]
    said = ["right/points" in history(tmp_path / name)[0] for name in ("true", "other")]
    assert said == [True, labels is not None]


@pytest.mark.parametrize("above_maps", [True, False])
def test_a_training_that_is_killed_in_the_ramp_goes_on_exactly(tmp_path: Path, above_maps: bool) -> None:
    """Trap 16 of Cross-MoST spec 9: the released code does not restore the teacher."""
    data = mapped_data() if above_maps else data_of()

    def task(name: str) -> Any:
        told = {**RAMP, "trunk_rate": 0.0 if above_maps else 1.0, "tokeniser_statistics": not above_maps}
        return task_of(tmp_path / name, told, data, **LONG)

    train(task("whole"))
    for step in (1, 7):
        train_until(task(f"broken {step}"), step)
        seed_everything(99)
        train(task(f"broken {step}"))
        out = tmp_path / f"broken {step}" / "out"
        assert files_of(out) == files_of(tmp_path / "whole/out")
        assert json.loads((out / "run.json").read_text())["resumed_from"] == [step]
    assert len(exports_of(tmp_path / "whole")) == 3


def test_the_teacher_of_a_checkpoint_is_neither_the_student_nor_the_start(tmp_path: Path) -> None:
    task = task_of(tmp_path, RAMP, **LONG)
    start = method_of(task).adapted.state_dict()
    [*_, newest] = train_until(task, 6)
    state = read_checkpoint(newest)["method"]
    name = "teacher.points.projection.weight"
    saved = state[f"adapted.{name}"]
    assert not torch.equal(saved, start[name]) and not torch.equal(
        saved, state["adapted.student.points.projection.weight"]
    )


def test_the_exported_labels_are_those_of_every_object_that_a_batch_held(tmp_path: Path) -> None:
    train(task_of(tmp_path, {"labels": "joint", "point_factor": 0.9, "joint_threshold": 0.4}, mapped_data()))
    exports = exports_of(tmp_path)
    assert len(exports) == 2
    for table in exports.values():
        assert set(table) == {
            "unit", "picture_label", "picture_confidence", "point_label", "point_confidence", "label", "from_points",
            "confidence", "picture_kept", "point_kept",
        }  # fmt: skip
        assert table["unit"].tolist() == list(range(4, NUM_OBJECTS)), "held-out objects have no label"
        by_points = np.float32(0.9) * table["point_confidence"] > table["picture_confidence"]
        np.testing.assert_array_equal(table["label"], np.where(by_points, table["point_label"], table["picture_label"]))
        confidence = np.maximum(np.float32(0.9) * table["point_confidence"], table["picture_confidence"])
        np.testing.assert_array_equal(table["from_points"], by_points)
        np.testing.assert_array_equal(table["confidence"], confidence)
        np.testing.assert_array_equal(table["picture_kept"], confidence > np.float32(0.4))
        np.testing.assert_array_equal(table["picture_kept"], table["point_kept"])
        assert {*table["picture_label"], *table["point_label"]} <= set(range(len(NAMES)))
        assert (table["picture_confidence"] > 1 / len(NAMES) - 1e-6).all() and (table["point_confidence"] <= 1).all()
    last = list(exports.values())[-1]
    share = history(tmp_path)[-1]["coverage/points"]
    assert last["point_kept"].mean() == pytest.approx(share)


def test_labels_per_modality_are_kept_by_their_own_thresholds(tmp_path: Path) -> None:
    told = {"labels": "per_modality", "picture_threshold": 0.35, "point_threshold": 0.45}
    train(task_of(tmp_path, told, mapped_data(), training={"epochs": 1}))
    [table] = exports_of(tmp_path).values()
    np.testing.assert_array_equal(table["picture_kept"], table["picture_confidence"] > np.float32(0.35))
    np.testing.assert_array_equal(table["point_kept"], table["point_confidence"] > np.float32(0.45))
    np.testing.assert_array_equal(table["label"], table["picture_label"])


@pytest.mark.parametrize(("every", "epochs"), [(1, [1, 2, 3, 4]), (2, [1, 2, 4]), (3, [1, 3]), (20, [1])])
def test_labels_are_exported_of_the_first_epoch_and_of_every_nth(tmp_path: Path, every: int, epochs: list[int]) -> None:
    method: Any = method_of(task_of(tmp_path, {"export_every": every}))
    assert [epoch for epoch in range(1, 5) if method.exports(epoch)] == epochs


def test_an_object_that_no_batch_has_held_has_no_label(tmp_path: Path) -> None:
    train(task_of(tmp_path, None, mapped_data(), training={"epochs": 1, "batch_size": 12}))
    [table] = exports_of(tmp_path).values()
    assert len(table["unit"]) == len(set(table["unit"].tolist())) == 36


def test_a_training_without_epochs_leaves_what_it_starts_from(tmp_path: Path) -> None:
    task = task_of(tmp_path, {"start": "earlier"}, training={"epochs": 0})
    start = method_of(task).adapted.state_dict()
    train(task)
    found = load_file(tmp_path / "out" / WEIGHTS)
    assert all(torch.equal(found[name], value) for name, value in start.items())
    for name, value in start.items():
        if name.startswith("student."):
            assert torch.equal(value, start[name.replace("student", "teacher", 1)])


def test_training_moves_student_and_teacher_and_leaves_a_frozen_trunk(tmp_path: Path) -> None:
    task = task_of(tmp_path, {"ema_start": 0.5, "ema_end": 0.6}, mapped_data())
    start = method_of(task).adapted.state_dict()
    train(task)
    found = load_file(tmp_path / "out" / WEIGHTS)
    same = {name for name, value in start.items() if torch.equal(found[name], value)}
    assert {name.removeprefix("student.") for name in same if name.startswith("student.")} == {
        name.removeprefix("teacher.") for name in same if name.startswith("teacher.")
    }
    frozen = ("pictures.trunk.", "points.tokeniser.")
    assert all(name.partition(".")[2].startswith(frozen) for name in same)
    assert {name for name in start if name.partition(".")[2].startswith(frozen)} == same


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"points": np.zeros((NUM_OBJECTS - 1, 30, 3), np.float32)}, ConfigError, "pictures are of other objects"),
        ({"class_features": np.ones((3, 16), np.float32)}, ConfigError, "classes are not those that the prompts"),
        ({"points": np.full((NUM_OBJECTS, 30, 3), np.nan, np.float32)}, BadCloud, "unusable"),
        ({"points": np.zeros((NUM_OBJECTS, 30, 2), np.float32)}, BadCloud, "unusable"),
    ],
)
def test_data_that_do_not_fit_are_named_before_the_first_step(
    tmp_path: Path, fields: dict[str, Any], error: Any, words: str
) -> None:
    with pytest.raises(error, match=words):
        train(task_of(tmp_path, data=data_of(**fields)))
    assert not (tmp_path / "out").exists() and not (tmp_path / "work").exists()

"""A task: which units are trained on, what makes it another training, and what cannot be one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.interruption import train_until
from tests.training.tiny_training import tiny_data, tiny_run, tiny_task

from concord3d.errors import ConfigError, DatasetMissing, ResumeMismatch
from concord3d.files import differing_keys
from concord3d.methods.interface import EarlierTraining
from concord3d.training.task import TrainingTask, default_held_out
from concord3d.training.train import train


def test_default_held_out_is_small_fixed_and_distinct() -> None:
    index = default_held_out(9843)
    assert len(index) == len(set(index.tolist())) == 256
    assert np.array_equal(index, default_held_out(9843))
    assert len(default_held_out(44)) == 4 and len(default_held_out(5)) == 0


def test_units_are_trained_on_or_held_out(tmp_path: Path) -> None:
    task = tiny_task(tmp_path)
    assert len(task.held_out_index()) == 4 and len(task.training_index()) == 40
    assert sorted([*task.held_out_index(), *task.training_index()]) == list(range(44))
    chosen = tiny_task(tmp_path, held_out=np.array([41, 0]))
    assert chosen.training_index().tolist() == [*range(1, 41), 42, 43]


def test_a_method_is_told_the_run_the_data_and_what_is_held_out(tmp_path: Path) -> None:
    task = tiny_task(tmp_path)
    context = task.context()
    assert context.encoder == {"name": "pointnet"} and context.num_points == 16 and context.data is task.data
    assert np.array_equal(context.held_out, task.held_out_index())
    without = tiny_task(tmp_path, {"method": "random_init", "objective": {}}, data=None)
    assert without.context().data is None and len(without.context().held_out) == 0
    with pytest.raises(DatasetMissing, match="needs data"):
        assert without.units


def weights_of(path: Path, content: bytes) -> EarlierTraining:
    path.write_bytes(content)
    return EarlierTraining(tiny_run(), {"point": path})


def test_identity_names_what_differs(tmp_path: Path) -> None:
    first, second = (weights_of(tmp_path / name, name.encode()) for name in ("first", "second"))
    base = tiny_task(tmp_path, needs={"teacher": first})
    assert base.identity() == tiny_task(tmp_path, needs={"teacher": first}).identity()
    others: list[tuple[str, TrainingTask]] = [
        ("config.seed", tiny_task(tmp_path, {"seed": 4}, needs={"teacher": first})),
        ("config.objective.views", tiny_task(tmp_path, {"objective.views": 3}, needs={"teacher": first})),
        ("inputs", tiny_task(tmp_path, needs={"teacher": second})),
        ("inputs", tiny_task(tmp_path, needs={"init": first})),
        ("inputs", tiny_task(tmp_path)),
        ("inputs", tiny_task(tmp_path, needs={"teacher": first}, labels=np.arange(44))),
        ("inputs", tiny_task(tmp_path, needs={"teacher": first}, held_out=np.arange(4))),
        ("num_devices", tiny_task(tmp_path, needs={"teacher": first}, num_devices=2)),
    ]
    for key, other in others:
        assert list(differing_keys(base.identity(), other.identity())) == [key]


@pytest.mark.parametrize(
    "change", [{"label": "other"}, {"paper": "other"}, {"scale": "demo"}, {"training.threads": 2}], ids=str
)
def test_words_and_threads_make_no_other_training(tmp_path: Path, change: dict[str, Any]) -> None:
    base, other = tiny_task(tmp_path), tiny_task(tmp_path, change)
    assert base.identity() == other.identity() and base.work_folder == other.work_folder


def test_who_knows_the_files_gives_their_identity_and_removes_the_checkpoints(tmp_path: Path) -> None:
    task = tiny_task(tmp_path, inputs_identity="of the workflow")
    assert task.identity()["inputs"] == "of the workflow" and task.work_folder == tmp_path / "work" / "of the workflow"
    train(task)
    assert list(task.work_folder.glob("ckpt_*"))
    own = tiny_task(tmp_path / "own")
    train(own)
    assert not own.work_folder.exists()


def test_a_training_does_not_go_on_with_another_teacher(tmp_path: Path) -> None:
    train_until(tiny_task(tmp_path, needs={"teacher": weights_of(tmp_path / "first", b"1")}), 2)
    with pytest.raises(ResumeMismatch, match="inputs"):
        train(tiny_task(tmp_path, needs={"teacher": weights_of(tmp_path / "second", b"2")}))


def test_settings_are_validated_where_they_are_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)did you mean 'views'.*objective"):
        assert tiny_task(tmp_path, {"objective": {"veiws": 2}}, data=tiny_data(tiny_run())).method_settings
    run = tiny_run()
    del run["training"]["threads"]
    with pytest.raises(ConfigError, match=r"(?s)missing key 'threads'.*training"):
        assert TrainingTask(run, None, tmp_path, tmp_path).training


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({}, {"held_out": np.array([44])}, "out of range"),
        ({}, {"held_out": np.array([-1])}, "out of range"),
        ({"training.batch_size": 41}, {}, r"(?s)fewer training clouds than one batch.*at most 40.*use more clouds"),
        ({}, {"num_devices": 3}, r"(?s)divided over the devices.*a multiple of 3"),
    ]
    for changes, options, message in cases:
        with pytest.raises(ConfigError, match=message):
            tiny_task(tmp_path, changes, **options).validated()
    assert tiny_task(tmp_path, {"training.batch_size": 40}, num_devices=4).validated()

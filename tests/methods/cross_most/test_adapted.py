"""Student and teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.methods.cross_most.pairs import OBJECTIVE, TOWER, batch_of, draw, mapped_data, method_of, task_of
from tests.parity.literal_cross_most import initial_share
from torch import Tensor, nn

from concord3d.errors import CheckpointCorrupt
from concord3d.methods.cross_most.adapted import HEADER, Adapted, header, rebuilt
from concord3d.methods.cross_most.settings import CrossMoSTSettings
from concord3d.methods.interface import saved_module
from concord3d.models.weights import save_weights
from concord3d.training.train import train


class Counted(nn.Module):
    """Weights, and statistics of three types."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(3, 2), nn.BatchNorm1d(2)
        self.register_buffer("flags", torch.zeros(2, dtype=torch.bool))
        self.scale = nn.Parameter(torch.tensor(0.5))


def adapted() -> Any:
    torch.manual_seed(0)
    made: Any = Adapted(Counted())
    return made


def test_the_teacher_starts_as_a_copy_that_shares_nothing() -> None:
    made = adapted()
    mine, its = made.teacher.state_dict(), made.student.state_dict()
    assert all(torch.equal(mine[name], its[name]) for name in its)
    assert not {value.data_ptr() for value in mine.values()} & {value.data_ptr() for value in its.values()}
    assert not any(parameter.requires_grad for parameter in made.teacher.parameters())
    assert all(parameter.requires_grad for parameter in made.student.parameters())


def test_the_teacher_is_always_in_evaluation_mode() -> None:
    made = adapted()
    for module in (made, made.train(), made.eval().train()):
        assert module.student.training and not any(part.training for part in module.teacher.modules())
    assert not made.eval().student.training


def test_every_entry_of_the_state_follows() -> None:
    made = adapted()
    before = {name: value.clone() for name, value in made.teacher.state_dict().items()}
    with torch.no_grad():
        for value in made.student.state_dict().values():
            value.copy_(torch.ones_like(value) if value.dtype == torch.bool else 2 + 3 * value)
    made.follow(0.75)
    for name, value in made.teacher.state_dict().items():
        its = made.student.state_dict()[name]
        expected = 0.75 * before[name] + 0.25 * its if value.is_floating_point() else its
        torch.testing.assert_close(value, expected)
    assert {"norm.running_var", "norm.num_batches_tracked", "flags", "scale"} <= set(before)
    made.follow(0.0)
    assert all(torch.equal(v, made.student.state_dict()[n]) for n, v in made.teacher.state_dict().items())


def test_the_teacher_still_follows_after_a_move_to_another_type() -> None:
    made = adapted()
    made.follow(0.5)
    made.double()
    with torch.no_grad():
        made.student.norm.running_mean.fill_(8.0)
        made.student.scale.fill_(2.5)
    made.follow(0.5)
    assert made.teacher.norm.running_mean.tolist() == [4.0, 4.0] and made.teacher.scale.item() == 1.5


def test_what_both_agree_on_stays_to_the_bit() -> None:
    made = adapted()
    before = {name: value.clone() for name, value in made.teacher.state_dict().items()}
    for step in range(50):
        made.follow(0.9 + step / 1000)
    assert all(torch.equal(value, before[name]) for name, value in made.teacher.state_dict().items())


@pytest.fixture
def method(tmp_path: Path) -> Any:
    """Whose teacher is 1 and whose student is 0 in one entry: the teacher's entry is the weight of the initial one."""
    method: Any = method_of(task_of(tmp_path, data=mapped_data()))
    with torch.no_grad():
        method.adapted.teacher.classifier.fill_(1)
        method.adapted.student.classifier.fill_(0)
    return method


def left(method: Any) -> float:
    value: Tensor = method.adapted.teacher.classifier
    assert len(value.unique()) == 1
    return float(value[0, 0])


def test_the_weight_of_the_initial_model_is_that_of_the_released_schedule(method: Any) -> None:
    """12.9 % after the ramp of 400 steps, 11.9 % at 800, 10.5 % at 1400 (Cross-MoST spec 3.1)."""
    published = {400: 0.129, 800: 0.119, 1400: 0.105}
    for step in range(1, 1401):
        method.after_step(step, 3800)
        if step in published:
            assert left(method) == pytest.approx(initial_share(step), rel=1e-4)
            assert round(left(method), 3) == published[step]


def test_the_first_step_keeps_the_first_share_and_the_last_of_the_ramp_nearly_the_last(method: Any) -> None:
    method.after_step(1, 3800)
    assert left(method) == pytest.approx(0.99, rel=1e-6)
    method.adapted.teacher.classifier.data.fill_(1)
    method.after_step(401, 3800)
    assert left(method) == pytest.approx(0.9998, rel=1e-6)


def test_a_shorter_training_leaves_as_much_of_the_initial_model_at_each_fraction_of_its_way(tmp_path: Path) -> None:
    told = {"ema_start": 0.99, "ema_end": 0.9998, "ema_ramp_steps": 400, "ema_of_steps": 3800}
    method: Any = method_of(task_of(tmp_path, told, mapped_data()))
    method.adapted.teacher.classifier.data.fill_(1)
    method.adapted.student.classifier.data.fill_(0)
    for step in range(1, 39):
        method.after_step(step, 38)
        assert left(method) == pytest.approx(initial_share(100 * step), rel=1e-4)
    settings = CrossMoSTSettings.model_validate({**OBJECTIVE, **told})
    assert settings.teacher_share(5, 3800) == CrossMoSTSettings.model_validate(OBJECTIVE).teacher_share(5, 3800)
    # A longer training than the stated one has steps at which the teacher waits.
    assert [settings.teacher_share(step, 7600) for step in (1, 2, 3)] == [1, 0.99, 1]


def test_the_teacher_sees_weak_pictures_of_which_nothing_is_hidden_and_has_no_gradient(tmp_path: Path) -> None:
    method: Any = method_of(task_of(tmp_path, data=mapped_data())).train()
    batch = batch_of(task_of(tmp_path, data=mapped_data()))
    said = []
    original = method.adapted.teacher.of_pictures

    def listening(pictures: Tensor, are_maps: bool, masks: Tensor | None = None) -> Any:
        said.append((pictures, masks, torch.is_grad_enabled()))
        return original(pictures, are_maps, masks)

    method.adapted.teacher.of_pictures = listening
    method.loss(batch, draw())
    [(pictures, masks, with_gradient)] = said
    assert torch.equal(pictures, batch.pictures.weak) and masks is None and not with_gradient


def test_a_saved_module_is_built_again_without_any_earlier_file(tmp_path: Path) -> None:
    task = task_of(tmp_path, {"mpm_target": "points"})
    train(task)
    path = tmp_path / "out/weights/adapted.safetensors"
    (tmp_path / "pictures.safetensors").unlink()
    state = torch.get_rng_state()
    module: Any = saved_module(task.run, "adapted", path)
    assert torch.equal(torch.get_rng_state(), state) and not module.student.training
    stored = load_file(path)
    found = module.state_dict()
    assert set(found) == set(stored) and all(torch.equal(found[name], stored[name]) for name in stored)
    student, teacher = (
        {name.partition(".")[2]: value for name, value in stored.items() if name.startswith(f"{which}.")}
        for which in ("student", "teacher")
    )
    assert set(student) == set(teacher) and any(not torch.equal(student[name], teacher[name]) for name in student)


@pytest.mark.parametrize("entries", [{}, {HEADER: "no JSON"}, {HEADER: "{}"}])
def test_a_file_of_something_else_is_named(tmp_path: Path, entries: dict[str, str]) -> None:
    path = tmp_path / "other.safetensors"
    save_weights(nn.Linear(2, 2), path, entries)
    with pytest.raises(CheckpointCorrupt, match="Not the two branches"):
        rebuilt({}, "adapted", path)


def test_the_header_says_the_classes_in_their_order() -> None:
    said = header(TOWER, {"name": "point_transformer"}, False, ("b", "a"))
    assert '"classes":["b","a"]' in said.replace(" ", "") and "fake_pictures" in said

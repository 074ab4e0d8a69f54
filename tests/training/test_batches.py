"""The order of the objects: another one in each epoch, the same one for the same seed and epoch."""

from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from concord3d.training.batches import Plan, assemble, iterate_batches, make_plan
from numpy.typing import NDArray

INDEX = np.arange(100, 123)


def plan(seed: int = 0, batch_size: int = 5, steps_per_epoch: int = 5) -> Plan:
    return Plan(INDEX, batch_size, steps_per_epoch, seed)


def epoch_order(of: Plan, epoch: int) -> NDArray[np.int64]:
    first = epoch * of.steps_per_epoch
    return np.concatenate([of.objects(step) for step in range(first, first + of.steps_per_epoch)])


def test_every_epoch_sees_all_objects_once_in_an_order_of_its_own() -> None:
    orders = [epoch_order(plan(), epoch) for epoch in range(6)]
    for order in orders:
        assert sorted(order) == sorted(INDEX)
    assert len({tuple(order) for order in orders}) == 6
    # No epoch is the one before, moved along.
    for first, second in pairwise(orders):
        assert not any(np.array_equal(np.roll(first, shift), second) for shift in range(len(INDEX)))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    np.testing.assert_array_equal(epoch_order(plan(), 3), epoch_order(plan(), 3))
    np.testing.assert_array_equal(epoch_order(plan(batch_size=8, steps_per_epoch=3), 3), epoch_order(plan(), 3))
    assert not np.array_equal(epoch_order(plan(seed=1), 3), epoch_order(plan(), 3))


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "num_devices", "steps"),
    # 40 objects are trained on.
    [(8, True, 1, 5), (8, False, 1, 5), (12, True, 1, 3), (12, False, 1, 4), (13, False, 1, 3), (12, False, 4, 3)],
)
def test_a_last_batch_is_kept_where_it_is_asked_for_and_every_process_gets_two_objects(
    tiny: ModuleType, tmp_path: Path, batch_size: int, drop_last: bool, num_devices: int, steps: int
) -> None:
    changes = {"training.batch_size": batch_size, "training.drop_last": drop_last}
    made = make_plan(tiny.tiny_run(tmp_path, changes, num_devices=num_devices))
    assert (made.steps_per_epoch, made.batch_size, made.seed, len(made.index)) == (steps, batch_size, 3, 40)


def test_processes_share_a_batch_and_go_on_where_they_stopped(tiny: ModuleType, tmp_path: Path) -> None:
    run = tiny.tiny_run(tmp_path)
    made = make_plan(run)
    whole = [list(iterate_batches(run, made, 2, 0, 7, rank, 2)) for rank in (0, 1)]
    for (step, first, batch), (_, second, other) in zip(*whole, strict=True):
        np.testing.assert_array_equal(np.concatenate([first, second]), made.objects(step))
        np.testing.assert_array_equal(batch.points, run.points[first])
        assert batch.generator.initial_seed() != other.generator.initial_seed()
    resumed = list(iterate_batches(run, made, 2, 4, 7, 0, 2))
    for (step, objects, batch), (step_of_whole, expected, same) in zip(resumed, whole[0][4:], strict=True):
        assert step == step_of_whole and batch.generator.initial_seed() == same.generator.initial_seed()
        np.testing.assert_array_equal(objects, expected)
        assert torch.equal(batch.views, same.views)
    seeds = [batch.generator.initial_seed() for _, _, batch in whole[0]]
    assert len(set(seeds)) == len(seeds)


def test_views_of_an_object_are_distinct_and_drawn_anew_for_each_object(tiny: ModuleType, tmp_path: Path) -> None:
    run = tiny.tiny_run(tmp_path)
    chosen: list[NDArray[np.int64]] = []
    read = run.views.read
    run.views.read = lambda objects, views: chosen.append(views) or read(objects, views)
    batch = assemble(run, np.arange(40), 3, torch.Generator().manual_seed(0))
    (views,) = chosen
    assert views.shape == (40, 3) and all(len(set(row)) == 3 for row in views.tolist())
    assert set(views.ravel()) == set(range(5)) and len({tuple(row) for row in views.tolist()}) > 20
    np.testing.assert_array_equal(batch.labels, np.arange(40) % 4)
    np.testing.assert_array_equal(batch.views, run.views.pixels[np.arange(40)[:, None], views])

"""The order of the units: another one in each epoch, the same one for the same seed and epoch."""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.training.tiny_training import tiny_task

from concord3d.batches.interface import Batch, IntArray, shuffled
from concord3d.training.steps import Steps, steps_of

INDEX = np.arange(100, 123)


@dataclass(frozen=True)
class Drawn(Batch):
    """Units, and the seed of the generator that they were read with."""

    units: IntArray
    seed: int


class Numbers:
    """Units that are read as themselves, and how often an order was asked for."""

    unit, identity = "numbers", "numbers"

    def __init__(self) -> None:
        self.orders = 0

    def __len__(self) -> int:
        return 200

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        self.orders += 1
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> Drawn:
        return Drawn(units, draw.initial_seed())

    def validated(self) -> None:
        pass


def steps(seed: int = 0, batch_size: int = 5, per_epoch: int = 5) -> Steps:
    return Steps(Numbers(), INDEX, batch_size, per_epoch, seed)


def epoch_order(of: Steps, epoch: int) -> NDArray[np.int64]:
    first = epoch * of.per_epoch
    return np.concatenate([of.units(step) for step in range(first, first + of.per_epoch)])


def test_every_epoch_sees_all_units_once_in_an_order_of_its_own() -> None:
    orders = [epoch_order(steps(), epoch) for epoch in range(6)]
    for order in orders:
        assert sorted(order) == sorted(INDEX)
    assert len({tuple(order) for order in orders}) == 6
    # No epoch is the one before, moved along.
    for first, second in pairwise(orders):
        assert not any(np.array_equal(np.roll(first, shift), second) for shift in range(len(INDEX)))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    np.testing.assert_array_equal(epoch_order(steps(), 3), epoch_order(steps(), 3))
    np.testing.assert_array_equal(epoch_order(steps(batch_size=8, per_epoch=3), 3), epoch_order(steps(), 3))
    assert not np.array_equal(epoch_order(steps(seed=1), 3), epoch_order(steps(), 3))
    of = steps()
    forwards = [of.units(step) for step in range(15)]
    for step in reversed(range(15)):
        np.testing.assert_array_equal(of.units(step), forwards[step])


def test_an_order_is_made_once_an_epoch() -> None:
    of = steps()
    list(of.batches(0, 15, 0, 1))
    assert of.data.orders == 3


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "num_devices", "expected"),
    # 40 objects are trained on.
    [(8, True, 1, 5), (8, False, 1, 5), (12, True, 1, 3), (12, False, 1, 4), (13, False, 1, 3), (12, False, 4, 3)],
)
def test_a_last_batch_is_kept_where_it_is_asked_for_and_every_process_gets_two_units(
    tmp_path: Path, batch_size: int, drop_last: bool, num_devices: int, expected: int
) -> None:
    changes = {"training.batch_size": batch_size, "training.drop_last": drop_last}
    made = steps_of(tiny_task(tmp_path, changes, num_devices=num_devices))
    assert (made.per_epoch, made.batch_size, made.seed, len(made.index)) == (expected, batch_size, 3, 40)


def test_processes_share_a_batch_and_go_on_where_they_stopped() -> None:
    of = steps(batch_size=6)
    whole = [list(of.batches(0, 7, rank, 2)) for rank in (0, 1)]
    for (step, mine), (_, theirs) in zip(*whole, strict=True):
        assert len(mine.units) == len(of.units(step)) // 2
        np.testing.assert_array_equal(np.concatenate([mine.units, theirs.units]), of.units(step)[: 2 * len(mine.units)])
        assert mine.seed != theirs.seed
    resumed = list(of.batches(4, 7, 0, 2))
    for (step, batch), (step_of_whole, same) in zip(resumed, whole[0][4:], strict=True):
        assert step == step_of_whole and batch.seed == same.seed
        np.testing.assert_array_equal(batch.units, same.units)
    seeds = [batch.seed for _, batch in whole[0]]
    assert len(set(seeds)) == len(seeds) == 7


def test_objects_of_a_resumed_training_have_the_views_of_the_whole_one(tmp_path: Path) -> None:
    task = tiny_task(tmp_path)
    of = steps_of(task)
    whole, resumed = (list(of.batches(first, 7, 1, 2)) for first in (0, 4))
    for (step, batch), (step_of_whole, same) in zip(resumed, whole[4:], strict=True):
        assert step == step_of_whole
        np.testing.assert_array_equal(batch.points, task.units.points[of.units(step)[4:]])
        assert torch.equal(batch.points, same.points) and torch.equal(batch.views, same.views)


def test_an_order_belongs_to_its_steps_alone() -> None:
    first = steps()
    first.units(0)
    assert not np.array_equal(replace(first, seed=1).units(0), first.units(0))

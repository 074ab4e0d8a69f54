"""Which units meet in which step, in an order that depends on the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from concord3d.batches.interface import Batch, IntArray, TrainingData
from concord3d.training.seeding import derived_generator
from concord3d.training.task import TrainingTask


@dataclass(frozen=True)
class Steps:
    """The batches of one training.

    Attributes:
        data: What is trained on.
        index: Units to train on.
        batch_size: Units per step over all processes.
        per_epoch: Steps of one epoch.
        seed: The run's seed.
    """

    data: TrainingData[Batch]
    index: IntArray
    batch_size: int
    per_epoch: int
    seed: int
    _newest_order: dict[int, IntArray] = field(default_factory=dict, init=False, repr=False, compare=False)

    def units(self, step: int) -> IntArray:
        """Return the units of one 0-based step, over all processes."""
        epoch, position = divmod(step, self.per_epoch)
        return self._order(epoch)[position * self.batch_size : (position + 1) * self.batch_size]

    def _order(self, epoch: int) -> IntArray:
        order = self._newest_order.get(epoch)
        if order is None:
            order = self.data.order(self.index, derived_generator(self.seed, "order", epoch))
            self._newest_order.clear()
            self._newest_order[epoch] = order
        return order

    def batches(self, first_step: int, last_step: int, rank: int, num_ranks: int) -> Iterator[tuple[int, Batch]]:
        """Yield (step, batch) of one process for the steps [first_step, last_step).

        One batch is read ahead in a thread; each batch has a generator of its own, so reading ahead changes nothing.
        """

        def load(step: int) -> Batch:
            joint = self.units(step)
            share = len(joint) // num_ranks
            own = joint[rank * share : (rank + 1) * share]
            return self.data.read(own, derived_generator(self.seed, "views", step, rank))

        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead = reader.submit(load, first_step) if first_step < last_step else None
            for step in range(first_step, last_step):
                if ahead is None:
                    return
                batch = ahead.result()
                ahead = reader.submit(load, step + 1) if step + 1 < last_step else None
                yield step, batch


def steps_of(task: TrainingTask) -> Steps:
    """Return the steps of a task; a last batch of fewer units than the method needs is left out."""
    index, size = task.training_index(), task.training.batch_size
    full, rest = divmod(len(index), size)
    enough = rest >= task.method_settings.least_batch * task.num_devices
    keeps_rest = not task.training.drop_last and enough and rest % task.num_devices == 0
    return Steps(task.units, index, size, full + int(keeps_rest), task.seed)

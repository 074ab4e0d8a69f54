"""Batches, in an order that depends on the seed and the step alone.

Shape legend: B objects of this process, G objects over all processes, m views.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from concord3d.methods.interface import Batch, Targets
from concord3d.training.run import TrainRun
from concord3d.training.seeding import derived_generator


@dataclass(frozen=True)
class Plan:
    """Which objects meet in which step.

    Attributes:
        index: Shapes to train on.
        batch_size: Objects per step over all processes.
        steps_per_epoch: Steps of one epoch.
        seed: The run's seed.
    """

    index: NDArray[np.int64]
    batch_size: int
    steps_per_epoch: int
    seed: int

    def objects(self, step: int) -> NDArray[np.int64]:
        """Return the shapes of one 0-based step, over all processes."""
        epoch, position = divmod(step, self.steps_per_epoch)
        generator = derived_generator(self.seed, "order", epoch)
        order = torch.randperm(len(self.index), generator=generator).numpy()
        return self.index[order[position * self.batch_size : (position + 1) * self.batch_size]]


def make_plan(run: TrainRun) -> Plan:
    """Return the plan of a run; a last batch of one object is left out, as batch normalisation needs two."""
    index, size = run.training_index(), run.training.batch_size
    full, rest = divmod(len(index), size)
    keeps_rest = not run.training.drop_last and rest >= 2 * run.num_devices and rest % run.num_devices == 0
    return Plan(index, size, full + int(keeps_rest), run.seed)


def assemble(run: TrainRun, objects: NDArray[np.int64], num_views: int, view_generator: torch.Generator) -> Batch:
    """Read the clouds, labels, colours, randomly chosen views and tower features of some objects.

    Args:
        run: The data.
        objects: (B,) shape indices.
        num_views: Views per object, drawn without replacement in random order.
        view_generator: Source of the choice of views, pictures and texts.

    Returns:
        The batch, in CPU memory, with ``view_generator`` as its generator.
    """
    points = torch.from_numpy(np.ascontiguousarray(run.clouds[objects], dtype=np.float32))
    labels = None if run.labels is None else torch.from_numpy(run.labels[objects].astype(np.int64))
    views = None
    if num_views and run.views is not None:
        draw = torch.rand((len(objects), run.views.num_views), generator=view_generator)
        chosen = draw.argsort(dim=1)[:, :num_views].numpy()
        views = torch.from_numpy(np.ascontiguousarray(run.views.read(objects, chosen)))
    colors = None if run.colors is None else torch.from_numpy(np.ascontiguousarray(run.colors[objects]))
    targets = None
    if run.targets is not None:
        targets = Targets(*(torch.from_numpy(part) for part in run.targets.read(objects, view_generator)))
    return Batch(points, views, labels, view_generator, colors, targets)


def iterate_batches(
    run: TrainRun, plan: Plan, num_views: int, first_step: int, last_step: int, rank: int, num_ranks: int
) -> Iterator[tuple[int, NDArray[np.int64], Batch]]:
    """Yield (step, shape indices, batch) of one process for the steps [first_step, last_step).

    One batch is read ahead in a thread; each batch has its own generators, so reading ahead changes nothing.
    """

    def load(step: int) -> tuple[NDArray[np.int64], Batch]:
        joint = plan.objects(step)
        share = len(joint) // num_ranks
        objects = joint[rank * share : (rank + 1) * share]
        batch = assemble(run, objects, num_views, derived_generator(plan.seed, "views", step, rank))
        return objects, batch._replace(generator=derived_generator(plan.seed, "augmentation", step, rank))

    with ThreadPoolExecutor(max_workers=1) as reader:
        ahead = reader.submit(load, first_step) if first_step < last_step else None
        for step in range(first_step, last_step):
            if ahead is None:
                return
            objects, batch = ahead.result()
            ahead = reader.submit(load, step + 1) if step + 1 < last_step else None
            yield step, objects, batch


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Move the tensors of a batch; the generator stays on the CPU."""

    def move(tensor: Tensor) -> Tensor:
        return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)

    return Batch(
        move(batch.points),
        None if batch.views is None else move(batch.views),
        None if batch.labels is None else move(batch.labels),
        batch.generator,
        None if batch.colors is None else move(batch.colors),
        None if batch.targets is None else Targets(*(move(part) for part in batch.targets)),
    )

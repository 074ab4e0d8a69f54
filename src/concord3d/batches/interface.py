"""What the training loop asks of data and of their batches, of whatever kind.

Shape legend: B units of a batch (objects, pictures, rooms, sweeps).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IntArray = NDArray[np.int64]
BatchType = TypeVar("BatchType", bound="Batch")
BatchType_co = TypeVar("BatchType_co", bound="Batch", covariant=True)


@dataclass(frozen=True)
class Batch:
    """Base of every kind's batch: a dataclass whose fields hold tensors.

    Fields may be tensors, None, values of other types, and lists, tuples, mappings or dataclasses of such; where units
    differ in size, a list has one tensor per unit, or offsets say where each begins.
    """

    def to(self: BatchType, device: torch.device) -> BatchType:
        """Return the batch with every tensor on a device."""

        def move(tensor: Tensor) -> Tensor:
            # Pinned memory belongs to CUDA: elsewhere there may be none.
            pinned = tensor.pin_memory() if device.type == "cuda" else tensor
            return pinned.to(device, non_blocking=True)

        moved: BatchType = _mapped(self, move)
        return moved


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{entry.name: _mapped(getattr(value, entry.name), change) for entry in fields(value)})
    if isinstance(value, Mapping):
        return {key: _mapped(item, change) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_mapped(item, change) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, change) for item in value)
    return value


class TrainingData(Protocol[BatchType_co]):
    """The units that a training learns from, in a fixed order.

    Attributes:
        unit: What one unit is called in the record of a run, in the plural.
    """

    @property
    def unit(self) -> str: ...

    @property
    def identity(self) -> str:
        """A hash of all that batches are made of; asked for only where no workflow knows the files."""
        ...

    def __len__(self) -> int: ...

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        """Return the units of an epoch, ``index`` in random order; :func:`shuffled` where any unit is read alike.

        A set too large for memory may keep together what lies together, so that each shard is read once: batches are
        read one after another in this order. Called once per epoch.
        """
        ...

    def read(self, units: IntArray, draw: torch.Generator) -> BatchType_co:
        """Return the batch of some units, in CPU memory; never called by two threads at a time.

        Args:
            units: (B,) indices.
            draw: Source of every choice that reading makes, such as which views.
        """
        ...

    def validated(self) -> None:
        """Check what would fail late: values that are not finite, parts that do not belong together.

        Raises:
            ConcordError: Names what is wrong, and where.
        """
        ...


def shuffled(index: IntArray, draw: torch.Generator) -> IntArray:
    """Return an index in random order."""
    order: IntArray = index[torch.randperm(len(index), generator=draw).numpy()]
    return order

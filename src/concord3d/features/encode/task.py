"""One list of features to be computed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from concord3d.features.tower import TowerSpec

Encoder = TypeVar("Encoder")


class Opener(Protocol):
    """Opens an encoder once for all lists that a process computes."""

    def __call__(self, opening: Callable[..., Encoder], *told: Hashable) -> Encoder:
        """Return ``opening(*told, device, weights_folder)``."""
        ...


@dataclass(frozen=True)
class EncodeTask:
    """What is encoded, with what, and where to.

    Attributes:
        inputs: Files by name.
        outputs: Files to write, in the order of the kind.
        params: What else the kind is told, such as ``tower``: the fields of :class:`TowerSpec`.
        opened: Opens a tower or an encoder; a kind that needs none does not call it.
        store: Folder of feature shards.
    """

    inputs: Mapping[str, Sequence[Path]]
    outputs: Sequence[Path]
    params: Mapping[str, Any]
    opened: Opener
    store: Path

    @property
    def tower(self) -> TowerSpec:
        """Which tower."""
        return TowerSpec(**self.params["tower"])

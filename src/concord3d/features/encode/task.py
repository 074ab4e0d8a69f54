"""One list of features to be computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord3d.features.tower import Tower, TowerSpec


@dataclass(frozen=True)
class EncodeTask:
    """What is encoded, with what, and where to.

    Attributes:
        inputs: Files by name.
        outputs: Files to write, in the order of the kind.
        params: What else the kind is told.
        tower: Which tower.
        open_tower: Opens it; a kind that needs no tower does not call it.
        store: Folder of feature shards.
    """

    inputs: Mapping[str, Sequence[Path]]
    outputs: Sequence[Path]
    params: Mapping[str, Any]
    tower: TowerSpec
    open_tower: Callable[[], Tower]
    store: Path

"""Spaces that tests of rooms look at."""

from __future__ import annotations

from functools import cache

import numpy as np

from concord3d.world.rooms.furniture import WorldFurniture
from concord3d.world.rooms.scene_types import SCENE_TYPES
from concord3d.world.rooms.spaces import Changes, Space, furnish_space, revisit

SUPPLIER = WorldFurniture(0, 3, 120)
PER_TYPE = 4


@cache
def spaces() -> tuple[Space, ...]:
    """Some spaces of every kind."""
    return tuple(
        furnish_space(name, SUPPLIER, np.random.default_rng([number, index]))
        for number in range(PER_TYPE)
        for index, name in enumerate(SCENE_TYPES)
    )


@cache
def later_visits() -> tuple[tuple[Space, Space, Changes], ...]:
    """Each space, the same later, and what changed."""
    return tuple(
        (space, *revisit(space, SUPPLIER, np.random.default_rng([number, 99]))) for number, space in enumerate(spaces())
    )


def every_state() -> list[Space]:
    """All spaces at both visits."""
    return [*spaces(), *(later for _, later, _ in later_visits())]

"""What the families of scanned rooms have in common: what a split is made of, and whose furniture stands in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord3d.world.datasets.interface import DatasetFamily, Made, WorldRecipe
from concord3d.world.rooms.foreign import told
from concord3d.world.rooms.visits import SpaceItem, foreign_modules, space_items


class RoomFamily(DatasetFamily[SpaceItem, Made]):
    """Data sets of scanned rooms."""

    def foreign(self, recipe: WorldRecipe) -> Mapping[str, str]:
        return foreign_modules(recipe, self.layouts[recipe.dataset])

    def told_foreign(self, recipe: WorldRecipe) -> Mapping[str, Any]:
        return told(tuple(self.foreign(recipe)))

    def items(self, recipe: WorldRecipe, split: str) -> list[SpaceItem]:
        return space_items(recipe, self.layouts[recipe.dataset], split)

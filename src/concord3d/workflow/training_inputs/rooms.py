"""Files of a training on blocks of rooms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord3d.methods.settings import RoomMethodSettings
from concord3d.workflow.node import Made
from concord3d.workflow.tower_nodes import TowerNodes
from concord3d.workflow.training_inputs import only_dataset
from concord3d.workflow.training_inputs.objects import ObjectData
from concord3d.workflow.training_nodes import MadeTraining

# A paper's defaults are those of its trainings on objects.
SETTINGS = ObjectData


def inputs(
    run: Mapping[str, Any], settings: RoomMethodSettings, sources: TowerNodes, needs: Mapping[str, MadeTraining]
) -> dict[str, list[Made]]:
    """Return the files that a training reads, by name.

    Args:
        run: Resolved configuration.
        settings: Settings of the method.
        sources: Makes the nodes of stores.
        needs: Earlier trainings by role.

    Raises:
        ConfigError: Several data sets.
    """
    dataset = only_dataset(run, "rooms")
    if settings.left_out_area is None:
        return {"blocks": [sources.data.store(dataset, "train")]}
    # Folds over areas take blocks of both splits.
    return {"blocks": sources.data.stores(dataset)}

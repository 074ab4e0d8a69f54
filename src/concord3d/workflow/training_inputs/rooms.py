"""Files of a training on blocks of rooms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord3d.config.study import joined_datasets
from concord3d.errors import ConfigError
from concord3d.methods.settings import RoomMethodSettings
from concord3d.workflow.node import Made
from concord3d.workflow.tower_nodes import TowerNodes
from concord3d.workflow.training_inputs.objects import ObjectData

# A paper's defaults are those of its trainings on objects.
SETTINGS = ObjectData


def inputs(run: Mapping[str, Any], settings: RoomMethodSettings, sources: TowerNodes) -> dict[str, list[Made]]:
    """Return the files that a training reads, by name.

    Args:
        run: Resolved configuration.
        settings: Settings of the method.
        sources: Makes the nodes of stores.

    Raises:
        ConfigError: Several data sets.
    """
    sets = joined_datasets(run["pretrain"]["dataset"])
    if len(sets) > 1:
        raise ConfigError("Methods that read rooms train on one data set", where="data.dataset", found="+".join(sets))
    if settings.left_out_area is None:
        return {"blocks": [sources.data.store(sets[0], "train")]}
    # Folds over areas take blocks of both splits.
    return {"blocks": sources.data.stores(sets[0])}

"""Files of a training on frozen features of pictures and on texts: stores, and the features of their objects' views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord3d.config.study import joined_datasets
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.methods.settings import MethodSettings
from concord3d.workflow.node import Made
from concord3d.workflow.tower_nodes import TowerNodes
from concord3d.workflow.training_inputs.pictures import PictureData
from concord3d.workflow.training_nodes import MadeTraining

SETTINGS = PictureData


def inputs(
    run: Mapping[str, Any], settings: MethodSettings, sources: TowerNodes, needs: Mapping[str, MadeTraining]
) -> dict[str, list[Made]]:
    """Return the files that a training reads, by name.

    Args:
        run: Resolved configuration of the training of an aligned tower.
        settings: Settings of the method.
        sources: Makes the nodes of stores and frozen features.
        needs: Earlier trainings by role.
    """
    data, tower = run["data"], AlignedTowerConfig.model_validate(run["encoder"])
    sets = joined_datasets(run["pretrain"]["dataset"])
    return {
        "clouds": [sources.data.store(name, "train") for name in sets],
        "pictures": [
            sources.frozen_features(tower, name, "train", view_set, data["image_size"])
            for name in sets
            for view_set in data["view_sets"]
        ],
    }

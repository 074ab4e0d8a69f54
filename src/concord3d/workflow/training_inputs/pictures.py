"""Files of a training on pictures and texts: stores, whose shapes have texts, and the views of their objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from concord3d.config.study import joined_datasets
from concord3d.methods.settings import MethodSettings
from concord3d.workflow.node import Made
from concord3d.workflow.tower_nodes import TowerNodes
from concord3d.workflow.training_inputs import DataSettings, Pixels, ViewSetName
from concord3d.workflow.training_nodes import MadeTraining


class PictureData(DataSettings):
    """What a training on pictures and texts is told.

    Attributes:
        view_sets: Pictures of each object.
        image_size: Their H = W in pixels.
    """

    view_sets: list[ViewSetName] = Field(min_length=1)
    image_size: Pixels


SETTINGS = PictureData


def inputs(
    run: Mapping[str, Any], settings: MethodSettings, sources: TowerNodes, needs: Mapping[str, MadeTraining]
) -> dict[str, list[Made]]:
    """Return the files that a training reads, by name.

    Args:
        run: Resolved configuration.
        settings: Settings of the method.
        sources: Makes the nodes of stores and views.
        needs: Earlier trainings by role.
    """
    data = run["data"]
    sets = joined_datasets(run["pretrain"]["dataset"])
    return {
        "clouds": [sources.data.store(name, "train") for name in sets],
        "views": [
            sources.data.views(name, "train", view_set, data["image_size"])
            for name in sets
            for view_set in data["view_sets"]
        ],
    }

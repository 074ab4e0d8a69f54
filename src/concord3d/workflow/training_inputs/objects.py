"""Files of a training on single objects: clouds, and views or features of towers as the method reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from concord3d.config.study import joined_datasets
from concord3d.errors import ConfigError
from concord3d.methods.settings import ObjectMethodSettings
from concord3d.workflow.node import Made
from concord3d.workflow.tower_nodes import TowerNodes
from concord3d.workflow.training_inputs import DataSettings, Pixels, ViewSetName
from concord3d.workflow.training_nodes import MadeTraining


class ObjectData(DataSettings):
    """What a training on single objects is told.

    Attributes:
        num_points: Points of each cloud.
        view_set: Pictures of each object, where the method or the tower reads some.
        image_size: Their H = W in pixels.
        tower: Whose features the method reads or is compared with.
        without_classes: Names of classes that it never sees: their shapes are left out, and texts that name them.
        tower_knows_them: Whether the tower may have seen these classes; else it must have been trained without them.
    """

    num_points: int = Field(ge=1)
    view_set: ViewSetName | None = None
    image_size: Pixels | None = None
    tower: str | None = None
    without_classes: list[str] = []
    tower_knows_them: bool = False


SETTINGS = ObjectData


def inputs(
    run: Mapping[str, Any], settings: ObjectMethodSettings, sources: TowerNodes, needs: Mapping[str, MadeTraining]
) -> dict[str, list[Made]]:
    """Return the files that a training reads, by name.

    Args:
        run: Resolved configuration.
        settings: Settings of the method.
        sources: Makes the nodes of stores, views and tower features.
        needs: Earlier trainings by role.

    Raises:
        ConfigError: Classes are left out, and the method reads more than clouds and features of towers.
    """
    data = run["data"]
    if data.get("without_classes") and (settings.num_views or not settings.reads_targets):
        raise ConfigError(
            "Only trainings on clouds and features of towers can leave classes out",
            where="data.without_classes",
            found=f"method {run['method']}",
        )
    sets = joined_datasets(run["pretrain"]["dataset"])
    files = {"clouds": [sources.data.store(name, "train") for name in sets]}
    pictures = (data.get("view_set"), data.get("image_size"))
    if settings.num_views:
        files["views"] = [sources.data.views(name, "train", *pictures) for name in sets]
    if settings.reads_targets and data.get("tower") is not None:
        tower = data["tower"]
        files["image_features"] = [sources.image_features(tower, name, "train", *pictures) for name in sets]
        files["text_features"] = [sources.text_features(tower, name, "train") for name in sets]
    return files

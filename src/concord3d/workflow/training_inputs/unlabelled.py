"""Files of a training on objects whose labels it never reads: clouds, pictures, and the features of class names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt

from concord3d.errors import ConfigError
from concord3d.features.picture_strength import PictureStrength
from concord3d.methods.settings import MethodSettings
from concord3d.workflow.node import Made
from concord3d.workflow.tower_nodes import TowerNodes
from concord3d.workflow.training_inputs import DataSettings, Pixels, ViewSetName
from concord3d.workflow.training_nodes import MadeTraining


class UnlabelledData(DataSettings):
    """What a training on pairs of a cloud and a picture is told.

    Attributes:
        num_points: Points of each cloud.
        tower: Whose picture encoder is trained further, and whose text encoder names the classes.
        view_sets: Pictures of each object, by data set.
        image_size: Their H = W in pixels.
        num_views: How many of them are drawn from, evenly spread; null means all.
        num_strong: Strong versions of each picture that are made once, above a frozen trunk; 0 draws a new one at each
            step.
        strength: How strongly pictures are changed, and which patches are hidden.
    """

    num_points: int = Field(ge=1)
    tower: str
    view_sets: dict[str, ViewSetName]
    image_size: Pixels
    num_views: PositiveInt | None = None
    num_strong: NonNegativeInt = 0
    strength: PictureStrength = PictureStrength()


SETTINGS = UnlabelledData


def inputs(
    run: Mapping[str, Any], settings: MethodSettings, sources: TowerNodes, needs: Mapping[str, MadeTraining]
) -> dict[str, list[Made]]:
    """Return the files that a training reads, by name.

    Args:
        run: Resolved configuration.
        settings: Settings of the method.
        sources: Makes the nodes of stores, views, maps and features of class names.
        needs: Earlier trainings by role.

    Raises:
        ConfigError: Nobody says which pictures the data set has.
    """
    data, dataset = run["data"], run["pretrain"]["dataset"]
    view_set = view_set_of(data, dataset)
    files = {
        "clouds": [sources.data.store(dataset, "train")],
        "classes": [sources.class_features(data["tower"], dataset)],
    }
    if data.get("num_strong"):
        files["maps"] = [sources.trunk_maps(data, dataset, "train", view_set, data["num_strong"])]
    else:
        files["views"] = [sources.data.views(dataset, "train", view_set, data["image_size"])]
    return files


def tested_pictures(data: Mapping[str, Any], dataset: str, sources: TowerNodes) -> Made:
    """Return the pictures of a test split, in the form in which the training saw pictures.

    Args:
        data: The run's ``data`` section.
        dataset: The data set.
        sources: Makes the nodes.

    Raises:
        ConfigError: Nobody says which pictures the data set has.
    """
    view_set = view_set_of(data, dataset)
    if data.get("num_strong"):
        return sources.trunk_maps(data, dataset, "test", view_set, 0)
    return sources.data.views(dataset, "test", view_set, data["image_size"])


def view_set_of(data: Mapping[str, Any], dataset: str) -> str:
    """Return the pictures of a data set.

    Raises:
        ConfigError: Nobody says which.
    """
    view_sets: Mapping[str, str] = data["view_sets"]
    if dataset not in view_sets:
        raise ConfigError(
            f"Nobody says which pictures '{dataset}' has",
            where="data.view_sets",
            expected=f"a set of views for '{dataset}'",
            found=", ".join(view_sets) or "none",
        )
    return view_sets[dataset]

"""Files of a training on single objects: clouds, and views or features of towers as the method reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord3d.config.study import joined_datasets
from concord3d.methods.settings import ObjectMethodSettings
from concord3d.workflow.node import Made
from concord3d.workflow.tower_nodes import TowerNodes


def inputs(run: Mapping[str, Any], settings: ObjectMethodSettings, sources: TowerNodes) -> dict[str, list[Made]]:
    """Return the files that a training reads, by name.

    Args:
        run: Resolved configuration.
        settings: Settings of the method.
        sources: Makes the nodes of stores, views and tower features.
    """
    data = run["data"]
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

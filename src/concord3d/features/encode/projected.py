"""An aligned tower's features of pictures: its projection of what its frozen picture encoder made of them."""

from __future__ import annotations

from concord3d.features.aligned_tower import AlignedTower
from concord3d.features.cache import FeatureCount, image_features
from concord3d.features.encode.task import EncodeTask
from concord3d.features.stored import open_features
from concord3d.files import read_json

# The package whose sources decide what the shards hold.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Project the features of ``inputs["pictures"]`` into the index ``outputs[0]``; no encoder is opened.

    Raises:
        TowerMismatch: Another picture encoder made them than the projection was trained on.
    """
    [made], index = task.inputs["pictures"], task.outputs[0]
    tower = task.opened(AlignedTower.open, task.tower)
    pictures = open_features(made, tower.identity["pictures"])
    hashes, drawn_by = pictures.checksums, read_json(made).get("drawn_by")
    return image_features(pictures.shards, hashes, tower, tower.project, task.store, index, drawn_by)

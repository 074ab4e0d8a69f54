"""A tower's features of a view set's pictures; what is stored already is not encoded again."""

from __future__ import annotations

from concord3d.features.cache import FeatureCount
from concord3d.features.encode.task import EncodeTask
from concord3d.features.open_tower import open_tower
from concord3d.features.view_features import view_features

# The package whose sources decide what the shards hold.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Encode the pictures of ``inputs["views"]`` into the index ``outputs[0]``."""
    [views], index = task.inputs["views"], task.outputs[0]
    return view_features(views, task.opened(open_tower, task.tower), task.store, index)

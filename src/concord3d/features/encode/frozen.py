"""Features of a view set's pictures by a frozen picture encoder alone, for all aligned towers that have it."""

from __future__ import annotations

from concord3d.features.cache import FeatureCount
from concord3d.features.encode.task import EncodeTask
from concord3d.features.frozen_encoders import open_picture_encoder
from concord3d.features.view_features import view_features

# The package whose sources decide what the shards hold.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Encode the pictures of ``inputs["views"]`` by ``params["pictures"]`` into the index ``outputs[0]``."""
    [views], index, side = task.inputs["views"], task.outputs[0], task.params["pictures"]
    encoder = task.opened(open_picture_encoder, side["encoder"], side["image_size"])
    return view_features(views, encoder, task.store, index)

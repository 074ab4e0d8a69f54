"""A frozen trunk's maps of a view set's pictures, and of strong versions of them, for trainings above the trunk."""

from __future__ import annotations

from concord3d.features.cache import FeatureCount
from concord3d.features.efficientnet_adapter import preprocess_at
from concord3d.features.encode.task import EncodeTask
from concord3d.features.frozen_encoders import open_frozen_trunk
from concord3d.features.picture_strength import PictureStrength
from concord3d.features.trunk_maps import trunk_maps
from concord3d.render.stored import open_view_set

# The package whose sources decide what is made; nothing is kept in shards.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Compute the maps of ``inputs["views"]`` under ``params["trunk"]`` into ``outputs[0]``."""
    [path], told = task.inputs["views"], task.params
    trunk = task.opened(open_frozen_trunk, told["trunk"]["encoder"])
    preprocess = preprocess_at(told["trunk"]["image_size"])
    strength = PictureStrength.model_validate(told.get("strength", {}))
    maps = trunk_maps(open_view_set(path), trunk, preprocess, told["num_views"], told["num_strong"], strength)
    maps.write(task.outputs[0])
    return FeatureCount(encoded=len(maps) * maps.num_views * (1 + maps.num_strong))

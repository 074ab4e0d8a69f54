"""Features of a view set's pictures; what is stored already is not encoded again."""

from __future__ import annotations

from concord3d.features.cache import FeatureCount, image_features
from concord3d.features.encode.task import EncodeTask
from concord3d.files import read_json
from concord3d.render.stored import open_view_set

# The package whose sources decide what the shards hold.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Encode the pictures of ``inputs["views"]`` into the index ``outputs[0]``."""
    [views], index = task.inputs["views"], task.outputs[0]
    content = read_json(views)
    hashes = [shard["sha256"] for shard in content["shards"]]
    images, drawn_by = open_view_set(views).images, content.get("drawn_by")
    return image_features(images, hashes, task.open_tower(), task.store, index, drawn_by)

"""Features of the texts of a data set's shapes."""

from __future__ import annotations

from concord3d.data.stores.objects import CloudSplit
from concord3d.features.cache import FeatureCount, text_features
from concord3d.features.encode.task import EncodeTask
from concord3d.features.open_tower import open_tower
from concord3d.features.prompts import texts_of

# The package whose sources decide what the shards hold.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Encode the texts of the store ``inputs["clouds"]`` into the index ``outputs[0]``."""
    [store] = task.inputs["clouds"]
    texts = [text for shape in texts_of(CloudSplit.load(store)) for text in shape.all]
    return text_features(texts, task.opened(open_tower, task.tower), task.store, task.outputs[0])

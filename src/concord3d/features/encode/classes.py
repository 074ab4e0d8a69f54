"""Features of a data set's class names: means over the sentences about each."""

from __future__ import annotations

from concord3d.data.stores.objects import CloudSplit
from concord3d.features.cache import FeatureCount, text_features
from concord3d.features.encode.task import EncodeTask
from concord3d.features.open_tower import open_tower
from concord3d.features.prompts import all_class_prompts, class_features, save_class_features
from concord3d.features.stored import open_features

# The package whose sources decide what the shards hold.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Encode the class names of ``inputs["clouds"]`` into ``outputs[0]``, by way of the index ``outputs[1]``."""
    [store], (classes, index) = task.inputs["clouds"], task.outputs[:2]
    names, tower = CloudSplit.load(store).class_names, task.opened(open_tower, task.tower)
    count = text_features(all_class_prompts(names), tower, task.store, index)
    save_class_features(classes, names, class_features(open_features(index, tower.identity), names))
    return count

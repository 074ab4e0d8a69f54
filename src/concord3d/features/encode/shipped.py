"""Features of pictures and texts that a release brings along."""

from __future__ import annotations

from pathlib import Path

from concord3d.data.catalog import load_catalog
from concord3d.data.readers import find_reader
from concord3d.features.cache import FeatureCount
from concord3d.features.encode.task import EncodeTask
from concord3d.features.shipped import shipped_features

# The shards are the release's own.
MADE_BY = ()


def encode(task: EncodeTask) -> FeatureCount:
    """Take the features of a release into the indices ``outputs[0]`` (pictures) and ``outputs[1]`` (texts)."""
    [marker] = task.inputs["marker"]
    spec = load_catalog(Path(task.params["catalog"]))[task.params["dataset"]]
    features = find_reader(spec.reader).read_tower_features(spec, marker.parent, task.params["split"])
    return shipped_features(features, task.tower, task.store, *task.outputs[:2])

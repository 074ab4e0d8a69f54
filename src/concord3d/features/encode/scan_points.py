"""What the point encoder of a training makes of the objects of scans."""

from __future__ import annotations

from concord3d.data.stores.scans import ScanSplit
from concord3d.features.cache import FeatureCount
from concord3d.features.encode.task import EncodeTask
from concord3d.features.scan_points import ObjectClouds, open_extractor, scan_points
from concord3d.files import canonical_json

# The package whose sources decide what is made; nothing is kept in shards.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Encode the objects of the store ``inputs["scans"]`` by the weights ``inputs["extractor"]`` into ``outputs[0]``.

    ``params`` hold the run and ``rebuilt_by`` of the training, and ``clouds``, the fields of :class:`ObjectClouds`.
    """
    [path], [weights], told = task.inputs["scans"], task.inputs["extractor"], task.params
    encoder = task.opened(open_extractor, canonical_json(told["run"]), told["rebuilt_by"], weights)
    features = scan_points(ScanSplit.load(path), encoder, ObjectClouds(**told["clouds"]))
    features.write(task.outputs[0])
    return FeatureCount(encoded=int(features.has_point.sum() + features.has_cad.sum()))

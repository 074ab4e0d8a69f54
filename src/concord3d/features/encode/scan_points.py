"""What a point encoder makes of the objects of scans: that of a training, or a published one."""

from __future__ import annotations

from pathlib import Path

from concord3d.data.stores.scans import ScanSplit
from concord3d.features.cache import FeatureCount
from concord3d.features.encode.task import EncodeTask
from concord3d.features.scan_encoders import require_given
from concord3d.features.scan_features import ScanPoints
from concord3d.features.scan_points import ObjectClouds, open_extractor, scan_points
from concord3d.files import canonical_json

# The package whose sources decide what is made; nothing is kept in shards.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Encode the objects of the store ``inputs["scans"]`` by the weights ``inputs["extractor"]`` into ``outputs[0]``.

    ``params`` hold the run and ``rebuilt_by`` of the training, and ``clouds``, the fields of :class:`ObjectClouds`. Of
    an encoder that does not run here, the features in the file ``params["given"]`` are taken.

    Raises:
        TowerWeightsMissing: There is no such file.
        UnreadableFile: The file holds features of other scans.
    """
    [path], told = task.inputs["scans"], task.params
    split = ScanSplit.load(path)
    if told.get("given") is not None:
        require_given(told["encoder"], Path(told["given"]))
        features = ScanPoints.read(Path(told["given"]), split)
    else:
        [weights] = task.inputs["extractor"]
        encoder = task.opened(open_extractor, canonical_json(told["run"]), told["rebuilt_by"], weights)
        features = scan_points(split, encoder, ObjectClouds(**told["clouds"]))
    features.write(task.outputs[0])
    return FeatureCount(encoded=int(features.has_point.sum() + features.has_cad.sum()))

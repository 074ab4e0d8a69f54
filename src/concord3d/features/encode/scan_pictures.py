"""What a frozen picture encoder makes of scans: objects' crops, key frames and floorplans."""

from __future__ import annotations

from pathlib import Path

from concord3d.data.stores.scans import ScanSplit
from concord3d.features.cache import FeatureCount
from concord3d.features.encode.task import EncodeTask
from concord3d.features.frozen_encoders import open_picture_encoder
from concord3d.features.scan_encoders import require_given
from concord3d.features.scan_features import ScanPictures
from concord3d.features.scan_pictures import MapEncoder, scan_pictures

# The package whose sources decide what is made; nothing is kept in shards.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Encode the pictures of the store ``inputs["scans"]`` into ``outputs[0]``.

    Of an encoder that does not run here, the features in the file ``params["given"]`` are taken.

    Raises:
        TowerWeightsMissing: There is no such file.
        UnreadableFile: A picture is damaged, or the file holds features of other scans.
    """
    [path], told = task.inputs["scans"], task.params
    split = ScanSplit.load(path)
    if told["given"] is not None:
        require_given(told["encoder"], Path(told["given"]))
        features = ScanPictures.read(Path(told["given"]), split)
    else:
        encoder = MapEncoder(task.opened(open_picture_encoder, told["encoder"], told["picture_size"]))
        features = scan_pictures(split, encoder, told["crop_levels"])
    features.write(task.outputs[0])
    return FeatureCount(encoded=int(features.has_image.sum() + features.has_frames.sum()))

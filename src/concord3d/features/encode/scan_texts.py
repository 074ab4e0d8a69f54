"""What a frozen sentence encoder makes of the referrals to the objects of scans."""

from __future__ import annotations

from pathlib import Path

from concord3d.data.stores.scans import ScanSplit
from concord3d.features.cache import FeatureCount
from concord3d.features.encode.task import EncodeTask
from concord3d.features.frozen_encoders import open_sentence_encoder
from concord3d.features.scan_encoders import require_given
from concord3d.features.scan_features import ScanTexts
from concord3d.features.scan_texts import scan_texts

# The package whose sources decide what is made; nothing is kept in shards.
MADE_BY = ("concord3d.features",)


def encode(task: EncodeTask) -> FeatureCount:
    """Encode the referrals of the store ``inputs["scans"]`` into ``outputs[0]``.

    Of an encoder that does not run here, the features in the file ``params["given"]`` are taken.

    Raises:
        TowerWeightsMissing: There is no such file.
        UnreadableFile: The file holds features of other scans.
    """
    [path], told = task.inputs["scans"], task.params
    split = ScanSplit.load(path)
    if told["given"] is not None:
        require_given(told["encoder"], Path(told["given"]))
        features = ScanTexts.read(Path(told["given"]), split)
    else:
        encoder = task.opened(open_sentence_encoder, told["encoder"])
        features = scan_texts(split, encoder, told["scene_referrals"], told["referral_seed"])
    features.write(task.outputs[0])
    return FeatureCount(encoded=int(features.has_referral.sum() + features.has_scene_referral.sum()))

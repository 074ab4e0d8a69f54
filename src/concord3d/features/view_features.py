"""Features of a view set's pictures under any encoder of pictures."""

from __future__ import annotations

from pathlib import Path

from concord3d.features.cache import FeatureCount, image_features
from concord3d.features.frozen_encoders import PictureEncoder
from concord3d.features.tower import Tower
from concord3d.files import read_json
from concord3d.render.stored import open_view_set


def view_features(views: Path, encoder: Tower | PictureEncoder, store: Path, index: Path) -> FeatureCount:
    """Encode the pictures of a view set, unless their features are stored already.

    Args:
        views: Index of the view set.
        encoder: A tower, or a frozen picture encoder.
        store: Folder of feature shards.
        index: The index to write.

    Returns:
        What was done.

    Raises:
        UnreadableFile: The view set is absent or damaged.
        TowerError, DiskFull: See :func:`concord3d.features.cache.image_features`.
    """
    content = read_json(views)
    hashes = [shard["sha256"] for shard in content["shards"]]
    images, drawn_by = open_view_set(views).images, content.get("drawn_by")
    return image_features(images, hashes, encoder, encoder.encode_images, store, index, drawn_by)

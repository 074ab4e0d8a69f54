"""Tower features that a release brings along, taken into the store as if they had been encoded here.

Shape legend: S shapes, V pictures per shape, T distinct texts, D feature width.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.readers.interface import ShapeFeatures
from concord3d.errors import DatasetError
from concord3d.features.cache import FeatureCount, ShardWriter, text_shards
from concord3d.features.tower import TowerMismatch, TowerSpec, is_unusable
from concord3d.refusals import refusals_named

SHIPPED_MODEL, SHIPPED_WEIGHTS = "ViT-bigG-14", "laion2b_s39b_b160k"
_SHARD_SHAPES = 512


def shipped_features(
    records: Iterable[ShapeFeatures], tower: TowerSpec, store: Path, image_index: Path, text_index: Path
) -> FeatureCount:
    """Store the features of OpenShape's release under the indices that encoding would have written.

    A text that occurs both as a name or caption, whose feature is an average over prompts, and as a retrieved text,
    whose feature is not, keeps the feature of its first occurrence.

    Args:
        records: Shapes in the order of their clouds.
        tower: The tower that the run asks for.
        store: Folder of feature shards.
        image_index: Index of (S, V, D) features of pictures to write.
        text_index: Index of (T, D) features of texts to write.

    Returns:
        Pictures and texts stored and found.

    Raises:
        TowerMismatch: The run asks for another tower than the release used.
        DatasetError: There are no shapes, or they differ in their pictures.
        TowerError: Features that are not finite.
        DiskFull: There is no room.
    """
    if (tower.model, tower.weights) != (SHIPPED_MODEL, SHIPPED_WEIGHTS):
        raise TowerMismatch(
            "The release brings features of another tower",
            where="data.tower",
            expected=f"{SHIPPED_MODEL} {SHIPPED_WEIGHTS}",
            found=f"{tower.model} {tower.weights}",
            next_step="use that tower for data sets of OpenShape's release",
        )
    pictures, row_of = _PictureShards(store), dict[str, int]()
    # Millions of texts do not fit into memory with their features.
    with refusals_named(tempfile.gettempdir()), tempfile.TemporaryFile() as scratch:
        for record in records:
            pictures.add(record)
            for text, feature in zip(record.texts.all, record.text_features, strict=True):
                if not is_unusable(text) and text not in row_of:
                    row_of[text] = len(row_of)
                    scratch.write(_half(feature).tobytes())
        scratch.flush()
        image_count = pictures.finish(image_index)
        if not row_of:
            raise DatasetError(
                "The shapes of the release have no texts", where=text_index, expected="at least one text"
            )
        features = np.memmap(scratch, np.float16, "r", shape=(len(row_of), pictures.dim))
        writer = ShardWriter("texts", _identity(), pictures.dim, store)
        for shard in text_shards(row_of):
            rows = [row_of[text] for text in shard]
            writer.add(shard, len(shard), len(shard), partial(features.__getitem__, rows))
        return image_count + writer.finish(text_index, {})


class _PictureShards:
    """Collects the pictures' features of consecutive shapes into shards."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._writer: ShardWriter | None = None
        self._waiting: list[NDArray[np.float16]] = []
        self._form: tuple[int, ...] = ()

    @property
    def dim(self) -> int:
        """D."""
        return self._form[1]

    def add(self, record: ShapeFeatures) -> None:
        features = _half(record.image_features)
        self._form = self._form or features.shape
        if features.shape != self._form:
            raise DatasetError(
                "Shapes of the release differ in their pictures",
                where=record.name,
                expected=self._form,
                found=features.shape,
            )
        self._waiting.append(features)
        if len(self._waiting) == _SHARD_SHAPES:
            self._flush()

    def finish(self, index_path: Path) -> FeatureCount:
        if self._waiting:
            self._flush()
        if self._writer is None:
            raise DatasetError("The release holds no shapes", where=index_path, expected="at least one shape")
        return self._writer.finish(index_path, {"num_views": self._form[0]})

    def _flush(self) -> None:
        shard = np.stack(self._waiting)
        self._waiting = []
        if self._writer is None:
            self._writer = ShardWriter("images", _identity(), self.dim, self._store)
        digest = hashlib.sha256(shard.tobytes()).hexdigest()
        rows, views = shard.shape[:2]
        self._writer.add([digest, rows, views], rows, rows * views, lambda: shard)


def _half(features: NDArray[np.float32]) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):  # what does not fit is found when it is stored
        return features.astype(np.float16)


def _identity() -> dict[str, Any]:
    return {"model": SHIPPED_MODEL, "weights": SHIPPED_WEIGHTS, "encoded_by": "OpenShape's release"}

"""Reading features that a tower computed before; see :mod:`concord3d.features.cache`.

Shape legend: S objects, V pictures per object, T distinct texts, D feature width, n rows of one shard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import ShardedRows, allow_open_files
from concord3d.errors import UnreadableFile
from concord3d.features.tower import BadText, TowerMismatch
from concord3d.files import content_hash, read_json

FORMAT = 1
_REMEDY = "run the encoding step again: it remakes this shard alone"


def shard_key(kind: str, tower: Mapping[str, Any], content: Sequence[Any]) -> str:
    """Return the name of the shard that holds what a tower makes of this content."""
    return content_hash({"format": FORMAT, "kind": kind, "tower": dict(tower), "content": list(content)})


class FeatureSet:
    """Stored features of an ordered list of objects' pictures, or of a set of texts; see :func:`open_features`.

    Attributes:
        kind: ``images`` or ``texts``.
        dim: D.
        num_items: S objects or T texts.
        tower: Identity of the tower.
        shards: Memory-mapped float16, (n, V, D) or (n, D) each.
    """

    def __init__(self, index_path: Path) -> None:
        self._index_path = index_path
        index = _read_index(index_path)
        self.kind: str = index["kind"]
        self.dim: int = index["dim"]
        self.tower: dict[str, Any] = index["tower"]
        self._num_views: int | None = index.get("num_views")
        self._store = index_path.parent / index["store"]
        self._entries: list[dict[str, Any]] = index["shards"]
        self.num_items = sum(entry["rows"] for entry in self._entries)
        allow_open_files(len(self._entries))
        self.shards: list[NDArray[np.float16]] = [self._map(entry) for entry in self._entries]

    def __reduce__(self) -> tuple[Callable[[Path], FeatureSet], tuple[Path]]:
        # A copy sent to a worker process opens the files again instead of carrying the features.
        return FeatureSet, (self._index_path,)

    @property
    def checksums(self) -> list[str]:
        """SHA-256 of each shard."""
        return [entry["sha256"] for entry in self._entries]

    @property
    def identity(self) -> str:
        """SHA-256 over the checksums of all shards: equal features in equal order have equal identities."""
        return content_hash(self.checksums)

    @property
    def num_views(self) -> int:
        """V; of features of pictures."""
        return int(self.rows.shape[1])

    @cached_property
    def array(self) -> NDArray[np.float16]:
        """(S, V, D) or (T, D): memory-mapped where there is one shard, else joined in memory at the first use."""
        return self.shards[0] if len(self.shards) == 1 else np.concatenate(self.shards)

    @property
    def rows(self) -> ShardedRows:
        """(S, V, D) or (T, D), read where it is asked."""
        return ShardedRows(self.shards)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The T texts in the order of the rows; none for pictures.

        Raises:
            UnreadableFile: The record of a shard is damaged.
        """
        return tuple(text for entry in self._entries for text in self._texts_of(entry)) if self.kind == "texts" else ()

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of each text in :attr:`array`; absent texts have none."""
        return {text: row for row, text in enumerate(self.texts)}

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the stored features of some texts, as a tower would.

        Args:
            texts: B texts, each among :attr:`texts`.

        Returns:
            (B, D) float32, not normalised.

        Raises:
            BadText: A text was not encoded.
        """
        rows = [self.row_of.get(text) for text in texts]
        if None in rows:
            raise BadText(
                "There are no stored features of a text",
                where=self._index_path,
                found=repr(texts[rows.index(None)][:80]),
                next_step="encode it with the others, or leave out empty texts",
            )
        return self.array[np.array(rows, np.int64)].astype(np.float32)

    def _map(self, entry: dict[str, Any]) -> NDArray[np.float16]:
        path = self._store / entry["file"]
        size = path.stat().st_size if path.is_file() else None
        if size != entry["bytes"]:
            raise UnreadableFile(
                "A shard of features is damaged",
                where=path,
                expected=f"{entry['bytes']} bytes",
                found="no file" if size is None else f"{size} bytes",
                next_step=_REMEDY,
            )
        views = [] if self._num_views is None else [self._num_views]
        expected = (entry["rows"], *views, self.dim)
        try:
            features = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UnreadableFile(
                "A shard of features is damaged", where=path, found=error, next_step=_REMEDY
            ) from error
        if features.dtype != np.float16 or features.shape != expected:
            raise UnreadableFile(
                "A shard of features has another form",
                where=path,
                expected=f"float16 {expected}",
                found=f"{features.dtype} {features.shape}",
                next_step=_REMEDY,
            )
        return features

    def _texts_of(self, entry: dict[str, Any]) -> list[str]:
        path = (self._store / entry["file"]).with_suffix(".json")
        record = read_json(path)
        texts = record.get("texts") if isinstance(record, dict) else None
        # The name of a shard is the hash of its texts.
        if not isinstance(texts, list) or shard_key(self.kind, self.tower, texts) != path.stem:
            raise UnreadableFile("The texts of a shard of features are damaged", where=path, next_step=_REMEDY)
        return texts


def open_features(index_path: Path, tower: Mapping[str, Any] | None = None) -> FeatureSet:
    """Open the features listed in an index; sizes and forms of all shards are checked, not their checksums.

    Args:
        index_path: Written by :func:`concord3d.features.cache.image_features` or ``text_features``.
        tower: Identity that the tower must have; None accepts any.

    Raises:
        UnreadableFile: The index or a shard is absent or damaged.
        TowerMismatch: Another tower made the features; the parts of its identity that differ are named.
    """
    features = FeatureSet(index_path)
    if tower is not None and content_hash(dict(tower)) != content_hash(features.tower):
        differing = sorted(key for key in {*tower, *features.tower} if tower.get(key) != features.tower.get(key))
        raise TowerMismatch(
            "These features were made by another tower",
            where=index_path,
            expected={key: tower.get(key) for key in differing},
            found={key: features.tower.get(key) for key in differing},
            next_step="encode pictures and texts with the same tower",
        )
    return features


def _read_index(index_path: Path) -> dict[str, Any]:
    index = read_json(index_path)
    if not isinstance(index, dict) or index.get("format") != FORMAT or index.get("kind") not in ("images", "texts"):
        raise UnreadableFile(
            "Not an index of features",
            where=index_path,
            expected=f"format {FORMAT}",
            next_step="run the encoding step again",
        )
    return index

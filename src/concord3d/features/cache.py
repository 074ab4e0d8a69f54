"""A content-addressed store of tower features: what is already encoded and intact is never encoded again.

A shard is one uncompressed float16 ``.npy`` file. Its name is the hash of the tower's identity and of what was encoded:
the checksum of a shard of pictures, or the texts themselves. The record beside it (``.json``) gives its size and
checksum, and for texts the texts. An index lists the shards of one ordered list of pictures or of one set of texts.

Texts are spread over their shards by their own hashes, so that a changed text touches one shard alone.

Shape legend: S objects, V pictures per object, T distinct texts, D feature width, n rows of one shard.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ConfigError, UnreadableFile
from concord3d.features.stored import FORMAT, shard_key
from concord3d.features.tower import FeatureSpace, Tower, TowerError, is_unusable
from concord3d.files import atomic_path, read_json, sha256_file, write_json

SHARD_TEXTS = 4096
_BLOCK_PICTURES = 2048

_log = logging.getLogger(__name__)


@dataclass
class FeatureCount:
    """What a call did.

    Attributes:
        encoded: Pictures or texts that went through the tower.
        kept: Those whose features were found intact.
        left_out: Texts that count as absent (see :func:`concord3d.features.tower.is_unusable`).
        seconds: Time spent in the tower.
        shards_encoded: Shards made.
        shards_kept: Shards found intact.
    """

    encoded: int = 0
    kept: int = 0
    left_out: int = 0
    seconds: float = 0.0
    shards_encoded: int = 0
    shards_kept: int = 0

    def __add__(self, other: FeatureCount) -> FeatureCount:
        """Return what two calls did together."""
        return FeatureCount(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))

    def record(self) -> dict[str, Any]:
        """Return the numbers with the throughput (None where nothing was encoded), for a run's record."""
        rate = round(self.encoded / self.seconds, 2) if self.encoded and self.seconds else None
        return {**self.__dict__, "seconds": round(self.seconds, 3), "items_per_s": rate}


def image_features(
    images: Sequence[NDArray[Any]],
    hashes: Sequence[str],
    space: FeatureSpace,
    encode: Callable[[NDArray[Any]], NDArray[np.float32]],
    store: Path,
    index_path: Path,
    drawn_by: Mapping[str, Any] | None = None,
) -> FeatureCount:
    """Encode the pictures of an ordered list of objects, unless their features are stored already.

    Args:
        images: (n, V, ...) per shard of pictures, in order, such as the ``images`` of a view set, or features of these.
        hashes: Checksum of each of these shards; the pictures themselves are not hashed again.
        space: The frozen tower, or a frozen picture encoder.
        encode: Returns its (B, D) features of (B, ...) pictures.
        store: Folder of feature shards, shared between towers and lists.
        index_path: The index to write; read it with :func:`concord3d.features.stored.open_features`.
        drawn_by: Renderer and library of the pictures, for the records of trainings that see the features alone.

    Returns:
        What was done, with the time in the tower.

    Raises:
        ConfigError: Shards and hashes differ in number, or there are none.
        TowerError: Features that are not finite.
        DiskFull: There is no room; earlier shards are kept.
    """
    if len(images) != len(hashes) or not images:
        raise ConfigError(
            "Pictures and their checksums differ in number, or there are none",
            where=index_path,
            expected=len(images) or "at least one shard",
            found=len(hashes),
        )
    writer = ShardWriter("images", space.identity, space.dim, store)
    for shard, digest in zip(images, hashes, strict=True):
        rows, views = shard.shape[:2]

        def encoded(shard: NDArray[Any] = shard) -> NDArray[np.float32]:
            flat = shard.reshape(-1, *shard.shape[2:])
            blocks = [flat[start : start + _BLOCK_PICTURES] for start in range(0, len(flat), _BLOCK_PICTURES)]
            features = np.concatenate([encode(np.asarray(block)) for block in blocks])
            return features.reshape(*shard.shape[:2], -1)

        writer.add([digest, rows, views], rows, rows * views, encoded)
    extra = {} if drawn_by is None else {"drawn_by": dict(drawn_by)}
    return writer.finish(index_path, {"num_views": int(images[0].shape[1]), **extra})


def text_features(texts: Iterable[str], tower: Tower, store: Path, index_path: Path) -> FeatureCount:
    """Encode the distinct texts of a collection, unless their features are stored already.

    Args:
        texts: Any number, repetitions allowed; texts that count as absent are left out.
        tower: The frozen tower.
        store: Folder of feature shards, shared between towers and lists.
        index_path: The index to write; read it with :func:`concord3d.features.stored.open_features`.

    Returns:
        What was done, with the time in the tower.

    Raises:
        ConfigError: No text is left.
        TowerError: Features that are not finite.
        DiskFull: There is no room; earlier shards are kept.
    """
    distinct = set(texts)
    usable = [text for text in distinct if not is_unusable(text)]
    if not usable:
        raise ConfigError(
            "There are no texts to encode",
            where=index_path,
            expected="at least one text",
            found=f"{len(distinct)} empty",
        )
    writer = ShardWriter("texts", tower.identity, tower.dim, store)
    for shard in text_shards(usable):
        writer.add(shard, len(shard), len(shard), partial(tower.encode_texts, shard))
    writer.count.left_out = len(distinct) - len(usable)
    return writer.finish(index_path, {})


def text_shards(texts: Iterable[str]) -> list[list[str]]:
    """Spread distinct texts over shards by their hashes."""
    by_hash = {_text_hash(text): text for text in texts}
    num_shards = 1
    while len(by_hash) > num_shards * SHARD_TEXTS:
        num_shards *= 2
    shards: list[list[str]] = [[] for _ in range(num_shards)]
    for digest in sorted(by_hash):
        shards[int(digest[:8], 16) % num_shards].append(by_hash[digest])
    return [shard for shard in shards if shard]


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class ShardWriter:
    """Keeps or encodes one shard after the other and collects the index.

    Args:
        kind: What was encoded.
        tower: Identity of the tower.
        dim: D.
        store: Folder of feature shards.
    """

    def __init__(self, kind: Literal["images", "texts"], tower: dict[str, Any], dim: int, store: Path) -> None:
        self._kind, self._tower, self._dim, self._store = kind, tower, dim, store
        self._entries: list[dict[str, Any]] = []
        self.count = FeatureCount()

    def add(self, content: list[Any], rows: int, items: int, encode: Callable[[], NDArray[np.floating]]) -> None:
        """Add a shard, and make it if it is not stored intact.

        Args:
            content: What is encoded, by checksum or as texts; names the shard.
            rows: Objects or texts.
            items: Pictures or texts.
            encode: Returns the features, rows first.

        Raises:
            TowerError: Features that are not finite.
            DiskFull: There is no room.
        """
        key = shard_key(self._kind, self._tower, content)
        path = self._store / key[:2] / f"{key}.npy"
        record = _intact_record(path, content if self._kind == "texts" else None)
        if record is None:
            record = self._encode(path, content, items, encode)
            self.count.shards_encoded += 1
        else:
            self.count.kept += items
            self.count.shards_kept += 1
        relative = path.relative_to(self._store).as_posix()
        self._entries.append({"file": relative, "rows": rows, "bytes": record["bytes"], "sha256": record["sha256"]})

    def _encode(
        self, path: Path, content: list[Any], items: int, encode: Callable[[], NDArray[np.floating]]
    ) -> dict[str, Any]:
        started = time.perf_counter()
        features = encode()
        seconds = time.perf_counter() - started
        self.count.encoded += items
        self.count.seconds += seconds
        _log.info("%d %s encoded, %.1f per second: %s", items, self._kind, items / max(seconds, 1e-9), path.name)
        with np.errstate(over="ignore"):
            half = features.astype(np.float16)
        bad = np.flatnonzero(~np.isfinite(half).reshape(len(half), -1).all(axis=1))
        if len(bad):
            raise TowerError(
                "A tower gave features that are not finite, or beyond the range of 16 bits",
                where=f"row {bad[0]} of {path.name}",
                expected="finite values below 65,504",
                next_step="check the tower's weights and precision",
            )
        with atomic_path(path) as temporary:
            with temporary.open("wb") as stream:
                np.lib.format.write_array(stream, half, allow_pickle=False)
            record: dict[str, Any] = {"bytes": temporary.stat().st_size, "sha256": sha256_file(temporary)}
        record |= {"texts": content} if self._kind == "texts" else {}
        write_json(path.with_suffix(".json"), record)
        return record

    def finish(self, index_path: Path, extra: dict[str, Any]) -> FeatureCount:
        """Write the index of all shards added, with more entries, and return what was done."""
        count = self.count
        _log.info("%s: %d encoded, %d found, %d left out", self._kind, count.encoded, count.kept, count.left_out)
        write_json(
            index_path,
            {
                "format": FORMAT,
                "kind": self._kind,
                "tower": self._tower,
                "dim": self._dim,
                "store": Path(os.path.relpath(self._store, index_path.parent)).as_posix(),
                "shards": self._entries,
                **extra,
            },
        )
        return count


def _intact_record(path: Path, texts: list[str] | None) -> dict[str, Any] | None:
    """Return the record of a shard whose every byte is as recorded, else None."""
    try:
        record = read_json(path.with_suffix(".json"))
        size, digest = record["bytes"], record["sha256"]
        intact = path.stat().st_size == size and sha256_file(path) == digest
        intact = intact and record.get("texts") == texts
    except (UnreadableFile, OSError, KeyError, TypeError, AttributeError):
        intact = False
    if not intact:
        if path.exists():
            _log.warning("a stored shard of features is damaged and will be made again: %s", path)
        return None
    return {"bytes": size, "sha256": digest}

"""Reading views that were drawn before; see :mod:`concord3d.render.shards`.

Shape legend: S objects, V views, H and W image height and width, C channels, B batch, m views per item.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import ShardedRows, allow_open_files
from concord3d.errors import RenderError, UnreadableFile
from concord3d.files import content_hash, read_json

FORMAT = 1


class ViewSet:
    """Read access to the views of an ordered list of objects; see :func:`open_view_set`.

    Attributes:
        num_objects: S.
        num_views: V.
        image_size: H = W.
        channels: C, 3 for colour or 1 for depth.
        identity: Hash of which pictures these are: of the objects, the specification and the renderer's version.
        images: One memory-mapped (n, V, H, W, C) uint8 array per shard, in order.
    """

    def __init__(self, index_path: Path) -> None:
        self._index_path = index_path
        index = _read_index(index_path)
        spec = index["spec"]
        self.num_objects: int = index["num_objects"]
        self.num_views: int = index["num_views"]
        self.image_size: int = spec["image_size"]
        self.channels: int = index["channels"]
        self.spec: dict[str, Any] = spec
        self.identity = content_hash([shard["file"] for shard in index["shards"]])
        store = index_path.parent / index["store"]
        allow_open_files(len(index["shards"]))
        self.images: list[NDArray[np.uint8]] = [self._map(store, shard) for shard in index["shards"]]
        self._rows = ShardedRows(self.images)

    def __reduce__(self) -> tuple[Callable[[Path], ViewSet], tuple[Path]]:
        # A copy sent to a worker process opens the files again instead of carrying the pictures.
        return open_view_set, (self._index_path,)

    def _map(self, store: Path, shard: dict[str, Any]) -> NDArray[np.uint8]:
        path = store / shard["file"]
        expected = (shard["rows"], self.num_views, self.image_size, self.image_size, self.channels)
        remedy = "run the rendering step again: it remakes this shard alone"
        if not path.is_file() or path.stat().st_size != shard["bytes"]:
            found = f"{path.stat().st_size} bytes" if path.is_file() else "no file"
            raise UnreadableFile(
                "A shard of views is damaged",
                where=path,
                expected=f"{shard['bytes']} bytes",
                found=found,
                next_step=remedy,
            )
        try:
            images = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UnreadableFile("A shard of views is damaged", where=path, found=error, next_step=remedy) from error
        if images.dtype != np.uint8 or images.shape != expected:
            raise UnreadableFile(
                "A shard of views has another form",
                where=path,
                expected=f"uint8 {expected}",
                found=f"{images.dtype} {images.shape}",
                next_step=remedy,
            )
        return images

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return some views of some objects.

        Args:
            object_index: (B,) int64 in [0, S).
            view_index: (B, m) int64 in [0, V).

        Returns:
            (B, m, H, W, C) uint8.

        Raises:
            RenderError: An index is out of range, or the shapes do not fit.
        """
        objects, views = np.asarray(object_index), np.asarray(view_index)
        if objects.ndim != 1 or views.ndim != 2 or len(objects) != len(views):
            raise RenderError(
                "Indices of views have the wrong shape", expected="(B,) and (B, m)", found=(objects.shape, views.shape)
            )
        for name, index, limit in (("object", objects, self.num_objects), ("view", views, self.num_views)):
            if index.size and not 0 <= index.min() <= index.max() < limit:
                raise RenderError(
                    f"A {name} index is out of range",
                    where=self._index_path,
                    expected=f"[0, {limit})",
                    found=f"[{index.min()}, {index.max()}]",
                )
        found = self._rows.read(np.repeat(objects, views.shape[1]), views.ravel())
        return found.reshape(*views.shape, *found.shape[1:])


def open_view_set(index_path: Path) -> ViewSet:
    """Open the views listed in an index; sizes and forms of all shards are checked, not their checksums.

    Raises:
        UnreadableFile: The index or a shard is absent or damaged.
    """
    return ViewSet(index_path)


def _read_index(index_path: Path) -> dict[str, Any]:
    index = read_json(index_path)
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise UnreadableFile(
            "Not an index of views", where=index_path, expected=f"format {FORMAT}", next_step="run the rendering again"
        )
    return index

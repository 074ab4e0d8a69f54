"""A content-addressed store of rendered views: what is already drawn and intact is never drawn again.

A shard holds the pictures of up to 512 objects in one uncompressed ``.npy`` file. Its name is the hash of the view
specification and of the arrays of its objects, so it serves every data set and run that needs these pictures. The
record beside it (``.json``) gives its size, its checksum and the library that drew it. An index lists the shards of one
ordered list of objects; :mod:`concord3d.render.stored` reads it.

Shape legend: S objects, V views, H and W image height and width, C channels.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import BadCloud, ConfigError, RenderError, UnreadableFile
from concord3d.files import atomic_path, canonical_json, content_hash, read_json, sha256_file, write_json
from concord3d.geometry.mesh import Mesh
from concord3d.render.interface import Renderer
from concord3d.render.pictures import finished_pictures
from concord3d.render.stored import FORMAT
from concord3d.render.view_spec import RING_SIZES, ViewSpec

SHARD_OBJECTS = 512
_BLOCK = 32

_log = logging.getLogger(__name__)

_Draw = Callable[[slice], NDArray[np.uint8]]


class HasMesh(Protocol):
    """Anything that carries a mesh, such as the ``NamedMesh`` of a data set."""

    @property
    def mesh(self) -> Mesh:
        """The mesh."""


@dataclass(frozen=True)
class BuildCount:
    """How many shards a build drew and how many it found intact."""

    rendered: int
    kept: int


def render_mesh_views(
    meshes: Iterable[HasMesh],
    spec: ViewSpec,
    store: Path,
    index_path: Path,
    *,
    renderer: Renderer | None = None,
    num_threads: int = 0,
    device: str = "auto",
) -> BuildCount:
    """Draw every mesh, scaled to the unit sphere, from the cameras of ``spec``, unless it is stored already.

    Args:
        meshes: Objects with a ``mesh``, in the order in which they will be read.
        spec: A ring of cameras drawn by ``open3d`` or ``pytorch3d``.
        store: Folder of shards, shared between view sets.
        index_path: The index to write.
        renderer: The renderer named in ``spec``; by default it is made here.
        num_threads: Threads of the renderer made here; 0 means one per core.
        device: Where ``pytorch3d`` draws: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        BadMesh: A mesh cannot be drawn; the message names it.
        ConfigError: ``spec`` is not for meshes, or names another renderer.
        DependencyMissing: The renderer's library is absent.
    """
    if spec.view_set not in RING_SIZES or spec.renderer == "points":
        raise ConfigError("These views cannot be drawn from meshes", where="view_set/renderer", found=spec.identity())
    if renderer is not None and renderer.name != spec.renderer:
        raise ConfigError("The renderer is not the specified one", expected=spec.renderer, found=renderer.name)
    cameras = spec.cameras()
    chosen = renderer
    builder = _Builder(spec, store, lambda: None if chosen is None else chosen.library)
    for batch in _batches(meshes):
        ready = [
            item.mesh.validated(getattr(item, "name", None) or f"mesh {builder.num_objects + offset}").normalized()
            for offset, item in enumerate(batch)
        ]

        hashes = [_mesh_hash(mesh) for mesh in ready]

        def draw(rows: slice, ready: list[Mesh] = ready, hashes: list[str] = hashes) -> NDArray[np.uint8]:
            nonlocal chosen
            chosen = chosen or make_renderer(spec.renderer, num_threads, device)
            drawn = zip(ready[rows], hashes[rows], strict=True)
            return np.stack([finished_pictures(chosen.render(mesh, cameras), spec, key) for mesh, key in drawn])

        builder.add(hashes, draw)
    return builder.finish(index_path)


def render_cloud_views(points: NDArray[np.floating], spec: ViewSpec, store: Path, index_path: Path) -> BuildCount:
    """Draw depth views of every cloud, unless they are stored already.

    Args:
        points: (S, P, 3), any position and scale, y up. The array may be memory-mapped.
        spec: A set of bare points, or a ring drawn by ``points``; see :func:`concord3d.render.clouds.cloud_pictures`.
        store: Folder of shards, shared between view sets.
        index_path: The index to write.

    Raises:
        BadCloud: Wrong shape, or coordinates that are not finite; the message gives the index.
        ConfigError: ``spec`` is not for clouds.
    """
    if spec.renderer != "points":
        raise ConfigError("These views cannot be drawn from clouds", where="renderer", found=spec.renderer)
    if points.ndim != 3 or points.shape[2] != 3 or 0 in points.shape:
        raise BadCloud("Clouds have the wrong shape", expected="(S, P, 3)", found=points.shape)
    builder = _Builder(spec, store, _torch_library)
    for start in range(0, len(points), SHARD_OBJECTS):
        batch = np.ascontiguousarray(points[start : start + SHARD_OBJECTS], dtype=np.float32)
        bad = np.flatnonzero(~np.isfinite(batch).all(axis=(1, 2)))
        if len(bad):
            raise BadCloud("A cloud holds coordinates that are not finite", found=f"index {start + bad[0]}")
        builder.add([_array_hash(cloud) for cloud in batch], partial(_draw_clouds, batch, spec))
    return builder.finish(index_path)


def store_image_views(
    pictures: Iterable[NDArray[np.uint8]], spec: ViewSpec, store: Path, index_path: Path
) -> BuildCount:
    """Keep images that came with a data set in the same store as drawn views.

    Args:
        pictures: (V, H, W, 3) of one object each, in the order in which they will be read.
        spec: One of the sets of stored images.
        store: Folder of shards, shared between view sets.
        index_path: The index to write.

    Raises:
        ConfigError: ``spec`` is for views that are drawn.
        RenderError: An object has other pictures than ``spec`` says.
    """
    if spec.renderer != "images":
        raise ConfigError("These views are drawn, not stored", where="renderer", found=spec.renderer)
    expected = (spec.num_views, spec.image_size, spec.image_size, spec.channels)
    builder = _Builder(spec, store, lambda: None)
    remaining = iter(pictures)
    while batch := list(islice(remaining, SHARD_OBJECTS)):
        for offset, views in enumerate(batch):
            if views.shape != expected or views.dtype != np.uint8:
                found = f"object {builder.num_objects + offset}: {views.dtype} {views.shape}"
                raise RenderError("Pictures have another form", expected=f"uint8 {expected}", found=found)
        stacked = np.stack(batch)
        builder.add([_array_hash(views) for views in batch], stacked.__getitem__)
    return builder.finish(index_path)


def make_renderer(name: str, num_threads: int = 0, device: str = "auto") -> Renderer:
    """Return the mesh renderer of a name.

    Args:
        name: ``open3d`` or ``pytorch3d``, as in a view specification.
        num_threads: Threads of ``open3d``; 0 means one per core.
        device: Where ``pytorch3d`` draws: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ConfigError: There is no such renderer of meshes.
        DependencyMissing: Its library is absent.
    """
    if name == "pytorch3d":
        from concord3d.render.pytorch3d_adapter import PyTorch3DRenderer

        return PyTorch3DRenderer(device)
    if name == "open3d":
        from concord3d.render.open3d_adapter import Open3DRenderer

        return Open3DRenderer(num_threads)
    raise ConfigError("Not a renderer of meshes", where="renderer", expected="open3d or pytorch3d", found=name)


class _Builder:
    """Keeps or draws one shard after the other and collects the index.

    Args:
        spec: What the pictures show.
        store: Folder of shards.
        library: Called after a shard was drawn: the library that drew it and its version, None for stored images.
    """

    def __init__(self, spec: ViewSpec, store: Path, library: Callable[[], str | None]) -> None:
        self._spec, self._store, self._library = spec, store, library
        self._libraries: set[str] = set()
        self._entries: list[dict[str, Any]] = []
        self.num_objects = 0
        self._kept = 0

    def add(self, object_hashes: Sequence[str], draw: _Draw) -> None:
        key = content_hash({"format": FORMAT, "spec": self._spec.identity(), "objects": list(object_hashes)})
        path = self._store / key[:2] / f"{key}.npy"
        rows = len(object_hashes)
        record = _intact_record(path)
        if record is None:
            record = self._render(path, rows, draw)
            _log.info("views %d-%d drawn: %s", self.num_objects, self.num_objects + rows - 1, path.name)
        else:
            self._kept += 1
        relative = path.relative_to(self._store).as_posix()
        self._entries.append({"file": relative, "rows": rows, "bytes": record["bytes"], "sha256": record["sha256"]})
        if record["library"] is not None:
            self._libraries.add(record["library"])
        self.num_objects += rows

    def _render(self, path: Path, rows: int, draw: _Draw) -> dict[str, Any]:
        spec = self._spec
        shape = (rows, spec.num_views, spec.image_size, spec.image_size, spec.channels)
        with atomic_path(path) as temporary:
            # Written in place: a shard of large pictures does not fit into memory.
            images = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
            with temporary.open("rb+") as stream:
                # Taken now: a mapped file that finds the disk full later would kill the process.
                os.posix_fallocate(stream.fileno(), 0, temporary.stat().st_size)
            for start in range(0, rows, _BLOCK):
                block = slice(start, min(start + _BLOCK, rows))
                images[block] = draw(block)
            images.flush()
            del images
            record = {"bytes": temporary.stat().st_size, "sha256": sha256_file(temporary), "library": self._library()}
        write_json(path.with_suffix(".json"), record)
        return record

    def finish(self, index_path: Path) -> BuildCount:
        if not self._entries:
            raise RenderError("There is nothing to draw", where=index_path, expected="at least one object")
        index_path.parent.mkdir(parents=True, exist_ok=True)
        spec = self._spec.identity()
        write_json(
            index_path,
            {
                "format": FORMAT,
                "spec": spec,
                "drawn_by": {
                    "renderer": spec["renderer"],
                    "renderer_version": spec["renderer_version"],
                    # Shards that were found may be of an older version than those that were drawn now.
                    "library": ", ".join(sorted(self._libraries)) or None,
                },
                "num_objects": self.num_objects,
                "num_views": self._spec.num_views,
                "channels": self._spec.channels,
                "store": Path(os.path.relpath(self._store, index_path.parent)).as_posix(),
                "shards": self._entries,
            },
        )
        return BuildCount(len(self._entries) - self._kept, self._kept)


def _intact_record(path: Path) -> dict[str, Any] | None:
    """Return the record of a shard whose every byte is as recorded, else None."""
    try:
        record = read_json(path.with_suffix(".json"))
        size, digest, library = record["bytes"], record["sha256"], record.get("library", "unknown")
        intact = path.stat().st_size == size and sha256_file(path) == digest
    except (UnreadableFile, OSError, KeyError, TypeError):
        return None
    if not intact:
        _log.warning("a stored shard of views is damaged and will be drawn again: %s", path)
        return None
    return {"bytes": size, "sha256": digest, "library": library}


def _batches(items: Iterable[HasMesh]) -> Iterator[list[HasMesh]]:
    iterator = iter(items)
    while batch := list(islice(iterator, SHARD_OBJECTS)):
        yield batch


def _array_hash(*arrays: NDArray[Any] | None) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        head = None if array is None else [array.dtype.str, list(array.shape)]
        digest.update(canonical_json(head).encode())
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _mesh_hash(mesh: Mesh) -> str:
    return _array_hash(mesh.vertices, mesh.faces, mesh.face_colors)


def _torch_library() -> str:
    import torch

    return f"torch {torch.__version__}"


def _draw_clouds(clouds: NDArray[np.float32], spec: ViewSpec, rows: slice) -> NDArray[np.uint8]:
    import torch

    from concord3d.render.clouds import cloud_pictures

    pictures: NDArray[np.uint8] = cloud_pictures(torch.from_numpy(clouds[rows]), spec).numpy()
    return pictures

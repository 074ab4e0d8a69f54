"""Writers of the world's shapes in the on-disk layouts of the real data sets (MM-Point spec 1.1, 1.2).

Every writer gives the same bytes for the same arrays: HDF5 without time stamps, PLY and GLB without comments.

Layouts below a root folder:

* ModelNet40: ``modelnet40_ply_hdf5_2048/ply_data_{train,test}<k>.h5`` (``data`` (n, P, 3) float32, ``label`` (n, 1)
  uint8, ``name`` (n,) bytes), ``{train,test}_files.txt``, ``shape_names.txt``; ModelNet10 likewise with
  ``modelnet10_hdf5_2048/{train,test}<k>.h5``.
* ModelNet40 meshes: ``ModelNet40/<class>/{train,test}/<name>.off``, z up as the real ones.
* ScanObjectNN: ``h5_files/{main_split,main_split_nobg}/{training,test}_objectdataset[_augmentedrot_scale75].h5``
  (``data`` (n, P, 3) float32, ``label`` (n,) int32, ``mask`` (n, P) int32, -1 on background).
* ShapeNetPart: ``shapenet_part_seg_hdf5_data/ply_data_{train,val,test}<k>.h5`` (``data``, ``label`` (n, 1) uint8,
  ``pid`` (n, P) uint8, 0 to 49), ``{split}_hdf5_file_list.txt``, ``all_object_categories.txt``.
* ShapeNet: ``ShapeNet/<category>/<model>.ply`` (coloured cloud) and ``.glb`` (mesh with vertex colours, same frame),
  ``captions.jsonl`` with keys category, model, name, descriptive, noisy.
* Meshes with texts: ``<folder>/glb/<uid>.glb``, ``<folder>/index.jsonl`` with keys uid, file, name and, where known,
  captions, retrieved, category, source, split, and ``<folder>/class_names.txt``.

Shape legend: S shapes, P points per shape, F faces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from concord3d.errors import BadCloud
from concord3d.files import atomic_path, canonical_json, write_text
from concord3d.geometry.mesh import Mesh
from concord3d.world.part_taxonomy import OFFICIAL_CLASSES

SCANOBJECTNN_FILES: dict[str, tuple[str, str]] = {
    "scanobjectnn_obj_bg": ("main_split", "objectdataset.h5"),
    "scanobjectnn_obj_only": ("main_split_nobg", "objectdataset.h5"),
    "scanobjectnn_pb_t50_rs": ("main_split", "objectdataset_augmentedrot_scale75.h5"),
}
_SHAPES_PER_FILE = 2048
_H5_CHUNK_SHAPES = 64


@dataclass(frozen=True)
class LabelledClouds:
    """The clouds of one split, before they are written.

    Attributes:
        points: (S, P, 3) float32.
        labels: (S,) int64 class index.
        names: One identifier per shape.
        point_labels: (S, P) int64 part number, or mask with -1 on background, or None.
    """

    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    point_labels: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        size = len(self.points)
        if self.points.ndim != 3 or self.points.shape[2] != 3 or size == 0:
            raise BadCloud("Clouds to write have the wrong shape", expected="(S, P, 3), S > 0", found=self.points.shape)
        if not size == len(self.labels) == len(self.names):
            found = (size, len(self.labels), len(self.names))
            raise BadCloud("Clouds, labels and names differ in number", expected=size, found=found)
        if self.point_labels is not None and self.point_labels.shape != self.points.shape[:2]:
            found = self.point_labels.shape
            raise BadCloud("Point labels do not fit the points", expected=self.points.shape[:2], found=found)


def write_modelnet_h5(
    root: Path,
    splits: Mapping[str, LabelledClouds],
    class_names: Sequence[str],
    *,
    shapes_per_file: int = _SHAPES_PER_FILE,
) -> None:
    """Write ModelNet40 in the layout of the official HDF5 release.

    Args:
        root: Folder that gets ``modelnet40_ply_hdf5_2048``.
        splits: ``train`` and ``test``.
        class_names: In label order.
        shapes_per_file: Shapes in each file.
    """
    _write_modelnet(root / "modelnet40_ply_hdf5_2048", "ply_data_", splits, class_names, shapes_per_file)


def write_modelnet10_h5(
    root: Path,
    splits: Mapping[str, LabelledClouds],
    class_names: Sequence[str],
    *,
    shapes_per_file: int = _SHAPES_PER_FILE,
) -> None:
    """Write ModelNet10 as ``modelnet10_hdf5_2048/{train,test}<k>.h5``; arguments as :func:`write_modelnet_h5`."""
    _write_modelnet(root / "modelnet10_hdf5_2048", "", splits, class_names, shapes_per_file)


def _write_modelnet(
    folder: Path,
    prefix: str,
    splits: Mapping[str, LabelledClouds],
    class_names: Sequence[str],
    shapes_per_file: int,
) -> None:
    for split, clouds in splits.items():
        names = []
        for part, rows in enumerate(_chunks(len(clouds.points), shapes_per_file)):
            names.append(f"{prefix}{split}{part}.h5")
            identifiers = np.array([name.encode() for name in clouds.names[rows]], dtype=np.bytes_)
            _write_h5(
                folder / names[-1],
                {
                    "data": clouds.points[rows].astype(np.float32),
                    "label": clouds.labels[rows, None].astype(np.uint8),
                    "name": identifiers,
                },
            )
        write_text(folder / f"{split}_files.txt", "".join(f"data/{folder.name}/{name}\n" for name in names))
    write_text(folder / "shape_names.txt", "".join(f"{name}\n" for name in class_names))


def write_modelnet_off(root: Path, category: str, split: str, name: str, mesh: Mesh) -> None:
    """Write one mesh as ``ModelNet40/<category>/<split>/<name>.off``; not synced, as :func:`write_shapenet_model`.

    Args:
        root: Folder that gets ``ModelNet40``.
        category: Class.
        split: ``train`` or ``test``.
        name: File stem.
        mesh: The mesh, y up; the file is z up, as the real ones are.
    """
    rows = [f"OFF\n{len(mesh.vertices)} {len(mesh.faces)} 0\n"]
    rows += [f"{x:.6g} {-z:.6g} {y:.6g}\n" for x, y, z in mesh.vertices.tolist()]
    rows += [f"3 {a} {b} {c}\n" for a, b, c in mesh.faces.tolist()]
    folder = root / "ModelNet40" / category / split
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.off").write_text("".join(rows), encoding="utf-8")


def write_scanobjectnn(root: Path, dataset: str, splits: Mapping[str, LabelledClouds]) -> None:
    """Write one ScanObjectNN variant below ``h5_files``.

    Args:
        root: Folder that gets ``h5_files``.
        dataset: A key of ``SCANOBJECTNN_FILES``.
        splits: ``train`` and ``test``; ``point_labels`` is the mask, -1 on background points.
    """
    folder, name = SCANOBJECTNN_FILES[dataset]
    for split, clouds in splits.items():
        if clouds.point_labels is None:
            raise BadCloud("Scanned clouds need a mask of background points", where=dataset)
        _write_h5(
            root / "h5_files" / folder / f"{'training' if split == 'train' else split}_{name}",
            {
                "data": clouds.points.astype(np.float32),
                "label": clouds.labels.astype(np.int32),
                "mask": clouds.point_labels.astype(np.int32),
            },
        )


def write_shapenetpart_h5(
    root: Path, splits: Mapping[str, LabelledClouds], *, shapes_per_file: int = _SHAPES_PER_FILE
) -> None:
    """Write ShapeNetPart below ``shapenet_part_seg_hdf5_data``.

    Args:
        root: Folder that gets the layout.
        splits: ``train``, ``val`` and ``test``; ``point_labels`` holds official part numbers 0 to 49.
        shapes_per_file: Shapes in each file.
    """
    folder = root / "shapenet_part_seg_hdf5_data"
    for split, clouds in splits.items():
        if clouds.point_labels is None:
            raise BadCloud("Part-annotated clouds need a part number per point", where=folder)
        names = []
        for part, rows in enumerate(_chunks(len(clouds.points), shapes_per_file)):
            names.append(f"ply_data_{split}{part}.h5")
            _write_h5(
                folder / names[-1],
                {
                    "data": clouds.points[rows].astype(np.float32),
                    "label": clouds.labels[rows, None].astype(np.uint8),
                    "pid": clouds.point_labels[rows].astype(np.uint8),
                },
            )
        write_text(folder / f"{split}_hdf5_file_list.txt", "".join(f"{name}\n" for name in names))
    listing = "".join(f"{name}\t{offset}\n" for name, offset, _ in OFFICIAL_CLASSES)
    write_text(folder / "all_object_categories.txt", listing)


def write_shapenet_model(
    root: Path, category: str, model: str, points: NDArray[np.float32], colors: NDArray[np.uint8], mesh: Mesh
) -> None:
    """Write one model's coloured cloud and mesh below ``ShapeNet/<category>``.

    The files are not synced one by one: the caller builds the whole layout aside and renames it.

    Args:
        root: Folder that gets ``ShapeNet``.
        category: Stands in the place of the real set's synset.
        model: File stem.
        points: (P, 3) float32 in the mesh's frame.
        colors: (P, 3) uint8 RGB.
        mesh: Face colours become vertex colours; vertices are shared between faces of one colour only.
    """
    folder = root / "ShapeNet" / category
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(points)}\nproperty float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n"
    )
    table = np.empty(len(points), dtype=[("point", "<f4", 3), ("color", "u1", 3)])
    table["point"], table["color"] = points, colors
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{model}.ply").write_bytes(header.encode() + table.tobytes())
    (folder / f"{model}.glb").write_bytes(glb_bytes(mesh))


def write_captions(root: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write ``captions.jsonl``: one object per model with keys category, model, name, descriptive, noisy."""
    write_text(root / "captions.jsonl", "".join(canonical_json(dict(row)) + "\n" for row in rows))


def write_text_mesh(folder: Path, uid: str, mesh: Mesh) -> str:
    """Write one mesh as ``<folder>/glb/<uid>.glb`` (not synced) and return its path below ``folder``."""
    (folder / "glb").mkdir(parents=True, exist_ok=True)
    (folder / "glb" / f"{uid}.glb").write_bytes(glb_bytes(mesh))
    return f"glb/{uid}.glb"


def write_text_index(folder: Path, rows: Iterable[Mapping[str, object]], class_names: Sequence[str]) -> None:
    """Write ``index.jsonl``, and ``class_names.txt`` in label order."""
    write_text(folder / "index.jsonl", "".join(canonical_json(dict(row)) + "\n" for row in rows))
    write_text(folder / "class_names.txt", "".join(f"{name}\n" for name in class_names))


def glb_bytes(mesh: Mesh) -> bytes:
    """Return a mesh with vertex colours as binary glTF."""
    import trimesh

    vertices, faces, colors = mesh.vertices, mesh.faces, None
    if mesh.face_colors is not None:
        corner = mesh.faces.reshape(-1).astype(np.int64)
        shade = np.repeat(mesh.face_colors.astype(np.int64) @ np.array([65536, 256, 1]), 3)
        unique, inverse = np.unique(corner << 24 | shade, return_inverse=True)
        vertices, faces = mesh.vertices[unique >> 24], inverse.reshape(-1, 3).astype(np.int32)
        packed = unique & 0xFFFFFF
        rgba = [packed >> 16, packed >> 8 & 255, packed & 255, np.full(len(packed), 255)]
        colors = np.stack(rgba, axis=1).astype(np.uint8)
    model = trimesh.Trimesh(vertices=vertices, faces=faces, vertex_colors=colors, process=False, validate=False)
    exported = model.export(file_type="glb")
    assert isinstance(exported, bytes)
    return exported


def _chunks(total: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]


def _write_h5(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write named arrays, compressed, without the time stamps that would make bytes differ."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w", libver=("earliest", "v110")) as store:
        for name, array in arrays.items():
            chunks = (min(len(array), _H5_CHUNK_SHAPES), *array.shape[1:])
            options = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if array.ndim == 3 else {}
            store.create_dataset(name, data=array, chunks=chunks, track_times=False, **options)

"""ShapeNet for pre-training: PLY clouds, meshes where present, captions where present, and 3D-R2N2 renders.

Layout (MM-Point spec 1.1): ``ShapeNet/<category>/<model>.ply`` and
``ShapeNetRendering/<category>/<model>/rendering/*.png``.
The synthetic world adds colours to the clouds, ``ShapeNet/<category>/<model>.glb`` and ``captions.jsonl``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.mesh_files import read_mesh
from concord3d.data.formats.pictures import picture_files, read_squares
from concord3d.data.formats.ply import read_ply_cloud
from concord3d.data.formats.texts import shape_texts
from concord3d.data.layout import NEXT_STEP, layout_folder, split_files
from concord3d.data.readers.interface import NamedMesh, Reader, Reading
from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.errors import BadCloud, DatasetMissing, UnreadableFile

MESH_SUFFIXES = (".glb", ".obj", ".off")


class ShapeNet(Reader):
    """Clouds without classes of their own; the class is the folder, in sorted order."""

    has_meshes = True
    picture_set = "r2n2_24"

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read the PLY clouds; arguments as in :meth:`Reader.read`.

        Clouds with more points than the smallest keep their first ones, so that they stack. There are colours where
        every cloud has them, and texts where there are captions: the bare name is the raw text, the description the
        caption, the noisy text the retrieved one.

        Raises:
            DatasetMissing: No files.
            UnreadableFile: A file is truncated or not PLY, or a line of the captions is no such row.
            BadCloud: A cloud has fewer points than the releases of the catalogue have.
        """
        files = split_files(spec, root, split)
        clouds, shades = zip(*(read_ply_cloud(path) for path in files), strict=True)
        counts = np.array([len(cloud) for cloud in clouds])
        smallest = int(counts.min())
        if smallest < counts.max() / 2 or smallest == 0:
            raise BadCloud(
                "A cloud has far fewer points than the others",
                where=files[int(counts.argmin())],
                expected=f"{counts.max()} points",
                found=smallest,
                next_step=NEXT_STEP,
            )
        categories = tuple(sorted({path.parent.name for path in files}))
        colors = [shade[:smallest] for shade in shades if shade is not None]
        captions = read_captions(layout_folder(spec, root) / "captions.jsonl")
        clouds_of_split = CloudSplit(
            spec.id,
            split,
            data_kind,
            points=np.stack([cloud[:smallest] for cloud in clouds]),
            labels=np.array([categories.index(path.parent.name) for path in files], dtype=np.int64),
            class_names=(),
            names=tuple(_name(path) for path in files),
            colors=np.stack(colors) if len(colors) == len(files) else None,
            texts=tuple(_texts(captions.get(_name(path), {})) for path in files) if captions else None,
        )
        return Reading(clouds_of_split, num_points=smallest, class_names=categories)

    def read_meshes(self, spec: DatasetSpec, root: Path, split: str) -> Iterator[NamedMesh]:
        """Yield the mesh beside each cloud, in the order of the clouds, with its descriptive caption.

        Raises:
            DatasetMissing: A cloud has no mesh beside it (the real archive has none: use its renders).
        """
        folder = layout_folder(spec, root)
        captions = read_captions(folder / "captions.jsonl")
        for cloud in split_files(spec, root, split):
            found = [cloud.with_suffix(suffix) for suffix in MESH_SUFFIXES if cloud.with_suffix(suffix).is_file()]
            if not found:
                raise DatasetMissing(
                    "A shape has no mesh",
                    where=cloud,
                    expected=" or ".join(f"{cloud.stem}{suffix}" for suffix in MESH_SUFFIXES),
                    next_step="use the images below ShapeNetRendering, or build the data set with the world",
                )
            category = cloud.parent.name
            text = captions.get(_name(cloud), {}).get("descriptive") or category.replace("_", " ")
            yield NamedMesh(_name(cloud), category, read_mesh(found[0], folder), text)

    def read_pictures(
        self, spec: DatasetSpec, root: Path, names: Iterable[str], num_views: int, image_size: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the 3D-R2N2 renders of some models, in natural order; arguments as in :meth:`Reader.read_pictures`."""
        folder = layout_folder(spec, root)
        return (read_renderings(folder, name, num_views, image_size) for name in names)


def _texts(captions: dict[str, str]) -> ShapeTexts:
    return shape_texts(captions.get("name", ""), (captions.get("descriptive", ""),), (captions.get("noisy", ""),))


def read_captions(path: Path) -> dict[str, dict[str, str]]:
    """Read ``captions.jsonl``; an absent file gives no captions.

    Returns:
        For each ``<category>/<model>`` the captions ``name``, ``descriptive`` and ``noisy``.

    Raises:
        UnreadableFile: A line is not such a row.
    """
    if not path.is_file():
        return {}
    captions: dict[str, dict[str, str]] = {}
    try:
        for line in path.read_text(encoding="utf-8-sig").splitlines():
            row = json.loads(line)
            captions[f"{row['category']}/{row['model']}"] = {
                kind: str(row[kind]) for kind in ("name", "descriptive", "noisy")
            }
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise UnreadableFile("Cannot read captions", where=f"{path}, line {len(captions) + 1}", found=error) from error
    return captions


def read_renderings(root: Path, name: str, num_views: int, image_size: int) -> NDArray[np.uint8]:
    """Read the 3D-R2N2 renders of one model (MM-Point spec 1.1).

    Args:
        root: Folder that holds ``ShapeNetRendering``.
        name: ``<category>/<model>``.
        num_views: V, how many of the images to read, in natural order.
        image_size: Side of the square that each image is resized to, pixels.

    Returns:
        (V, image_size, image_size, 3) uint8 RGB; transparency is dropped as in the lineage.

    Raises:
        DatasetMissing: Fewer than ``num_views`` images.
        UnreadableFile: An image is truncated or of another format.
    """
    folder = root / "ShapeNetRendering" / name / "rendering"
    files = picture_files(folder)
    if len(files) < num_views:
        raise DatasetMissing("A model has too few renders", where=folder, expected=num_views, found=len(files))
    return read_squares(files[:num_views], image_size)


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


READER = ShapeNet()

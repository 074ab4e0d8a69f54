"""ShapeNet-55 as ULIP released it to learn from: clouds, renders and names of synsets (Cross-MoST spec 1.2 and 2.3).

Layout: ``train.txt`` and ``test.txt`` (one ``<synset>-<model>.npy`` a line), ``taxonomy.json`` (ShapeNet's list of
synsets with their names), ``shapenet_pc/<synset>-<model>.npy`` (8,192 points) and
``rendered_images/<synset>-<model>/<synset>-<model>_r_<degrees>[_depth0001].png``: every 12 degrees one in colour and
one depth map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.clouds import read_npy_cloud, sampled
from concord3d.data.formats.object_lists import objects_of_split
from concord3d.data.formats.pictures import read_squares
from concord3d.data.formats.texts import shape_texts
from concord3d.data.framed_objects import clouds_by
from concord3d.data.layout import layout_folder
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import DatasetMissing, UnreadableFile, WrongRelease
from concord3d.files import read_json

TAXONOMY = "taxonomy.json"
RENDERS = "rendered_images"
DEGREES = range(0, 360, 12)
_KINDS = ("", "_depth0001")


class ShapeNet55(Reader):
    """The class of a shape is its synset; its text is the first of the synset's names."""

    has_texts = True
    picture_set = "ulip_60"

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read the clouds of a split; arguments as in :meth:`Reader.read`.

        Where fewer points are asked than a file holds, those that are drawn depend on the shape's name alone.

        Raises:
            DatasetMissing: No clouds, no lists, or a list names shapes that are not there.
            UnreadableFile: A file is truncated or of another format, or the taxonomy lacks a synset.
            WrongRelease: Lists share a shape, or two synsets have the same first name.
            BadCloud: A cloud has fewer points than the others, or some that are not finite.
        """
        folder = layout_folder(spec, root)
        synset_of, paths = _shapes(spec, folder)
        members = objects_of_split(spec, folder, split, synset_of)
        text_of = _first_names(folder / TAXONOMY, sorted(set(synset_of.values())))
        first = read_npy_cloud(paths[members[0]])
        count = len(first) if num_points is None else num_points
        points = np.empty((len(members), count, 3), np.float32)
        for row, key in enumerate(members):
            points[row] = sampled(read_npy_cloud(paths[key]), count, Path(key).stem, paths[key])
        synsets = list(text_of)
        clouds = CloudSplit(
            spec.id,
            split,
            data_kind,
            points=points,
            labels=np.array([synsets.index(synset_of[key]) for key in members], dtype=np.int64),
            class_names=(),
            names=tuple(Path(key).stem for key in members),
            texts=tuple(shape_texts(text_of[synset_of[key]]) for key in members),
        )
        return Reading(clouds, num_points=len(first), class_names=tuple(text_of.values()))

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        """Count the shapes of a split, from its list and the names of the files."""
        folder = layout_folder(spec, root)
        return Census(len(objects_of_split(spec, folder, split, _shapes(spec, folder)[0])))

    def read_pictures(
        self, spec: DatasetSpec, root: Path, names: Iterable[str], num_views: int, image_size: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the 30 renders in colour, then the 30 depth maps; arguments as in :meth:`Reader.read_pictures`."""
        folder = layout_folder(spec, root) / RENDERS
        for name in names:
            files = [folder / name / f"{name}_r_{degrees:03d}{kind}.png" for kind in _KINDS for degrees in DEGREES]
            absent = [path.name for path in files if not path.is_file()]
            if absent or num_views != len(files):
                raise DatasetMissing(
                    "A shape has too few renders",
                    where=folder / name,
                    expected=f"{len(files)} files, of which {num_views} are asked",
                    found=f"absent: {', '.join(absent[:5])}" if absent else f"{len(files)} files",
                    next_step=f"obtain '{spec.id}' again",
                )
            yield read_squares(files, image_size)


def _shapes(spec: DatasetSpec, folder: Path) -> tuple[dict[str, str], dict[str, Path]]:
    """Return synset and path of every shape, by what the lists call it."""
    paths = {path.name: path for path in clouds_by(spec, folder)}
    if not paths:
        raise DatasetMissing(
            f"No shapes of {spec.id}",
            where=folder,
            next_step=f"obtain '{spec.id}' ('concord3d status' lists the steps)",
        )
    return {name: name.partition("-")[0] for name in paths}, paths


def _first_names(path: Path, synsets: list[str]) -> dict[str, str]:
    """Return the first name of each synset."""
    try:
        names = {str(row["synsetId"]): str(row["name"]).partition(",")[0].strip() for row in read_json(path)}
        first = {synset: names[synset] for synset in synsets}
    except (KeyError, TypeError) as error:
        raise UnreadableFile(
            "The taxonomy lacks a synset or its name", where=path, expected="rows of synsetId and name", found=error
        ) from error
    if len(set(first.values())) < len(first):
        raise WrongRelease("Two synsets have the same first name", where=path, found=", ".join(sorted(first.values())))
    return first


READER = ShapeNet55()

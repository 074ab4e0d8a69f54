"""Objects that were filmed and reconstructed: one cloud and a folder of frames each, in two splits.

What the readers of Redwood and CO3D share (Cross-MoST spec 1.2 and 1.4).

Shape legend: P points, V pictures.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.object_lists import objects_of_split
from concord3d.data.formats.pictures import evenly_spaced, picture_files, read_squares
from concord3d.data.layout import layout_folder, natural_order, without_side_files
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import DatasetMissing

NUM_POINTS = 8192


@dataclass(frozen=True)
class FramedObject:
    """One object on disk.

    Attributes:
        key: What the lists of the splits call it.
        category: Its class.
        cloud: Its cloud or mesh.
        frames: Folder of its frames.
    """

    key: str
    category: str
    cloud: Path
    frames: Path

    @property
    def name(self) -> str:
        """``<class>/<object>``."""
        return f"{self.category}/{self.key.rpartition('/')[2]}"


class FramedObjects(Reader):
    """Clouds of one class each, and ten evenly spaced frames of the video that they were reconstructed from.

    Real data have the classes of the catalogue. Synthetic data have those of them that have objects, in the same order,
    because what has no objects would only be a wrong answer.
    """

    picture_set = "frames_10"

    @abstractmethod
    def objects(self, spec: DatasetSpec, folder: Path) -> list[FramedObject]:
        """Return the objects of all splits, class by class in label order; it may be empty.

        Raises:
            WrongRelease: The classes on disk are not those of the catalogue.
            UnreadableFile: The list of classes cannot be read.
        """

    @abstractmethod
    def cloud(self, path: Path, num_points: int | None, name: str) -> NDArray[np.float32]:
        """Return (P, 3) points of an object: ``num_points`` of them, or all (at most 8,192) for None.

        Raises:
            UnreadableFile: The file is truncated or of another format.
            BadCloud: There are fewer points, or some are not finite.
        """

    def advice(self, item: FramedObject) -> str | None:
        """Say what to do where an object has too few frames, if more is known than to obtain them again."""
        return None

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read the clouds of a split; arguments as in :meth:`Reader.read`.

        By default a cloud has 8,192 points, or as many as the first object's file where those are fewer. The points
        that are drawn depend on an object's name, its file and their number alone.

        Raises:
            DatasetMissing: No objects, or a list names some that are not there.
            UnreadableFile: A file is truncated or of another format.
            WrongRelease: The classes on disk are not those of the catalogue, or lists share an object.
            BadCloud: A cloud has fewer points, or some that are not finite.
        """
        found, members = self._members(spec, root, split)
        present = {item.category for item in found}
        shown = [name for name in spec.class_names if data_kind == "real" or name in present]
        points: NDArray[np.float32] | None = None
        for row, item in enumerate(members):
            cloud = self.cloud(item.cloud, num_points if points is None else points.shape[1], item.name)
            if points is None:
                points = np.empty((len(members), *cloud.shape), np.float32)
            points[row] = cloud
        assert points is not None
        clouds = CloudSplit(
            spec.id,
            split,
            data_kind,
            points=points,
            labels=np.array([shown.index(item.category) for item in members], dtype=np.int64),
            class_names=(),
            names=tuple(item.name for item in members),
        )
        return Reading(clouds, class_names=tuple(shown))

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        """Count the objects of a split, from folders and lists alone."""
        return Census(len(self._members(spec, root, split)[1]))

    def read_pictures(
        self, spec: DatasetSpec, root: Path, names: Iterable[str], num_views: int, image_size: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield evenly spaced frames of some objects, cut to squares; arguments as in :meth:`Reader.read_pictures`."""
        by_name = {item.name: item for item in self.objects(spec, layout_folder(spec, root))}
        for name in names:
            if name not in by_name:
                raise DatasetMissing("An object is not there", where=root, found=name)
            item = by_name[name]
            files = evenly_spaced(picture_files(item.frames), num_views, item.frames, self.advice(item))
            yield read_squares(files, image_size)

    def _members(self, spec: DatasetSpec, root: Path, split: str) -> tuple[list[FramedObject], list[FramedObject]]:
        folder = layout_folder(spec, root)
        found = self.objects(spec, folder)
        if not found:
            raise DatasetMissing(
                f"No objects of {spec.id}",
                where=folder,
                expected=" or ".join(patterns(spec)),
                next_step=f"obtain '{spec.id}' ('concord3d status' lists the steps)",
            )
        by_key = {item.key: item for item in found}
        keys = objects_of_split(spec, folder, split, {key: item.category for key, item in by_key.items()})
        return found, [by_key[key] for key in keys]


def patterns(spec: DatasetSpec) -> tuple[str, ...]:
    """Return the patterns of all splits of a data set, each once."""
    return tuple(dict.fromkeys(pattern for entry in spec.splits.values() for pattern in entry.patterns))


def clouds_by(spec: DatasetSpec, folder: Path) -> Iterator[Path]:
    """Yield the files that the patterns of a data set match, the first pattern first, each in natural order."""
    for pattern in patterns(spec):
        found = without_side_files(folder.glob(pattern), folder)
        yield from sorted(found, key=lambda path: natural_order(path.relative_to(folder)))

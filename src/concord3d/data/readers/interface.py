"""What every reader says of its format, and what it hands over.

Shape legend: S items of a split, P points per item, V pictures per shape, T texts, D width of a tower's features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from concord3d.data.catalog import DatasetSpec
from concord3d.data.formats.findings import Findings
from concord3d.data.layout import split_files
from concord3d.data.stores.interface import Store
from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError
from concord3d.geometry.mesh import Mesh


@dataclass(frozen=True)
class Reading:
    """One split as the files hold it, not yet compared with the catalogue.

    Attributes:
        store: Its content, without names of classes.
        dtype: Name of the dtype on disk, ``text`` for numbers in words, or None where the content is computed.
        num_points: Points per item on disk, or None where they are drawn or differ between items.
        class_names: Class names that the files themselves state, in label order.
        findings: What was met in the files and left out.
        drawn: Items have as many points as were asked, because they are drawn.
        num_counted: What the catalogue counts, where that is not the store's items: rooms that blocks are cut from.
    """

    store: Store
    dtype: str | None = None
    num_points: int | None = None
    class_names: tuple[str, ...] = ()
    findings: Findings = field(default_factory=Findings)
    drawn: bool = False
    num_counted: int | None = None


@dataclass(frozen=True)
class Census:
    """What headers and lists say about one split.

    Attributes:
        num_items: What the catalogue counts: shapes, blocks, rooms or sweeps.
        num_points: Points per item, or None.
        dtype: Name of the dtype on disk, ``text`` for numbers in words, or None.
    """

    num_items: int
    num_points: int | None = None
    dtype: str | None = None


@dataclass(frozen=True)
class NamedMesh:
    """A mesh with its place in the data set.

    Attributes:
        name: Equal to the name of the cloud of the same object, such as ``<category>/<model>``.
        category: Category, empty where the data set has none.
        mesh: The mesh, y up.
        text: A caption, or the category in words where there is none.
    """

    name: str
    category: str
    mesh: Mesh
    text: str


@dataclass(frozen=True)
class ShapeFeatures:
    """Tower features of one shape that a release brings along.

    Attributes:
        name: Equal to the name of the shape's cloud.
        texts: Its texts.
        image_features: (V, D) float32 of its pictures, not normalised.
        text_features: (T, D) float32, not normalised, one row per text of ``texts.all`` and in its order.
    """

    name: str
    texts: ShapeTexts
    image_features: NDArray[np.float32]
    text_features: NDArray[np.float32]


class Reader(ABC):
    """One on-disk format.

    Attributes:
        kind: Kind of store that it yields (:func:`concord3d.data.stores.store_kinds`).
        has_labels: Everything that may have a class has one; else -1 stands for none.
        has_colors: Every split has colours.
        has_texts: Every split has texts.
        has_meshes: :meth:`read_meshes` works.
        picture_set: Name of the view set that its pictures are (``STORED_SETS`` in :mod:`concord3d.render.view_spec`);
            :meth:`read_pictures` works for it. Empty where there are none.
        has_tower_features: :meth:`read_tower_features` works; such a release has no meshes to be rendered.
    """

    kind: ClassVar[str] = "objects"
    has_labels: ClassVar[bool] = True
    has_colors: ClassVar[bool] = False
    has_texts: ClassVar[bool] = False
    has_meshes: ClassVar[bool] = False
    picture_set: ClassVar[str] = ""
    has_tower_features: ClassVar[bool] = False

    @abstractmethod
    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        """Read one split.

        Args:
            spec: The data set.
            root: Folder that holds the layout.
            split: Name of the split.
            data_kind: ``real`` or ``synthetic``.
            num_points: Points to draw for each item, None for the reader's default; readers of stored clouds read all.

        Raises:
            DatasetMissing: Files are missing.
            UnreadableFile: A file is truncated, of another format, or lacks a key.
        """

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        """Count the items of a split without reading them; here there is one file for each.

        Raises:
            DatasetMissing: The split has no files.
            UnreadableFile: A header or a list is damaged.
        """
        return Census(len(split_files(spec, root, split)))

    def defects(self, spec: DatasetSpec, root: Path) -> Findings:
        """Return what is amiss in the files of all splits and is read all the same, for the manifest; here nothing.

        Raises:
            DatasetMissing: A split has no files.
            UnreadableFile: A file is damaged.
        """
        return Findings()

    def read_meshes(self, spec: DatasetSpec, root: Path, split: str) -> Iterator[NamedMesh]:
        """Yield the meshes of a split, in the order of its clouds.

        Raises:
            ConfigError: The format has none.
            DatasetMissing: Files are missing.
            UnreadableFile: A file is truncated or of another format.
            BadMesh: A mesh has no faces, broken indices or values that are not finite.
        """
        raise _lacking(spec, "meshes")

    def read_pictures(
        self, spec: DatasetSpec, root: Path, names: Iterable[str], num_views: int, image_size: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the pictures that came with some shapes.

        Args:
            spec: The data set.
            root: Folder that holds the layout.
            names: Names of the shapes.
            num_views: V.
            image_size: Side of a picture in pixels.

        Yields:
            (V, image_size, image_size, 3) uint8 RGB for each shape.

        Raises:
            ConfigError: The format has none.
            DatasetMissing: A shape has fewer pictures.
            UnreadableFile: A picture is truncated or of another format.
        """
        raise _lacking(spec, "pictures")

    def read_tower_features(self, spec: DatasetSpec, root: Path, split: str) -> Iterator[ShapeFeatures]:
        """Yield the features of a split's shapes, in the order of its clouds.

        Raises:
            ConfigError: The format has none.
            DatasetMissing: Files are missing.
            UnreadableFile: A file is truncated or of another format.
        """
        raise _lacking(spec, "tower features")


def _lacking(spec: DatasetSpec, what: str) -> ConfigError:
    return ConfigError(
        f"'{spec.id}' has no {what}", where=spec.id, expected=f"a data set whose files hold {what}", found=spec.reader
    )

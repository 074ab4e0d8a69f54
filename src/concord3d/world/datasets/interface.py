"""What to build, and what every family of the world's data sets says of itself.

Splits, and data sets of different series, never share an object.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from concord3d.errors import ConfigError, nearest

SPLIT_OFFSET = {"train": 0, "val": 1_000_000, "test": 2_000_000}
SERIES_OFFSET = 10_000_000
_MAX_ITEMS = SPLIT_OFFSET["val"]


@dataclass(frozen=True)
class Layout:
    """One data set that the world can write.

    Attributes:
        series: Data sets of one series are made of the same objects, as ModelNet10 is of ModelNet40.
        splits: Its splits.
        categories: What it shows, in the order of the official labels.
        lacking: Classes of the real data set that the world has no shape for.
        options: Dataclass of what a recipe may say beside shapes and points, each with a default, or None.
    """

    series: int
    splits: tuple[str, ...]
    categories: tuple[str, ...]
    lacking: tuple[str, ...] = ()
    options: type[Any] | None = None


@dataclass(frozen=True)
class WorldRecipe:
    """What to build.

    Attributes:
        dataset: One of :func:`concord3d.world.datasets.world_datasets`.
        splits: Shapes per split; they are spread evenly over the categories (over a long tail in objaverse_lvis).
        categories: Restriction to these, or None for all that the real set has. Labels keep the official numbers.
        num_points: Points per cloud; sets of meshes leave it to their reader.
        seed: The world's seed.
        options: What the data set's :attr:`Layout.options` know, where it differs from the default.
    """

    dataset: str
    splits: dict[str, int]
    categories: tuple[str, ...] | None
    num_points: int
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def validated(self, layout: Layout) -> WorldRecipe:
        """Return self.

        Args:
            layout: The data set.

        Raises:
            ConfigError: An unknown split, category or option, or a value that is impossible.
        """
        self.chosen_options(layout)
        for split, count in self.splits.items():
            if split not in layout.splits:
                raise ConfigError(
                    f"'{self.dataset}' has no split '{split}'{nearest(split, layout.splits)}",
                    where="splits", expected=", ".join(layout.splits), found=split,
                )  # fmt: skip
            if not 0 < count < _MAX_ITEMS:
                expected = f"1 to {_MAX_ITEMS - 1}"
                raise ConfigError(
                    "Impossible number of shapes", where=f"splits.{split}", expected=expected, found=count
                )
        for category in self.categories or ():
            if category not in layout.categories:
                raise ConfigError(
                    f"'{self.dataset}' has no category '{category}'{nearest(category, layout.categories)}",
                    where="categories", expected=", ".join(layout.categories), found=category,
                )  # fmt: skip
        if self.num_points < 1 or self.seed < 0 or not self.splits or self.categories == ():
            raise ConfigError(
                "A world recipe needs points, a seed, splits and categories",
                expected="num_points >= 1, seed >= 0, at least one split, categories null or not empty",
                found=asdict(self),
            )
        return self

    def chosen_options(self, layout: Layout) -> Any:
        """Return the data set's options, an instance of ``layout.options``, or None where it has none.

        Raises:
            ConfigError: An unknown option, or an impossible value.
        """
        known = [one.name for one in fields(layout.options)] if layout.options else []
        for name in self.options:
            if name not in known:
                raise ConfigError(
                    f"'{self.dataset}' has no option '{name}'{nearest(name, known)}",
                    where=f"options.{name}", expected=", ".join(known) or "none", found=name,
                )  # fmt: skip
        return layout.options(**self.options) if layout.options else None

    def told(self) -> dict[str, Any]:
        """Return what it says, as JSON values; options only where there are some."""
        return {name: value for name, value in asdict(self).items() if name != "options" or value}


class Item(Protocol):
    """What is made at a time."""

    @property
    def split(self) -> str:
        """The split that it belongs to."""

    @property
    def count(self) -> int:
        """How many of the split's shapes it makes."""


AnyItem = TypeVar("AnyItem", bound=Item)
Made = TypeVar("Made")


class DatasetFamily(ABC, Generic[AnyItem, Made]):
    """Data sets that are written in one on-disk layout.

    Attributes:
        layouts: What is known of each data set, by its identifier in ``datasets.yaml``.
        folders: Where the other data sets lie that a recipe draws on.
    """

    layouts: ClassVar[Mapping[str, Layout]]
    folders: Mapping[str, Path] = MappingProxyType({})

    def foreign(self, recipe: WorldRecipe) -> Mapping[str, str]:
        """Return the other data sets that a recipe draws on, each with the module that knows its files."""
        return {}

    def told_foreign(self, recipe: WorldRecipe) -> Mapping[str, Any]:
        """Return what is drawn from each of them, as JSON values."""
        return {}

    def with_folders(self, folders: Mapping[str, Path]) -> DatasetFamily[AnyItem, Made]:
        """Return the family as it makes data sets with the files of others.

        Args:
            folders: Where the data sets of :meth:`foreign` lie.
        """
        family = copy(self)
        family.folders = folders
        return family

    @abstractmethod
    def items(self, recipe: WorldRecipe, split: str) -> list[AnyItem]:
        """Return what a split is made of; the number of shapes is the recipe's."""

    @abstractmethod
    def make(self, recipe: WorldRecipe, out: Path, item: AnyItem) -> Made:
        """Make one item, in any process; files that hold this item alone are written here.

        Args:
            recipe: What to build.
            out: Folder that receives the files.
            item: One of :meth:`items`.
        """

    @abstractmethod
    def write(self, recipe: WorldRecipe, out: Path, items: Sequence[AnyItem], made: Sequence[Made]) -> None:
        """Write the files that hold more than one item.

        Args:
            recipe: What to build.
            out: Folder that receives the files.
            items: All items, split by split.
            made: What :meth:`make` returned for each.
        """

"""What every kind of store has: what it is a store of, its file, and the checks that a reader's work must pass.

Shape legend: S items of a split (objects, blocks of rooms, sweeps), P points per item.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from concord3d.arrays import read_arrays, write_arrays
from concord3d.errors import BadCloud, ConfigError, UnreadableFile, WrongRelease

DATA_KINDS = ("synthetic", "real")
_PART_NUMBERS = 1 << 22


@dataclass(frozen=True)
class Limits:
    """What the catalogue says about the contents of a data set.

    Attributes:
        lowest_label: 0, or -1 where what has no class is allowed.
        class_parts: Number of parts of each class, in label order; numbers of parts go on from class to class. Empty
            where there are no parts, or any.
        max_radius: Largest distance of a point from the origin that is believable, or None.
    """

    lowest_label: int = 0
    class_parts: tuple[int, ...] = ()
    max_radius: float | None = None


@dataclass(frozen=True)
class StoreIdentity:
    """What a store is a store of.

    Attributes:
        dataset: Identifier in ``datasets.yaml``.
        split: ``train``, ``val`` or ``test``.
        data_kind: ``synthetic`` or ``real``.
    """

    dataset: str
    split: str
    data_kind: str


@dataclass(frozen=True)
class Store(StoreIdentity, ABC):
    """One split of a data set in canonical form.

    Subclasses are dataclasses that add their arrays, ``names`` (one identifier per item) and ``class_names``.

    Attributes:
        findings: What was met in the data set's files and left out, counted and named, one sentence each.
    """

    kind: ClassVar[str]

    findings: tuple[str, ...] = field(default=(), kw_only=True)

    @abstractmethod
    def __len__(self) -> int:
        """S."""

    @abstractmethod
    def with_class_names(self, class_names: tuple[str, ...]) -> Self:
        """Return the same with these names of classes."""

    @abstractmethod
    def subset(self, index: NDArray[np.int64]) -> Self:
        """Return the items at ``index``, in that order."""

    @abstractmethod
    def validated(self, where: str | Path | None = None) -> Self:
        """Return self.

        Raises:
            BadCloud: No items, arrays that do not fit each other, or coordinates that are not finite.
        """

    @abstractmethod
    def check(self, limits: Limits, where: str | Path) -> None:
        """Compare labels and coordinates with what the catalogue says.

        Raises:
            WrongRelease: Labels out of range, or points too far from the origin.
            BadCloud: Items that no method can use.
        """

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but the identity, as arrays by name."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, identity: StoreIdentity, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return the store that :meth:`arrays` was called on.

        Raises:
            KeyError: An array is missing.
            ValueError: Arrays do not fit each other.
        """

    def first_points(self, num_points: int) -> Self:
        """Return the first ``num_points`` points of every item.

        Raises:
            ConfigError: This kind of store keeps all its points.
            BadCloud: Items have fewer points.
        """
        raise ConfigError(
            f"Stores of {self.kind} keep all their points",
            where=f"{self.dataset}/{self.split}",
            found=f"num_points: {num_points}",
            next_step=f"leave num_points of '{self.dataset}' out of the scale",
        )

    def save(self, path: Path) -> None:
        """Write the store as one uncompressed ``.npz`` (bytes depend on the content alone)."""
        identity = np.array([self.dataset, self.split, self.data_kind])
        findings = {"findings": np.array(self.findings)} if self.findings else {}
        write_arrays(path, {"kind": np.array(self.kind), "identity": identity, **findings, **self.arrays()})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a store of this kind; large arrays are mapped (:func:`concord3d.arrays.read_arrays`).

        Raises:
            UnreadableFile: The file is absent, truncated, of another kind, lacks a key, or its arrays do not fit.
        """
        arrays = read_arrays(path, f"a store of {cls.kind}")
        found = str(arrays["kind"]) if "kind" in arrays else "no kind"
        if found != cls.kind:
            raise UnreadableFile("A store is of another kind", where=path, expected=cls.kind, found=found)
        try:
            dataset, split, data_kind = (str(part) for part in arrays["identity"])
            store = cls.from_arrays(StoreIdentity(dataset, split, data_kind), arrays)
            return replace(store, findings=words(arrays["findings"])) if "findings" in arrays else store
        except (KeyError, ValueError) as error:
            raise UnreadableFile(
                f"Not a store of {cls.kind}", where=path, found=error, next_step="delete the file and run again"
            ) from error


def words(array: NDArray[Any]) -> tuple[str, ...]:
    """Return the texts of an array of strings."""
    return tuple(str(word) for word in array)


def not_finite(numbers: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the rows of (S, ...) numbers of which one is not finite, looking at a part at a time."""
    step = max(1, _PART_NUMBERS // max(1, int(np.prod(numbers.shape[1:]))))
    axes = tuple(range(1, numbers.ndim))
    parts = range(0, len(numbers), step)
    bad = [np.flatnonzero(~np.isfinite(numbers[i : i + step]).all(axis=axes)) + i for i in parts]
    return np.concatenate(bad) if bad else np.zeros(0, np.int64)


def check_labels(
    what: str, dataset: str, labels: NDArray[np.int64], lowest: int, count: int, where: str | Path
) -> None:
    """Compare labels with their range.

    Raises:
        WrongRelease: A label is below ``lowest``, or ``count`` or more.
    """
    if labels.min() < lowest or labels.max() >= count:
        raise WrongRelease(
            f"{what} of '{dataset}' are out of range",
            where=where,
            expected=f"{lowest} to {count - 1}",
            found=f"{labels.min()} to {labels.max()}",
        )


def check_radius(dataset: str, radius: float, limit: float | None, where: str | Path) -> None:
    """Compare the largest distance of a point from the origin with what is believable.

    Raises:
        WrongRelease: It is larger.
    """
    if limit is not None and radius > limit:
        raise WrongRelease(
            f"Points of '{dataset}' are too far from the origin (not normalised, or other units)",
            where=where,
            expected=f"radius at most {limit}",
            found=f"{radius:.4g}",
        )


def require_lengths(where: str | Path, expected: int, **found: int) -> None:
    """Check that everything that counts items counts the same.

    Raises:
        BadCloud: A number differs; the message names all.
    """
    if any(count != expected for count in found.values()):
        raise BadCloud(f"Items, {', '.join(found)} differ in number", where=where, expected=expected, found=found)

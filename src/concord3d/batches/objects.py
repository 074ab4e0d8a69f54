"""Single objects: clouds of equally many points, with views, labels, colours and features of frozen towers.

Shape legend: S shapes, B objects of a batch, P points per shape, V stored views per shape, m views of a batch,
H height, W width, C channels, D width of tower features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from concord3d.batches.interface import Batch, IntArray, shuffled
from concord3d.data.stores.objects import CloudSplit, joined, not_finite
from concord3d.errors import BadCloud, ConfigError
from concord3d.features.prompts import texts_of
from concord3d.features.stored import open_features
from concord3d.features.targets import FrozenTargets, text_rows
from concord3d.features.unseen_classes import UnseenClasses
from concord3d.methods.settings import ObjectMethodSettings
from concord3d.render.stored import open_view_set


class Targets(NamedTuple):
    """Features of frozen towers for the objects of a batch.

    Attributes:
        image: (B, D) float32, of one picture of each object, not normalised.
        text: (B, D) float32, of one text of each object, not normalised; zeros where there is none.
        has_text: (B,) bool; an object without text takes part in no term on texts.
    """

    image: Tensor
    text: Tensor
    has_text: Tensor


@dataclass(frozen=True)
class ObjectBatch(Batch):
    """One batch as stored, before any augmentation.

    Attributes:
        points: (B, P, 3) float32.
        views: (B, m, H, W, C) uint8, or None where the method uses no images.
        labels: (B,) int64, or None where there are none.
        colors: (B, P, 3) uint8 RGB per point, or None where the data have none or the method uses none.
        targets: Features of frozen towers, or None where the method uses none.
        parts: (B, P) int64 part label per point, or None where the method uses none.
    """

    points: Tensor
    views: Tensor | None = None
    labels: Tensor | None = None
    colors: Tensor | None = None
    targets: Targets | None = None
    parts: Tensor | None = None


class ViewReader(Protocol):
    """What is needed of a store of views (:class:`concord3d.render.stored.ViewSet` is one)."""

    @property
    def num_objects(self) -> int: ...

    @property
    def num_views(self) -> int: ...

    @property
    def identity(self) -> str: ...

    def read(self, object_index: IntArray, view_index: IntArray) -> NDArray[np.uint8]:
        """Return (B, m, H, W, C) for objects (B,) and views (B, m)."""
        ...


class TargetReader(Protocol):
    """What is needed of frozen towers' features (:class:`concord3d.features.targets.FrozenTargets` is one)."""

    @property
    def num_objects(self) -> int: ...

    @property
    def dim(self) -> int: ...

    @property
    def identity(self) -> str: ...

    def read(
        self, objects: IntArray, generator: torch.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Return image features (B, D), text features (B, D) and has_text (B,) of a drawn picture and text each."""
        ...


@dataclass(frozen=True)
class ObjectData:
    """Clouds of some data sets with what a method sees of them.

    Attributes:
        points: (S, P, 3) float32.
        labels: (S,) int64, or None.
        views: Store whose object i is shape i, or None.
        colors: (S, P, 3) uint8 RGB per point, or None.
        targets: Features of frozen towers whose object i is shape i, or None.
        parts: (S, P) part label per point, or None.
        drawn_views: m, views that a batch holds of each object, drawn without replacement in random order.
    """

    points: NDArray[np.float32]
    labels: NDArray[np.int64] | None = None
    views: ViewReader | None = None
    colors: NDArray[np.uint8] | None = None
    targets: TargetReader | None = None
    parts: NDArray[np.int64] | None = None
    drawn_views: int = 0
    unit: str = field(default="clouds", init=False)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def num_views(self) -> int:
        """V, 0 without images."""
        return 0 if self.views is None else self.views.num_views

    @property
    def num_classes(self) -> int:
        """Number of classes, 0 without labels."""
        return 0 if self.labels is None else int(self.labels.max()) + 1

    @property
    def target_dim(self) -> int:
        """D, 0 without towers."""
        return 0 if self.targets is None else self.targets.dim

    @property
    def identity(self) -> str:
        """SHA-256 over all arrays and the identities of views and targets."""
        digest = hashlib.sha256(np.ascontiguousarray(self.points).data)
        for part in (self.labels, self.colors, self.parts):
            digest.update(b"none" if part is None else np.ascontiguousarray(part).data)
        for reader in (self.views, self.targets):
            digest.update(b"none" if reader is None else reader.identity.encode())
        return digest.hexdigest()

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        """Return an epoch's order."""
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> ObjectBatch:
        """Return clouds, labels of clouds and points, colours, randomly chosen views and tower features of objects."""
        points = torch.from_numpy(np.ascontiguousarray(self.points[units], dtype=np.float32))
        labels = None if self.labels is None else torch.from_numpy(self.labels[units].astype(np.int64))
        views = None
        if self.drawn_views and self.views is not None:
            places = torch.rand((len(units), self.views.num_views), generator=draw)
            chosen = places.argsort(dim=1)[:, : self.drawn_views].numpy()
            views = torch.from_numpy(np.ascontiguousarray(self.views.read(units, chosen)))
        colors = None if self.colors is None else torch.from_numpy(np.ascontiguousarray(self.colors[units]))
        targets = None
        if self.targets is not None:
            targets = Targets(*(torch.from_numpy(part) for part in self.targets.read(units, draw)))
        parts = None if self.parts is None else torch.from_numpy(self.parts[units].astype(np.int64))
        return ObjectBatch(points, views, labels, colors, targets, parts)

    def validated(self) -> None:
        """Check the clouds, and that all parts belong to them.

        Raises:
            BadCloud: Points of a wrong shape or not finite.
            ConfigError: Labels, views, colours, tower features or part labels do not fit the points.
        """
        points = self.points
        if points.ndim != 3 or points.shape[2] != 3 or len(not_finite(points)):
            raise BadCloud("Training clouds are unusable", expected="finite (S, P, 3)", found=points.shape)
        counts = {
            "labels": None if self.labels is None else len(self.labels),
            "views": None if self.views is None else self.views.num_objects,
            "colours": None if self.colors is None else len(self.colors),
            "part labels": None if self.parts is None else len(self.parts),
            "tower features": None if self.targets is None else self.targets.num_objects,
        }
        for name, count in counts.items():
            if count is not None and count != len(points):
                raise ConfigError(f"The {name} do not belong to the clouds", expected=len(points), found=count)


def opened(run: Mapping[str, Any], settings: ObjectMethodSettings, files: Mapping[str, Sequence[Path]]) -> ObjectData:
    """Open the files of a training on objects.

    Args:
        run: Resolved configuration.
        settings: Settings of the method, which say what it reads.
        files: Lists with one entry per data set, in the same order: ``clouds`` and, as far as the method reads them,
            ``views``, ``image_features`` and ``text_features``.

    Raises:
        UnreadableFile: A store or index is absent or damaged.
        BadCloud: Data sets that are trained on together do not fit.
        ConfigError: Several data sets for a method that reads rendered views.
    """
    views = files.get("views", ())
    unseen = UnseenClasses(run["data"].get("without_classes") or ())
    if len(views) > 1:
        raise ConfigError(
            "Methods that read rendered views train on one data set", where="data.dataset", found=len(views)
        )
    stored = [CloudSplit.load(path) for path in files["clouds"]]
    kept = [unseen.kept(split) for split in stored]
    splits = [split.subset(rows) if unseen else split for split, rows in zip(stored, kept, strict=True)]
    clouds = joined(splits)
    targets = _targets(splits, kept, files, unseen) if files.get("image_features") else None
    return ObjectData(
        clouds.points,
        None if len(splits) > 1 else clouds.labels,
        open_view_set(views[0]) if views else None,
        clouds.colors if targets is not None else None,
        targets,
        clouds.part_labels if settings.reads_parts else None,
        settings.num_views,
    )


def _targets(
    splits: Sequence[CloudSplit], kept: Sequence[IntArray], files: Mapping[str, Sequence[Path]], unseen: UnseenClasses
) -> FrozenTargets:
    parts = []
    for split, places, images, texts in zip(splits, kept, files["image_features"], files["text_features"], strict=True):
        encoded = open_features(texts)
        written = texts_of(split)
        rows = text_rows([unseen.without(some) if unseen else some for some in written], encoded.row_of)
        parts.append(FrozenTargets(open_features(images).rows, encoded.rows, rows, places))
    return reduce(FrozenTargets.joined, parts)

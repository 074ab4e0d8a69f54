"""Objects of which each is a cloud and a picture, to be classified without reading their labels.

Shape legend: S objects, B objects of a batch, P points per cloud, V views per object, C channels of a map, g patches
per side, s side of the picture encoder's input, K classes, D width of text features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from concord3d.batches.interface import Batch, IntArray, shuffled
from concord3d.data.stores.objects import CloudSplit, not_finite
from concord3d.errors import BadCloud, ConfigError
from concord3d.features.open_tower import tower_patch_size, tower_preprocess
from concord3d.features.picture_strength import PictureStrength
from concord3d.features.preprocess import Preprocess
from concord3d.features.prompts import load_class_features
from concord3d.features.strong_pictures import StrongPictures
from concord3d.features.tower_config import PATCH_SIZE
from concord3d.features.trunk_maps import TrunkMaps, chosen_views, drawn_masks, normalised
from concord3d.files import content_hash
from concord3d.methods.settings import MethodSettings
from concord3d.render.stored import ViewSet, open_view_set


class Pictures(NamedTuple):
    """One picture of each object of a batch, as the teacher and as the student sees it.

    Attributes:
        weak: (B, 3, s, s) normalised pixels, or (B, C, g, g) maps of a frozen trunk.
        strong: Likewise of the strong picture; patches are hidden in maps, and not yet in pixels.
        pixels: (B, 3, s, s) normalised pixels of the strong picture, of which nothing is hidden.
        masks: (B, g, g) bool, True where a patch is hidden.
    """

    weak: Tensor
    strong: Tensor
    pixels: Tensor
    masks: Tensor


@dataclass(frozen=True)
class UnlabelledBatch(Batch):
    """One batch, its clouds as stored.

    Attributes:
        points: (B, P, 3) float32.
        pictures: One of each object.
        units: (B,) int64, which object each is.
        labels: (B,) int64 for the record of a training alone: no gradient may depend on them; None where there are
            none.
    """

    points: Tensor
    pictures: Pictures
    units: Tensor
    labels: Tensor | None


class PictureSource(Protocol):
    """Where the pictures of a batch come from.

    Attributes:
        num_views: V.
        are_maps: Whether pictures are maps of a frozen trunk.
    """

    num_views: int
    are_maps: bool

    def __len__(self) -> int: ...

    def read(self, units: IntArray, draw: torch.Generator) -> Pictures:
        """Return one picture of each of some objects."""
        ...

    def weak(self, units: IntArray, view: int | IntArray) -> Tensor:
        """Return one named view of each of some objects, as the teacher sees it; one number names a view for all."""
        ...


class StoredMaps:
    """Pictures whose maps a frozen trunk made before; of the strong versions each step draws one.

    Args:
        maps: The maps.
        preprocess: What happens to pictures before the trunk.
    """

    are_maps = True

    def __init__(self, maps: TrunkMaps, preprocess: Preprocess) -> None:
        self._maps, self._preprocess, self.num_views = maps, preprocess, maps.num_views

    def __len__(self) -> int:
        return len(self._maps)

    def read(self, units: IntArray, draw: torch.Generator) -> Pictures:
        """Return the maps of a drawn view and of a drawn strong version of it."""
        views = torch.randint(self.num_views, (len(units),), generator=draw).numpy()
        versions = torch.randint(self._maps.num_strong, (len(units),), generator=draw).numpy()
        weak, strong = self._maps.weak[units, views], self._maps.strong[units, views, versions]
        pixels = normalised(self._maps.pictures[units, views, versions], self._preprocess)
        masks = torch.from_numpy(self._maps.masks[units, views, versions])
        return Pictures(_floats(weak), _floats(strong), pixels, masks)

    def weak(self, units: IntArray, view: int | IntArray) -> Tensor:
        """Return (B, C, g, g)."""
        return _floats(self._maps.weak[units, view])


class DrawnPictures:
    """Pictures that are changed anew at each step.

    Args:
        views: The pictures.
        preprocess: What happens to them before the picture encoder.
        strength: How strongly they are changed.
        num_views: How many of each object are drawn from; None means all.
        patch_size: Pixels per side of a patch.
    """

    are_maps = False

    def __init__(
        self,
        views: ViewSet,
        preprocess: Preprocess,
        strength: PictureStrength,
        num_views: int | None,
        patch_size: int = PATCH_SIZE,
    ) -> None:
        self._views, self._preprocess, self._strength = views, preprocess, strength
        self._grid = preprocess.size // patch_size
        self._chosen = chosen_views(views.num_views, num_views)
        self._change = StrongPictures(preprocess.size, strength, preprocess.mean)
        self.num_views = len(self._chosen)

    def __len__(self) -> int:
        return self._views.num_objects

    def read(self, units: IntArray, draw: torch.Generator) -> Pictures:
        """Return a drawn view and a strong version of it."""
        views = torch.randint(self.num_views, (len(units),), generator=draw).numpy()
        seeds = torch.randint(2**31, (len(units),), generator=draw).tolist()
        masks = drawn_masks(len(units), self._grid, self._strength, draw)
        stored = self._views.read(units, self._chosen[views][:, None])[:, 0]
        strong = np.stack([self._change(picture, seed) for picture, seed in zip(stored, seeds, strict=True)])
        pixels = normalised(strong, self._preprocess)
        return Pictures(normalised(stored, self._preprocess), pixels, pixels, masks)

    def weak(self, units: IntArray, view: int | IntArray) -> Tensor:
        """Return (B, 3, s, s)."""
        views = np.broadcast_to(self._chosen[view], len(units))[:, None]
        return normalised(self._views.read(units, views)[:, 0], self._preprocess)


@dataclass(frozen=True)
class UnlabelledData:
    """Clouds and pictures of the objects of one data set.

    Attributes:
        points: (S, P, 3) float32.
        pictures: Of the same objects in the same order.
        class_names: K names, the only thing that is known of the classes.
        class_features: (K, D) a tower's features of these names.
        dataset: Name of the data set.
        labels: (S,) int64 for the record alone, or None.
        files_identity: Equal for data that were opened from the same files by this process; empty where nobody knows.
    """

    points: NDArray[np.float32]
    pictures: PictureSource
    class_names: tuple[str, ...]
    class_features: NDArray[np.float32]
    dataset: str = ""
    labels: NDArray[np.int64] | None = None
    files_identity: str = ""
    unit: str = field(default="objects", init=False)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def identity(self) -> str:
        """See :meth:`concord3d.batches.interface.TrainingData.identity`; a workflow knows the files."""
        raise ConfigError("Trainings on unlabelled objects run within a workflow", where=self.dataset)

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        """Return an epoch's order."""
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> UnlabelledBatch:
        """Return the clouds of some objects, and a drawn picture of each."""
        labels = None if self.labels is None else torch.from_numpy(self.labels[units].astype(np.int64))
        return UnlabelledBatch(
            self.clouds(units), self.pictures.read(units, draw), torch.from_numpy(units.copy()), labels
        )

    def clouds(self, units: IntArray) -> Tensor:
        """Return (B, P, 3) float32."""
        return torch.from_numpy(np.ascontiguousarray(self.points[units], dtype=np.float32))

    def validated(self) -> None:
        """Check that clouds are finite and have pictures, and that there is a feature of each class name.

        Raises:
            BadCloud: Points of a wrong shape or not finite.
            ConfigError: Pictures of other objects, or classes that are not those of the prompts.
        """
        if self.points.ndim != 3 or self.points.shape[2] != 3 or len(not_finite(self.points)):
            raise BadCloud("Training clouds are unusable", expected="finite (S, P, 3)", found=self.points.shape)
        if len(self.pictures) != len(self.points):
            raise ConfigError(
                "The pictures are of other objects than the clouds",
                where=self.dataset,
                expected=f"{len(self.points)} objects",
                found=f"{len(self.pictures)} objects",
            )
        if len(self.class_features) != len(self.class_names):
            raise ConfigError(
                "The classes are not those that the prompts are about",
                where=self.dataset,
                expected=f"{len(self.class_names)} classes",
                found=f"features of {len(self.class_features)}",
            )


def _floats(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).float()


def opened(run: Mapping[str, Any], settings: MethodSettings, files: Mapping[str, Sequence[Path]]) -> UnlabelledData:
    """Open the files of a training.

    Args:
        run: Resolved configuration; ``tower`` is the tower whose picture encoder is trained, and of clouds with more
            points than ``data.num_points`` the first are taken, as protocols do.
        settings: Settings of the method.
        files: ``clouds``, ``classes``, and either ``maps`` of a frozen trunk or ``views``.

    Raises:
        UnreadableFile: A file is absent or damaged.
        TowerMismatch: The features are of other classes than the data set's.
        ConfigError: There are not so many views.
    """
    [store], [classes], [shown] = files["clouds"], files["classes"], files.get("maps") or files["views"]
    split, pictures = CloudSplit.load(store), opened_pictures(shown, run)
    names, points = split.class_names, split.points[:, : run["data"]["num_points"]]
    features = load_class_features(classes, names)
    told = {"tower": run["tower"], "data": run["data"], "files": [_file_now(path) for path in (store, shown)]}
    return UnlabelledData(points, pictures, names, features, split.dataset, split.labels, content_hash(told))


def _file_now(path: Path) -> list[Any]:
    """Return what changes when a file is replaced; the index of views names the pictures by their content."""
    now = path.stat()
    return [str(path), now.st_size, now.st_mtime_ns]


def opened_pictures(path: Path, run: Mapping[str, Any]) -> PictureSource:
    """Open maps of a frozen trunk, or an index of views.

    Args:
        path: A ``.npz`` file of maps, or the index.
        run: Resolved configuration; ``tower`` says what happens to pictures before.

    Raises:
        UnreadableFile: The file is absent or damaged.
        ConfigError: There are not so many views.
    """
    tower, data = run["tower"], run["data"]
    preprocess = tower_preprocess(tower["model"], tower.get("weights"))
    if path.suffix == ".npz":
        return StoredMaps(TrunkMaps.read(path), preprocess)
    strength = PictureStrength.model_validate(data.get("strength", {}))
    patch_size = tower_patch_size(tower["model"])
    return DrawnPictures(open_view_set(path), preprocess, strength, data.get("num_views"), patch_size)

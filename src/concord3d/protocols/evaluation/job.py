"""One evaluation job, and the clouds, encoders and features that a protocol takes from it.

Shape legend: S shapes, d feature width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from concord3d.data.stores.interface import Store
from concord3d.data.stores.objects import CloudSplit
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.errors import EvaluationError
from concord3d.features.cloud_form import CloudForm, Layer
from concord3d.features.clouds import cloud_channels, extract_features
from concord3d.features.scan_files import ScanFiles
from concord3d.methods.interface import saved_module
from concord3d.methods.settings import method_kind
from concord3d.protocols.evaluation.feature_memo import Encoded, FeatureMemo
from concord3d.protocols.evaluation.tower_features import TowerFeatures
from concord3d.protocols.interface import AlignedSettings, FrozenSettings

if TYPE_CHECKING:
    from concord3d.batches.unlabelled import PictureSource

SplitName = Literal["train", "test"]


@dataclass(frozen=True)
class EvaluationJob:
    """One protocol on one encoder and one data set.

    Attributes:
        run_config: Resolved configuration of the training run.
        model_path: Final weights of the module that is evaluated.
        snapshot_paths: Its weights kept during training, the final ones included; empty where nothing was trained.
        train: Training split; None where the data set has none, for protocols that learn nothing from it.
        test: Split that is tested.
        protocol: Name of the protocol.
        settings: Its settings.
        out: Where the result goes, without suffix.
        device: ``cpu``, ``cuda`` or ``auto``.
        tower: Features of the tower that the test split is compared with, for the protocols that need some.
        scan_files: What the encoders of the training make of the test split, for the protocols that test scans.
        module: Which saved module of the training is evaluated.
        memo: Features shared with other jobs on this training; None computes them anew.
    """

    run_config: Mapping[str, Any]
    model_path: Path
    snapshot_paths: Sequence[Path]
    train: Store | None
    test: Store
    protocol: str
    settings: Mapping[str, Any]
    out: Path
    device: str = "auto"
    tower: TowerFeatures = field(default_factory=TowerFeatures)
    scan_files: ScanFiles | None = None
    module: str = "point"
    memo: FeatureMemo | None = None

    def identity(self) -> dict[str, Any]:
        """Return the columns of ``metrics.csv`` that name the job."""
        return {
            "experiment": self.run_config["experiment"],
            "seed": self.run_config["seed"],
            "scale": self.run_config["scale"],
            "protocol": self.protocol,
            "dataset": self.test.dataset,
            "data_kind": self.test.data_kind,
        }

    @property
    def is_trained(self) -> bool:
        """Whether the training behind the module trained anything."""
        return method_kind(str(self.run_config["method"])).is_trained

    @property
    def torch_device(self) -> str:
        """The device by its torch name."""
        if self.device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        return self.device

    def num_points(self, asked: int | None, published: int) -> int:
        """Return the points per cloud: as asked, else the published number or that of pre-training if smaller."""
        return asked or min(published, int(self.run_config["data"]["num_points"]))

    def load_module(self, weights: Path | None = None) -> nn.Module:
        """Return the module that is evaluated, with its final weights or those of a snapshot.

        Raises:
            CheckpointCorrupt: The weights cannot be read or do not fit.
        """
        return saved_module(self.run_config, self.module, weights or self.model_path)

    def blocks(self, name: SplitName) -> RoomBlocks:
        """Return the blocks of rooms of a split.

        Raises:
            EvaluationError: There is no such split, or it holds no blocks.
        """
        split = self._split(name)
        if not isinstance(split, RoomBlocks):
            raise EvaluationError(
                f"Protocol '{self.protocol}' needs blocks of rooms", where=self.out, found=type(split).__name__
            )
        return split

    def classified_splits(self) -> tuple[CloudSplit, CloudSplit]:
        """Return training and test clouds.

        Raises:
            EvaluationError: The splits hold no clouds or no classes, or name different classes.
            BadCloud: Coordinates that are not finite.
        """
        train, test = self.clouds("train"), self.clouds("test")
        if train.class_names != test.class_names:
            raise EvaluationError(
                "Training and test split name different classes",
                where=test.dataset,
                expected=train.class_names,
                found=test.class_names,
            )
        for split in (train, test):
            _check_classes(split.validated())
        return train, test

    def tested_clouds(self, classified: bool = False) -> CloudSplit:
        """Return the test clouds, for protocols that learn nothing from the training split.

        Args:
            classified: Whether every shape must have a class.

        Raises:
            EvaluationError: The split holds no clouds, or shapes without a class where one is needed.
            BadCloud: Coordinates that are not finite.
        """
        test = self.clouds("test").validated()
        if classified:
            _check_classes(test)
        return test

    def pictures(self) -> PictureSource:
        """Return the pictures of the test split, as the training saw pictures.

        Raises:
            EvaluationError: There are none, or they are of other shapes than the clouds.
            UnreadableFile: The file is absent or damaged.
        """
        from concord3d.batches.unlabelled import opened_pictures

        if self.tower.pictures is None:
            raise EvaluationError(f"Protocol '{self.protocol}' needs pictures", where=self.out, found=None)
        pictures = opened_pictures(self.tower.pictures, self.run_config)
        if len(pictures) != len(self.test):
            raise EvaluationError(
                "The pictures are of other shapes than the clouds",
                where=self.tower.pictures,
                expected=len(self.test),
                found=len(pictures),
            )
        return pictures

    def encoding(self, settings: FrozenSettings, published_num_points: int) -> Encoding:
        """Return how a protocol encodes this job's clouds.

        Args:
            settings: Settings of the protocol.
            published_num_points: Points per cloud that it was published with.
        """
        return Encoding(self, settings, self.num_points(settings.num_points, published_num_points))

    def clouds(self, name: SplitName) -> CloudSplit:
        """Return the clouds of a split, whatever they hold.

        Raises:
            EvaluationError: There is no such split, or it holds no clouds.
        """
        split = self._split(name)
        if not isinstance(split, CloudSplit):
            raise EvaluationError(
                f"Protocol '{self.protocol}' needs clouds", where=self.out, found=type(split).__name__
            )
        return split

    def _split(self, name: SplitName) -> Store:
        split = self.train if name == "train" else self.test
        if split is None:
            raise EvaluationError(
                f"Protocol '{self.protocol}' reads the training split, and the data set has none",
                where=self.out,
                next_step="leave the data set out of the protocol's datasets",
            )
        return split


def _check_classes(split: CloudSplit) -> None:
    if split.labels.min() < 0 or split.labels.max() >= len(split.class_names):
        raise EvaluationError(
            "A split has labels without a class",
            where=f"{split.dataset}/{split.split}",
            expected=f"0 to {len(split.class_names) - 1}",
            found=(int(split.labels.min()), int(split.labels.max())),
        )


@dataclass(frozen=True)
class Encoding:
    """How a protocol on frozen features encodes clouds.

    Attributes:
        job: The job.
        settings: Settings of the protocol.
        num_points: Points per cloud.
    """

    job: EvaluationJob
    settings: FrozenSettings
    num_points: int

    @cached_property
    def encoder(self) -> nn.Module:
        """The encoder with its final weights."""
        return self.job.load_module()

    def is_resampled(self, split: CloudSplit) -> bool:
        """Whether points are drawn with replacement, for the clouds hold too few (MM-Mixing spec 1.4)."""
        return isinstance(self.settings, AlignedSettings) and split.points.shape[1] < self.num_points

    def form(self, split: CloudSplit, layer: Layer = "output", draw: int = 0) -> CloudForm:
        """Return how the clouds of a split are encoded; ``draw`` numbers the random choices of points."""
        seeds = None
        if isinstance(self.settings, AlignedSettings) and self.is_resampled(split):
            seeds = (self.settings.resample_seed, draw)
        return CloudForm(self.settings.normalise, layer, seeds)

    def features(
        self,
        split: SplitName,
        layer: Layer = "output",
        draw: int = 0,
        rows: NDArray[np.int64] | None = None,
        snapshot: Path | None = None,
    ) -> NDArray[np.float32]:
        """Return (S, d) features of a split, computed once for all jobs that share a memo.

        Args:
            split: Which split.
            layer: ``output``, or ``backbone`` for the features before a projection into a tower's space.
            draw: Which random choice of points, where clouds hold too few.
            rows: (S,) the shapes to encode, in their order; None encodes all.
            snapshot: Weights other than the final ones.

        Raises:
            BadCloud: Fewer points than asked, or coordinates that are not finite.
            CheckpointCorrupt: The weights cannot be read or do not fit.
            EvaluationError: The encoder lacks the layer, or returned values that are not finite.
        """
        clouds, memo = self.job.clouds(split), self.job.memo or FeatureMemo()
        form = self.form(clouds, layer, draw)

        def extract() -> NDArray[np.float32]:
            encoder = self.encoder if snapshot is None else self.job.load_module(snapshot)
            chosen = clouds if rows is None else clouds.subset(rows)
            batch_size, device = self.settings.batch_size, self.job.torch_device
            return extract_features(encoder, chosen.points, self.num_points, batch_size, device, chosen.colors, form)

        weights = memo.digest(snapshot or self.job.model_path)
        of_rows = b"" if rows is None else rows.tobytes()
        return memo.get(Encoded(weights, clouds.dataset, split, self.num_points, form, of_rows), extract)

    def details(self, split: CloudSplit) -> dict[str, Any]:
        """Return what the result of a protocol of aligned encoders says about the encoder's input."""
        return {
            "num_points": self.num_points,
            "num_points_stored": int(split.points.shape[1]),
            "num_channels": cloud_channels(self.encoder),
            "has_colors": split.colors is not None,
            "normalise": self.settings.normalise,
        }

"""One evaluation job, and the encoders and features that protocols take from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from concord3d.data.stores.objects import CloudSplit
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.errors import EvaluationError
from concord3d.evaluation.features import AS_STORED, CloudForm, cloud_channels, extract_features
from concord3d.evaluation.tower_features import TowerFeatures
from concord3d.models.factory import load_point_encoder


@dataclass(frozen=True)
class EvaluationJob:
    """One protocol on one encoder and one data set.

    Attributes:
        run_config: Resolved configuration of the training run.
        model_path: Final weights of the encoder.
        snapshot_paths: Weights kept during training, the final ones included; empty where nothing was trained.
        train: Training split; None where the data set has none, for protocols that learn nothing from it.
        test: Test split.
        protocol: Name of the protocol.
        settings: Its settings.
        out: Where the result goes, without suffix.
        device: ``cpu``, ``cuda`` or ``auto``.
        dataset: Identifier of the data set; needed only for blocks, clouds bring it.
        data_kind: ``synthetic`` or ``real``; needed only for blocks, clouds bring it.
        tower: Features of the tower that the test split is compared with, for the protocols that need one.
        work_dir: Folder of this job alone for checkpoints in progress, from which protocols that train go on after a
            kill; it is removed with the job's end. Without it they begin anew.
    """

    run_config: Mapping[str, Any]
    model_path: Path
    snapshot_paths: list[Path]
    train: CloudSplit | RoomBlocks | None
    test: CloudSplit | RoomBlocks
    protocol: str
    settings: Mapping[str, Any]
    out: Path
    device: str = "auto"
    dataset: str | None = None
    data_kind: str | None = None
    tower: TowerFeatures | None = None
    work_dir: Path | None = None

    def identity(self) -> dict[str, Any]:
        """Return the columns of ``metrics.csv`` that name the job."""
        dataset, data_kind = self.dataset, self.data_kind
        if isinstance(self.test, CloudSplit):
            dataset, data_kind = dataset or self.test.dataset, data_kind or self.test.data_kind
        if dataset is None or data_kind is None:
            raise EvaluationError("A job on blocks must name its data set and data_kind", where=self.out)
        return {
            "experiment": self.run_config["experiment"],
            "seed": self.run_config["seed"],
            "scale": self.run_config["scale"],
            "protocol": self.protocol,
            "dataset": dataset,
            "data_kind": data_kind,
        }

    def torch_device(self) -> str:
        """Return the device by its torch name."""
        if self.device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        return self.device

    def num_points(self, asked: int | None, published: int) -> int:
        """Return the points per cloud: as asked, else the published number or that of pre-training if smaller."""
        return asked or min(published, int(self.run_config["data"]["num_points"]))


def classified_splits(job: EvaluationJob) -> tuple[CloudSplit, CloudSplit]:
    """Return training and test clouds of a job.

    Raises:
        EvaluationError: The splits hold no clouds or no classes, or name different classes.
        BadCloud: Coordinates that are not finite.
    """
    train, test = job.train, job.test
    if train is None:
        raise EvaluationError(
            f"Protocol '{job.protocol}' learns from a training split, and the data set has none",
            where=job.out,
            next_step="leave the data set out of the protocol's datasets",
        )
    if not isinstance(train, CloudSplit) or not isinstance(test, CloudSplit):
        raise EvaluationError(f"Protocol '{job.protocol}' needs clouds", where=job.out, found=type(train).__name__)
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


def tested_clouds(job: EvaluationJob, classified: bool = False) -> CloudSplit:
    """Return the test clouds of a job, for protocols that learn nothing from the training split.

    Args:
        job: The job.
        classified: Whether every shape must have a class.

    Raises:
        EvaluationError: The split holds no clouds, or shapes without a class where one is needed.
        BadCloud: Coordinates that are not finite.
    """
    test = job.test
    if not isinstance(test, CloudSplit):
        raise EvaluationError(f"Protocol '{job.protocol}' needs clouds", where=job.out, found=type(test).__name__)
    test.validated()
    if classified:
        _check_classes(test)
    return test


def _check_classes(split: CloudSplit) -> None:
    if split.labels.min() < 0 or split.labels.max() >= len(split.class_names):
        raise EvaluationError(
            "A split has labels without a class",
            where=f"{split.dataset}/{split.split}",
            expected=f"0 to {len(split.class_names) - 1}",
            found=(int(split.labels.min()), int(split.labels.max())),
        )


def load_encoder(job: EvaluationJob, path: Path) -> nn.Module:
    """Return the encoder of a job's run with weights; see :func:`concord3d.models.factory.load_point_encoder`."""
    return load_point_encoder(job.run_config["encoder"], path)


@dataclass
class FeatureCache:
    """Features already computed, so that several protocols on one encoder encode each split once.

    Attributes:
        features: Features by content of weights and clouds.
        max_bytes: Older features are dropped beyond this.
    """

    features: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    max_bytes: int = 600_000_000

    def get(
        self,
        encoder: nn.Module,
        split: CloudSplit,
        num_points: int,
        batch_size: int,
        device: str,
        form: CloudForm = AS_STORED,
    ) -> NDArray[np.float32]:
        """Return (S, d) float32 features of a split; arguments as in :func:`extract_features`."""
        colors = split.colors if cloud_channels(encoder) == 6 else None
        key = f"{_digest(encoder, split.points, colors)}/{num_points}/{device}/{form}"
        if key not in self.features:
            self.features[key] = extract_features(encoder, split.points, num_points, batch_size, device, colors, form)
            while len(self.features) > 1 and sum(f.nbytes for f in self.features.values()) > self.max_bytes:
                del self.features[next(iter(self.features))]
        return self.features[key]


def _digest(encoder: nn.Module, points: NDArray[np.float32], colors: NDArray[np.uint8] | None) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(points).data)
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    if colors is not None:
        digest.update(b"colors")
        digest.update(np.ascontiguousarray(colors).data)
    return f"{digest.hexdigest()}/{points.shape}"

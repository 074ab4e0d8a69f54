"""Whole scans: objects, clouds, and what frozen encoders make of pictures, floorplans and texts (CrossOver spec 3.4).

Shape legend: B scans of a batch, P_i points of scan i, K pictures of a scan, D width of the features of pictures, T of
those of texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from concord3d.batches.interface import Batch, IntArray, shuffled
from concord3d.batches.scan_masks import ScanMasks
from concord3d.batches.scan_objects import EncodedScans, ScanObjectBatch, ScanObjectData, opened_objects
from concord3d.data.stores.scans import ScanSplit, palette_colors
from concord3d.errors import ConfigError
from concord3d.features.scan_files import ScanFiles


@dataclass(frozen=True)
class ScanSceneBatch(Batch):
    """Some scans; what is missing is zero.

    Attributes:
        objects: Their objects.
        points: B tensors (P_i, 3) float32 in metres; a scan without points has one, the origin.
        colors: B tensors (P_i, 3) float32 in [0, 1].
        has_points: (B,) bool.
        pictures: (B, K, 2 D) float32.
        has_pictures: (B, K) bool.
        floorplan: (B, D) float32.
        has_floorplan: (B,) bool.
        referral: (B, T) float32.
        has_referral: (B,) bool.
    """

    objects: ScanObjectBatch
    points: list[Tensor]
    colors: list[Tensor]
    has_points: Tensor
    pictures: Tensor
    has_pictures: Tensor
    floorplan: Tensor
    has_floorplan: Tensor
    referral: Tensor
    has_referral: Tensor


@dataclass(frozen=True)
class SceneView:
    """What of a scan is shown.

    Attributes:
        num_pictures: K, evenly spread over the key frames of a scan in the order in which they were chosen.
        num_points: Points drawn of each cloud; None takes all.
        colors: ``raw`` as reconstructed, or ``labels``: those of the classes (CrossOver spec 1.4, ablation R1).
        annotated_only: Whether vertices that belong to no object are left out.
    """

    num_pictures: int
    num_points: int | None = None
    colors: Literal["raw", "labels"] = "raw"
    annotated_only: bool = False

    @classmethod
    def of_settings(cls, data: Mapping[str, Any]) -> SceneView:
        """Return what the ``data`` section of a run says."""
        return cls(
            data["num_pictures"], data.get("scene_points"), data.get("colors", "raw"), data.get("annotated_only", False)
        )


@dataclass(frozen=True)
class ScanSceneData:
    """The scans that a training learns from.

    Attributes:
        objects: Their objects, scan by scan.
        view: What of them is shown.
    """

    objects: ScanObjectData
    view: SceneView
    unit: str = field(default="scans", init=False)

    def __len__(self) -> int:
        return len(self.objects)

    @property
    def identity(self) -> str:
        """See :meth:`concord3d.batches.interface.TrainingData.identity`; a workflow knows the files."""
        return self.objects.identity

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        """Return an epoch's order."""
        return shuffled(index, draw)

    def read(self, units: IntArray, draw: torch.Generator) -> ScanSceneBatch:
        """Return some scans, with freshly drawn points; what is hidden of a scan is hidden of its objects too."""
        hidden = self.objects.hidden(units, draw)
        objects = self.objects.of_scans(units, hidden)
        shown: dict[str, list[Tensor]] = {}
        for unit, gone in zip(units.tolist(), hidden, strict=True):
            encoded, number = self.objects.place(unit)
            own = self._cloud(encoded.split, number, draw, "point" not in gone)
            own |= _scene_features(encoded, number, self.view.num_pictures)
            for modality, name in (("image", "pictures"), ("floorplan", "floorplan"), ("referral", "referral")):
                if modality in gone:
                    own |= {key: torch.zeros_like(own[key]) for key in (name, f"has_{name}")}
            for name, value in own.items():
                shown.setdefault(name, []).append(value)
        points, colors = shown.pop("points"), shown.pop("colors")
        return ScanSceneBatch(objects, points, colors, **{name: torch.stack(parts) for name, parts in shown.items()})

    def _cloud(self, split: ScanSplit, number: int, draw: torch.Generator, shown: bool) -> dict[str, Tensor]:
        """Return the points of a scan with their colours."""
        scan, view = split.scan(number), self.view
        rows = torch.from_numpy(
            np.flatnonzero(scan.instance != 0) if view.annotated_only else np.arange(len(scan.points))
        )
        if view.num_points is not None and len(rows) > view.num_points:
            rows = rows[torch.randperm(len(rows), generator=draw)[: view.num_points]]
        if not shown or not len(rows):
            return {"points": torch.zeros(1, 3), "colors": torch.zeros(1, 3), "has_points": torch.tensor(False)}
        colors = palette_colors(split, number) if view.colors == "labels" else scan.colors
        return {
            "points": torch.from_numpy(scan.points[rows.numpy()]),
            "colors": torch.from_numpy(colors[rows.numpy()]).float() / 255,
            "has_points": torch.tensor(True),
        }

    def validated(self) -> None:
        """Check scans and features.

        Raises:
            BadCloud: See :meth:`ScanObjectData.validated`.
            ConfigError: Features differ in width, or there are fewer key frames than pictures asked for.
        """
        self.objects.validated()
        for each in self.objects.sets:
            stored = each.pictures.frames.shape[1]
            if not 1 <= self.view.num_pictures <= stored:
                raise ConfigError(
                    f"'{each.split.dataset}' has not so many key frames of each scan",
                    where="data.num_pictures",
                    expected=f"1 to {stored}",
                    found=self.view.num_pictures,
                )


def _scene_features(encoded: EncodedScans, number: int, num_pictures: int) -> dict[str, Tensor]:
    """Return what frozen encoders make of one scan."""
    pictures, texts = encoded.pictures, encoded.texts
    stored = int(pictures.has_frames[number].sum())
    chosen = min(num_pictures, stored)
    # Of a scan with fewer key frames than pictures asked for, the last are missing.
    rows = np.r_[np.arange(chosen) * stored // max(chosen, 1), np.arange(stored, stored + num_pictures - chosen)]
    found = {
        "pictures": pictures.frames[number, rows],
        "has_pictures": pictures.has_frames[number, rows],
        "floorplan": pictures.floorplan[number],
        "has_floorplan": pictures.has_floorplan[number],
        "referral": texts.scene_referral[number],
        "has_referral": texts.has_scene_referral[number],
    }
    return {name: torch.from_numpy(np.array(value)) for name, value in found.items()}


def shown_scans(split: ScanSplit, files: ScanFiles, view: SceneView) -> ScanSceneData:
    """Open the scans that are evaluated, of which nothing is hidden.

    Args:
        split: The scans.
        files: What the encoders of the training make of them.
        view: What of them is shown.

    Raises:
        UnreadableFile: A file is absent, damaged, or holds features of other scans.
    """
    objects = ScanObjectData((EncodedScans.read(split, files),), ScanMasks.none(len(split)))
    return ScanSceneData(objects, view)


def opened(run: Mapping[str, Any], settings: Any, files: Mapping[str, Sequence[Path]]) -> ScanSceneData:
    """Open the files of a training; arguments and errors as in :func:`opened_objects`."""
    return ScanSceneData(opened_objects(run, files, loose=False), SceneView.of_settings(run["data"]))

"""Jobs on small scans whose frozen features say which space, scan and object they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.data.scan_examples import NUM_KEY_FRAMES, scan, scans
from tests.protocols.small_jobs import make_job, result_of
from torch import Tensor, nn

from concord3d.batches.scan_scenes import ScanSceneBatch
from concord3d.data.stores.scans import ScanSplit
from concord3d.features.scan_features import ScanPictures, ScanPoints, ScanTexts, identity_arrays
from concord3d.features.scan_files import ScanFiles
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob

WIDTH = 8
TYPES = ("Kitchen", "Office", "Bathroom")
OBJECTS = ("image", "point", "cad", "referral")
SCENES = ("image", "point", "referral", "floorplan", "fused")


def rooms(num_spaces: int = 5, num_scans: int = 2, num_objects: int = 4, split: str = "val") -> ScanSplit:
    """Scans of spaces one after another; of each the first is the reference, and its second object has moved."""
    members = []
    for space in range(num_spaces):
        for number in range(num_scans):
            own = scan(f"scene{space:04d}_{number:02d}", num_objects, 2, seed=10 * space + number)
            moved = own.object_ids[:2] if number else own.object_ids[:0]
            members.append(
                replace(
                    own,
                    scene_type=TYPES[space % len(TYPES)],
                    reference=number == 0,
                    labels=np.arange(num_objects) % 2,
                    object_names=("dining table", "chair", "lamp", "sofa", *["box"] * num_objects)[:num_objects],
                    change_ids=moved,
                    change_angles=np.zeros(len(moved), np.float32),
                    change_shifts=np.array([0.0, 0.5][: len(moved)], np.float32),
                )
            )
    return scans(*members, dataset="scan3r", split=split)


def latents(split: ScanSplit, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of scans, alike within a space, and of objects, which are the same in all scans of a space."""
    rng = np.random.default_rng(seed)
    of_space = {space: rng.normal(size=WIDTH) for space in dict.fromkeys(split.spaces)}
    of_object: dict[tuple[str, int], np.ndarray] = {}
    found_scans, found_objects = [], []
    for row, space in enumerate(split.spaces):
        found_scans.append(of_space[space] + 0.1 * rng.normal(size=WIDTH))
        for identifier in split.scan(row).object_ids.tolist():
            own = of_object.setdefault((space, identifier), rng.normal(size=WIDTH))
            found_objects.append(own + noise * rng.normal(size=WIDTH))
    return np.array(found_scans, np.float32), np.array(found_objects, np.float32).reshape(-1, WIDTH)


def write_features(
    folder: Path, split: ScanSplit, gone: Mapping[str, Any] | None = None, noise: float = 0.0
) -> ScanFiles:
    """Write features of a split; ``gone`` has masks of what is missing, by the names of the arrays."""
    of_scans, of_objects = latents(split, noise)
    frames = np.tile(of_scans[:, None], (1, NUM_KEY_FRAMES, 2))
    parts = {
        "image": of_objects,
        "frames": frames,
        "floorplan": of_scans,
        "referral": of_objects,
        "scene_referral": of_scans,
        "point": of_objects,
        "cad": of_objects,
    }
    arrays: dict[str, Any] = {}
    for name, values in parts.items():
        has = np.ones(values.shape[:-1], bool)
        has[(gone or {}).get(name, np.zeros(len(has), bool))] = False
        arrays[name], arrays[f"has_{name}"] = np.where(has[..., None], values, 0).astype(np.float32), has
    files = ScanFiles(*(folder / f"{name}.npz" for name in ScanFiles._fields))
    for kind, path in zip((ScanPictures, ScanTexts, ScanPoints), files, strict=True):
        own = {key: arrays[key] for name in kind.ROWS for key in (name, f"has_{name}")}
        kind(**identity_arrays(split), **own).write(path)
    return files


class Objects(nn.Module):
    """Objects as their features say, made unit vectors."""

    def __init__(self, modalities: tuple[str, ...] = OBJECTS, constant: bool = False) -> None:
        super().__init__()
        self.modalities = modalities
        self.constant = constant

    def unit(self, features: Tensor) -> Tensor:
        return nn.functional.normalize(torch.ones_like(features) if self.constant else features, dim=-1)

    def forward(self, features: Any, present: Any, locations: Any) -> dict[str, Tensor]:
        return {name: self.unit(features[name]) for name in self.modalities}


class Scenes(nn.Module):
    """Scans as their features say; a cloud as the first numbers of its points, which say nothing."""

    def __init__(self, constant: bool = False, broken: bool = False) -> None:
        super().__init__()
        self.instance = Objects(constant=constant)
        self.form, self.modalities = SimpleNamespace(fused_only=False), SCENES
        self.broken = broken

    def present(self, batch: ScanSceneBatch) -> dict[str, Tensor]:
        return {
            "image": batch.has_pictures.any(1),
            "point": torch.ones(len(batch.points), dtype=torch.bool),
            "referral": batch.has_referral,
            "floorplan": batch.has_floorplan,
            "fused": batch.objects.present["image"].any(1),
        }

    def encode(self, modality: str, batch: ScanSceneBatch) -> Tensor:
        if self.broken:
            return torch.full((len(batch.points), WIDTH), torch.nan)
        if modality == "image":
            weights = batch.has_pictures[..., None].float()
            found = (batch.pictures[..., :WIDTH] * weights).sum(1) / weights.sum(1).clamp(min=1)
        elif modality == "point":
            found = torch.stack([points.flatten()[:WIDTH] for points in batch.points])
        elif modality == "fused":
            found = batch.objects.features["image"].sum(1)
        else:
            found = getattr(batch, modality)
        return self.instance.unit(found)


def scan_job(
    folder: Path,
    protocol: str,
    settings: dict[str, Any],
    module: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
    split: ScanSplit | None = None,
    gone: Mapping[str, Any] | None = None,
    noise: float = 0.0,
) -> EvaluationJob:
    """A job whose module is ``module``, whatever the weights hold."""
    job = make_job(folder, protocol, settings)
    split = split or rooms()
    monkeypatch.setattr(EvaluationJob, "load_module", lambda self, weights=None: module)
    run_config = {**job.run_config, "data": {"num_pictures": 2}}
    files = write_features(folder, split, gone, noise)
    return replace(job, run_config=run_config, train=None, test=split, scan_files=files)


def measured(job: EvaluationJob) -> tuple[dict[str, float], dict[str, Any], dict[str, Any]]:
    """Evaluate a job and return values by metric, details, and arrays."""
    evaluate(job)
    body, arrays = result_of(job)
    return {record["metric"]: record["value"] for record in body["records"]}, body["details"], arrays

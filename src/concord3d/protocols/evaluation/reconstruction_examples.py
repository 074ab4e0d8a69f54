"""Objects as a student of two branches sees them, and what it predicts of their hidden parts (Cross-MoST spec 8).

Shape legend: N objects, s side of the picture encoder's input, g patches per side, G groups, S points of a group.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from concord3d.batches.unlabelled import UnlabelledData
from concord3d.features.open_tower import tower_preprocess
from concord3d.features.preprocess import Preprocess
from concord3d.geometry.weak_strong import weak_and_strong
from concord3d.methods.cross_most.settings import CrossMoSTSettings
from concord3d.models.two_branch import TwoBranchClassifier


@torch.no_grad()
def reconstruction_examples(
    run: Mapping[str, Any],
    settings: CrossMoSTSettings,
    student: TwoBranchClassifier,
    data: UnlabelledData,
    num_objects: int,
    seed: int = 0,
) -> dict[str, NDArray[Any]]:
    """Let a trained student predict what is hidden of objects that are spread evenly over its training set.

    Args:
        run: Resolved configuration of the training.
        settings: Settings of its method.
        student: As it was trained.
        data: The training's objects.
        num_objects: N, or as many as there are.
        seed: Of the views, changes and masks.

    Returns:
        The arrays that ``concord3d.reporting.evidence.reconstructions.read_reconstructions`` reads.
    """
    units = np.unique(np.linspace(0, len(data) - 1, min(num_objects, len(data))).round().astype(np.int64))
    draw = torch.Generator().manual_seed(seed)
    batch = data.read(units, draw)
    student.eval()
    shown = batch.pictures
    said = student.of_pictures(shown.strong, data.pictures.are_maps, shown.masks)
    preprocess = tower_preprocess(run["tower"]["model"], run["tower"].get("weights"))
    arrays = {
        "dataset": np.array(data.dataset),
        "names": np.array(_names(data, units)),
        "pictures": _as_bytes(shown.pixels, preprocess),
        "hidden_patches": shown.masks.numpy(),
        "predicted_pictures": _as_bytes(student.pixel_decoder(said.tokens), preprocess),
    }
    clouds = weak_and_strong(batch.points, settings.clouds, draw).strong
    groups = student.points.encode(clouds, settings.mask_groups, draw, draw)
    arrays["groups"] = (groups.centres.unsqueeze(2) + groups.neighbourhoods).numpy()
    arrays["hidden_groups"] = groups.mask.numpy()
    if settings.mpm_target == "points":
        predicted = student.group_head(groups.tokens).unflatten(2, (-1, 3))
        arrays["predicted_groups"] = (groups.centres.unsqueeze(2) + predicted).numpy()
    return arrays


def _names(data: UnlabelledData, units: NDArray[np.int64]) -> list[str]:
    """Return the classes of objects, for readers alone; their numbers where nobody knows the classes."""
    if data.labels is None:
        return [f"object {unit}" for unit in units]
    return [data.class_names[label].replace("_", " ") for label in data.labels[units]]


def _as_bytes(pixels: Tensor, preprocess: Preprocess) -> NDArray[np.uint8]:
    """Return (N, s, s, 3) uint8 of (N, 3, s, s) normalised pixels."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (preprocess.mean, preprocess.std))
    values = (255 * (pixels * std + mean)).round().clamp(0, 255).permute(0, 2, 3, 1)
    return np.ascontiguousarray(values.numpy().astype(np.uint8))

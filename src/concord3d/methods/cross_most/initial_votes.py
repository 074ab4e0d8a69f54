"""What a student that has learnt nothing yet says of the objects of a data set, from which thresholds are set.

Trainings of one process that begin with the same models on the same data, such as a method and its ablations, begin
with the same votes: they are computed once.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from concord3d.batches.unlabelled import UnlabelledData
from concord3d.geometry.augment import normalise_unit_sphere
from concord3d.methods.cross_most.pseudo_labels import Votes, votes_of
from concord3d.models.two_branch import TwoBranchClassifier

# Objects that the student sees together.
_BLOCK = 64
# Parts that say something of hidden patches and groups alone, of which there are none here.
_OF_HIDDEN = ("pixel_decoder.", "group_head.", "group_alignment.")
# More than the data sets of one paper; votes are four numbers an object.
_MOST_KEPT = 16
_kept: dict[str, Votes] = {}


def initial_votes(
    student: TwoBranchClassifier, data: UnlabelledData, units: NDArray[np.int64], device: torch.device
) -> Votes:
    """Return what a student says of unchanged objects, in their first views.

    Args:
        student: In evaluation mode, on the device.
        data: The objects.
        units: Which of them.
        device: Where the student is.
    """
    if not data.files_identity:
        return _votes(student, data, units, device)
    key = _key(student, data.files_identity, units, device)
    if key not in _kept:
        if len(_kept) == _MOST_KEPT:
            del _kept[next(iter(_kept))]
        _kept[key] = _votes(student, data, units, device)
    return _kept[key]


def _key(student: nn.Module, files: str, units: NDArray[np.int64], device: torch.device) -> str:
    digest = hashlib.sha256(f"{files} {device}".encode())
    digest.update(units.tobytes())
    for name, value in student.state_dict().items():
        if name.startswith(_OF_HIDDEN):
            continue
        digest.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@torch.no_grad()
def _votes(student: TwoBranchClassifier, data: UnlabelledData, units: NDArray[np.int64], device: torch.device) -> Votes:
    parts: list[Any] = []
    for start in range(0, len(units), _BLOCK):
        some = units[start : start + _BLOCK]
        pictures = student.of_pictures(data.pictures.weak(some, 0).to(device), data.pictures.are_maps)
        clouds = normalise_unit_sphere(data.clouds(some).to(device))
        parts.append(votes_of(pictures.logits, student.of_points(student.points.encode(clouds)).logits))
    return Votes(*(torch.cat(part) for part in zip(*parts, strict=True)))

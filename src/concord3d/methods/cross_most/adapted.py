"""Student and teacher in one module, and the file that they are saved in."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.errors import CheckpointCorrupt
from concord3d.features.token_encoders import new_token_encoder
from concord3d.files import canonical_json
from concord3d.models.factory import build_point_encoder
from concord3d.models.two_branch import TwoBranchClassifier
from concord3d.models.weights import load_weights, read_tensors

HEADER = "two_branches"


class Adapted(nn.Module):
    """A student and the average of its past, which teaches it (Cross-MoST spec 3.1).

    Args:
        student: Is copied.

    Attributes:
        student: What is trained.
        teacher: Always in evaluation mode, without gradients.
    """

    def __init__(self, student: TwoBranchClassifier) -> None:
        super().__init__()
        self.student = student
        self.teacher = copy.deepcopy(student).requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Adapted:
        """Set the mode of the student."""
        super().train(mode)
        self.teacher.eval()
        return self

    @torch.no_grad()
    def follow(self, kept: float) -> None:
        """Move every entry of the teacher's state towards the student's.

        Args:
            kept: Share of the teacher that stays.
        """
        for mine, its in zip(_state(self.teacher), _state(self.student), strict=True):
            if mine.is_floating_point():
                mine.lerp_(its.to(mine.dtype), 1 - kept)
            else:
                mine.copy_(its)


def _state(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def header(
    pictures: Mapping[str, Any], encoder: Mapping[str, Any], predicts_points: bool, classes: tuple[str, ...]
) -> str:
    """Return what the weights file must say so that the module can be built again.

    Args:
        pictures: What builds the picture encoder, see :class:`concord3d.features.token_encoders.TokenEncoder`.
        encoder: The run's ``encoder`` section.
        predicts_points: See :class:`TwoBranchClassifier`.
        classes: Names of the classes, in the order of the classifier.
    """
    return canonical_json(
        {
            "pictures": dict(pictures),
            "encoder": dict(encoder),
            "predicts_points": predicts_points,
            "classes": list(classes),
        }
    )


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> Adapted:
    """Build student and teacher that a training saved; see :func:`concord3d.methods.interface.saved_module`.

    Raises:
        CheckpointCorrupt: The file cannot be read or does not fit.
    """
    tensors, entries = read_tensors(weights)
    try:
        told = json.loads(entries[HEADER])
        width, num_classes = tensors["student.classifier"].shape
    except (KeyError, ValueError) as error:
        raise CheckpointCorrupt(
            "Not the two branches of a training", where=weights, expected=f"a header entry '{HEADER}'", found=error
        ) from error
    with torch.random.fork_rng():
        pictures = new_token_encoder(told["pictures"], width)
        points: Any = build_point_encoder(told["encoder"])
        student = TwoBranchClassifier(
            pictures, points, torch.ones(num_classes, width), predicts_points=told["predicts_points"]
        )
    adapted = Adapted(student)
    load_weights(adapted, weights)
    return adapted.eval()

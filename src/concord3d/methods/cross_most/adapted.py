"""Student and teacher in one module, and the file that they are saved in."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from concord3d.errors import CheckpointCorrupt
from concord3d.files import canonical_json
from concord3d.methods.cross_most.picture_encoders import unfilled
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
        self._followed: _Followed | None = None
        self.teacher.eval()

    def train(self, mode: bool = True) -> Adapted:
        """Set the mode of the student; to set that of the teacher too, only to take it back, costs more than both."""
        self.training = mode
        self.student.train(mode)
        return self

    @torch.no_grad()
    def follow(self, kept: float) -> None:
        """Move every entry of the teacher's state towards the student's.

        Args:
            kept: Share of the teacher that stays.
        """
        if self._followed is None:
            self._followed = _Followed.of(self.teacher, self.student)
        averaged, towards, copied = self._followed
        get_ema_multi_avg_fn(kept)(averaged, towards, 0)
        for mine, its in copied:
            mine.copy_(its)

    def _apply(self, *args: Any, **options: Any) -> Adapted:
        # On another device buffers are other tensors.
        self._followed = None
        super()._apply(*args, **options)
        return self


class _Followed(NamedTuple):
    """The state of a teacher beside that of its student; to list it takes as long as to average it.

    Attributes:
        averaged: Of the teacher.
        towards: The same of the student.
        copied: Of both, what has no average, such as counters.
    """

    averaged: list[Tensor]
    towards: list[Tensor]
    copied: list[tuple[Tensor, Tensor]]

    @classmethod
    def of(cls, teacher: nn.Module, student: nn.Module) -> _Followed:
        pairs = list(zip(_state(teacher), _state(student), strict=True))
        averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        copied = [pair for pair in pairs if not pair[0].is_floating_point()]
        return cls([mine for mine, _ in averaged], [its for _, its in averaged], copied)


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
        pictures = unfilled(told["pictures"], width)
        points: Any = build_point_encoder(told["encoder"])
        student = TwoBranchClassifier(
            pictures, points, torch.ones(num_classes, width), predicts_points=told["predicts_points"]
        )
    adapted = Adapted(student)
    load_weights(adapted, weights)
    return adapted.eval()

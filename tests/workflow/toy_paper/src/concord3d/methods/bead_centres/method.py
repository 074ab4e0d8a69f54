"""A made-up method: strings are told apart by their features, and a teacher follows the encoder."""

from __future__ import annotations

import copy

import torch
from concord3d.batches.beads import BeadBatch
from concord3d.methods.bead_centres.encoder import BeadEncoder
from concord3d.methods.bead_centres.settings import BeadCentresSettings
from torch import nn
from torch.nn import functional

from concord3d.methods.interface import Context, LossTerms, Method, Table


class BeadCentres(Method[BeadBatch]):
    """Cross-entropy on centres of classes, and agreement with a teacher."""

    def __init__(self, settings: BeadCentresSettings, encoder: nn.Module, width: int, num_classes: int) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = encoder
        self.teacher = copy.deepcopy(encoder).requires_grad_(False)
        self.centres = nn.Linear(width, num_classes)

    def saved(self) -> dict[str, nn.Module]:
        """Return student and teacher."""
        return {"encoder": self.encoder, "teacher": self.teacher}

    def loss(self, batch: BeadBatch, draw: torch.Generator) -> LossTerms:
        """Return the loss of one batch."""
        features = self.encoder(batch.strings)
        with torch.no_grad():
            taught = self.teacher(batch.strings)
        terms = {
            "cross_entropy": functional.cross_entropy(self.centres(features), batch.labels),
            "agreement": functional.mse_loss(features, taught),
        }
        return LossTerms(torch.stack(list(terms.values())).sum(), {name: term.detach() for name, term in terms.items()})

    def after_step(self, step: int, num_steps: int) -> None:
        """Let the teacher follow."""
        with torch.no_grad():
            for own, other in zip(self.teacher.parameters(), self.encoder.parameters(), strict=True):
                own.lerp_(other, 1 - self.settings.momentum)

    def exports(self, epoch: int) -> dict[str, Table]:
        """Return the centres after every epoch."""
        return {"centres": {"centres": self.centres.weight.detach().numpy().copy()}}


def build(settings: BeadCentresSettings, context: Context) -> BeadCentres:
    """Build the method, perhaps with the teacher of an earlier training as its encoder."""
    width = context.encoder["width"]
    encoder: nn.Module = BeadEncoder(width)
    if settings.start == "earlier":
        encoder = context.needs["start"].module("teacher")
    return BeadCentres(settings, encoder, width, len(context.data.split.class_names))

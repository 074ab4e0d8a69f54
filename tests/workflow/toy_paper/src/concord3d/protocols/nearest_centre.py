"""Nearest centre: strings of the test split get the class whose mean feature in the training split is nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from concord3d.config.validation import StrictModel
from concord3d.protocols.interface import Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.protocols.evaluation.results import ProtocolResult


class Settings(StrictModel):
    """No settings."""


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Return the accuracy."""
    import torch
    from concord3d.batches.beads import BeadData

    from concord3d.protocols.evaluation.results import ProtocolResult, accuracy_items, accuracy_records

    encoder = job.load_module().eval()

    def features(split: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        batch = BeadData(split).read(np.arange(len(split)), torch.Generator())
        with torch.inference_mode():
            return encoder(batch.strings).double().numpy(), batch.labels.numpy()

    (train, labels), (test, truth) = features(job.train), features(job.test)
    centres = np.stack([train[labels == label].mean(axis=0) for label in range(2)])
    nearest = np.linalg.norm(test[:, None] - centres[None], axis=2).argmin(axis=1)
    correct = (nearest == truth).astype(np.float64)
    details = {"num_train": len(train)}
    records = accuracy_records(correct, truth)
    return ProtocolResult(records, accuracy_items(correct, truth), job.test.names, details, {"labels": truth})


PROTOCOL = Protocol(Settings, run, store="sweeps")

"""Labels by a module in evaluation mode, and the best of several snapshots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.protocols.small_jobs import make_job
from torch import Tensor, nn

from concord3d.models.heads import Classifier
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.evaluation.labelling import best_snapshot, labelled


class Chosen(nn.Module):
    """Logits that are greatest at the label it is given; in training mode at none."""

    def forward(self, points: Tensor, label: Tensor) -> Tensor:
        logits = nn.functional.one_hot(label, 5).float()
        return logits if not self.training else -logits


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_labels_are_those_of_the_greatest_logits_in_evaluation_mode(batch_size: int) -> None:
    points, labels = np.zeros((7, 2, 3), np.float32), np.arange(7) % 5
    assert labelled(Chosen().train(), [points, labels], batch_size, "cpu").tolist() == labels.tolist()
    per_point = np.arange(14).reshape(7, 2) % 5
    assert labelled(Chosen(), [points, per_point], batch_size, "cpu").tolist() == per_point.tolist()


@pytest.fixture
def job(tmp_path: Path) -> EvaluationJob:
    return make_job(
        tmp_path, "classification", {}, method="supervised", module="classifier", build=lambda e: Classifier(e, 4)
    )


def test_the_first_of_the_best_snapshots_is_selected(job: EvaluationJob) -> None:
    first, last = ({name: t.clone() for name, t in job.load_module(p).state_dict().items()} for p in job.snapshot_paths)

    def label(module: nn.Module) -> np.ndarray:
        own = module.state_dict()
        return np.array([int(all(torch.equal(own[name], last[name]) for name in own))])

    assert any(not torch.equal(first[name], last[name]) for name in first)
    labels, how = best_snapshot(job, label, lambda found: 0.25 + 0.5 * float(found[0]))
    assert labels.tolist() == [1]
    assert how == {"selected": "epoch_0002", "test_score_by_snapshot": {"epoch_0001": 25.0, "epoch_0002": 75.0}}
    assert best_snapshot(job, label, lambda found: 0.5)[1]["selected"] == "epoch_0001"

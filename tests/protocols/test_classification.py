"""Fine-tuned classification: learning, determinism."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.protocols.small_jobs import TINY, check_contract, make_job
from torch import Tensor, nn

from concord3d.errors import EvaluationError
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.finetune import finetune_classification
from concord3d.training.fine_tuning import FineTuned
from concord3d.training.fine_tuning_settings import FineTuning


class Extent(nn.Module):
    """A tiny encoder: the extent of the cloud per axis."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 8)

    def forward(self, points: Tensor) -> Tensor:
        out: Tensor = self.linear(points.amax(dim=1) - points.amin(dim=1))
        return out


def clouds(num_clouds: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    labels = np.arange(num_clouds) % 3
    points = np.random.default_rng(seed).normal(size=(num_clouds, 16, 3))
    points *= np.where(np.eye(3)[labels] > 0, 4.0, 1.0)[:, None]
    return points.astype(np.float32), labels


def run(settings: FineTuning, seed: int = 0) -> FineTuned:
    train, labels = clouds(60, 0)
    test, truth = clouds(30, 1)
    torch.manual_seed(0)
    return finetune_classification(Extent(), 8, train, labels, test, truth, 3, 16, settings, seed=seed)


def test_it_learns_and_repeats_bit_for_bit() -> None:
    settings = FineTuning(epochs=20, batch_size=12, evaluate_every=4)
    first, second, other = run(settings), run(settings), run(settings, seed=1)
    assert first.losses == second.losses and first.losses != other.losses
    np.testing.assert_array_equal(first.last, second.last)
    truth = np.arange(30) % 3
    assert (first.last == truth).mean() > 0.7
    assert first.best is not None and (first.best == truth).mean() >= (first.last == truth).mean()


def test_only_the_last_epoch_is_tested_by_default() -> None:
    outcome = run(FineTuning(epochs=2, batch_size=12))
    assert outcome.best is None and outcome.best_epoch is None and len(outcome.last) == 30


def test_a_split_smaller_than_a_batch_still_trains() -> None:
    assert len(run(FineTuning(epochs=2, batch_size=500)).losses) == 2


def test_global_random_state_is_left_alone() -> None:
    train, labels = clouds(12, 0)
    encoder = Extent()
    before = torch.random.get_rng_state()
    finetune_classification(encoder, 8, train, labels, train, labels, 3, 16, FineTuning(epochs=1, batch_size=6))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("labels", [np.zeros(12, np.int64), np.arange(12) % 5, np.arange(12) % 2 - 1])
def test_labels_without_meaning_are_refused(labels: NDArray[np.int64]) -> None:
    train, _ = clouds(12, 0)
    with pytest.raises(EvaluationError, match="two classes"):
        finetune_classification(Extent(), 8, train, labels, train, labels, 3, 16, FineTuning(epochs=1))


@pytest.mark.parametrize("encoder", ["pointnet", "dgcnn"])
def test_finetune(tmp_path: Path, encoder: str) -> None:
    job = make_job(tmp_path, "finetune", {"k": 5, "training": {**TINY, "evaluate_every": 1}}, encoder)
    evaluate(job)
    body, _ = check_contract(job)
    assert {record["selection"] for record in body["records"]} == {"last", "best_test"}
    assert body["details"]["encoder"].get("k", 5) == 5 and len(body["details"]["loss_by_epoch"]) == 2

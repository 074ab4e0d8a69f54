"""Classification: what the saved classifier says after the last epoch, and at the snapshot that is best on the test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.protocols.small_jobs import TEST, check_contract, make_job

from concord3d.errors import CheckpointCorrupt, EvaluationError
from concord3d.models.heads import Classifier
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob


def classification(folder: Path, encoder: str = "pointnet", **settings: object) -> EvaluationJob:
    return make_job(
        folder,
        "classification",
        settings,
        encoder,
        method="supervised",
        module="classifier",
        build=lambda encoder: Classifier(encoder, 4),
    )


@pytest.mark.parametrize("encoder", ["pointnet", "dgcnn"])
def test_both_selections_are_measured(tmp_path: Path, encoder: str) -> None:
    job = classification(tmp_path, encoder)
    evaluate(job)
    body, arrays = check_contract(job)
    found = {(record["metric"], record["selection"]): record["value"] for record in body["records"]}
    assert set(found) == {(m, s) for m in ("overall_accuracy", "mean_class_accuracy") for s in ("last", "best_test")}
    by_snapshot = body["details"]["as_published"]["test_score_by_snapshot"]
    assert found["overall_accuracy", "last"] == pytest.approx(by_snapshot["epoch_0002"])
    assert found["overall_accuracy", "best_test"] == pytest.approx(max(by_snapshot.values()))
    with torch.inference_mode():
        logits = job.load_module().eval()(torch.from_numpy(TEST.points[:, :16]))
    right = logits.argmax(dim=1).numpy() == TEST.labels
    np.testing.assert_array_equal(arrays["overall_accuracy__last"], right)


def test_the_published_rule_may_be_left_out(tmp_path: Path) -> None:
    job = classification(tmp_path, as_published=False, num_points=8, batch_size=3)
    evaluate(job)
    body, _ = check_contract(job)
    assert {record["selection"] for record in body["records"]} == {"last"}
    assert body["details"]["num_points"] == 8 and "as_published" not in body["details"]


def test_nothing_is_learned_so_no_training_split_is_needed(tmp_path: Path) -> None:
    job = classification(tmp_path)
    evaluate(job)
    with_train = Path(f"{job.out}.json").read_bytes()
    evaluate(replace(job, train=None))
    assert Path(f"{job.out}.json").read_bytes() == with_train


def test_shapes_without_a_class_and_weights_of_another_module_are_refused(tmp_path: Path) -> None:
    job = classification(tmp_path)
    with pytest.raises(EvaluationError, match="without a class"):
        evaluate(replace(job, test=replace(TEST, labels=np.full(len(TEST), -1))))
    other = make_job(tmp_path, "classification", {}, method="supervised", module="classifier")
    with pytest.raises(CheckpointCorrupt, match="do not fit"):
        evaluate(other)

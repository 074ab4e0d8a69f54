"""What evaluation against a tower does when something is wrong: a named error, and earlier results untouched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.protocols.aligned import WIDTH, aligned_job, clouds, measured, tower

from concord3d.errors import BadCloud, ConcordError, ConfigError, EvaluationError
from concord3d.models.weights import read_tensors, save_tensors
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.evaluation.results import mean_record
from concord3d.protocols.evaluation.tower_features import TowerFeatures

SMALL: dict[str, dict[str, Any]] = {
    "zero_shot": {"ks": [1]},
    "retrieval": {},
    "linear_probe": {"costs": [1.0]},
    "few_shot_probe": {"shots": [1], "num_draws": 2},
    "alignment": {},
    "consistency": {"weights": [0.5]},
}
COMPARING = ("zero_shot", "retrieval", "alignment")


def assert_refused(job: EvaluationJob, error: type[ConcordError], text: str) -> None:
    """The job fails with the named error and leaves what was there before it."""
    for suffix in (".json", ".npz"):
        Path(f"{job.out}{suffix}").write_text("earlier")
    with pytest.raises(error, match=text):
        evaluate(job)
    assert len(list(job.out.parent.glob("*__s2*"))) == 2
    for suffix in (".json", ".npz"):
        assert Path(f"{job.out}{suffix}").read_text() == "earlier"
    assert not list(job.out.parent.glob(".partial-*"))


@pytest.mark.parametrize("protocol", sorted(SMALL))
def test_weights_that_diverged(tmp_path: Path, protocol: str) -> None:
    job = aligned_job(tmp_path, protocol, SMALL[protocol], tower(22))
    tensors, _ = read_tensors(job.model_path)
    save_tensors(
        {**tensors, "projection.weight": torch.full_like(tensors["projection.weight"], torch.nan)}, job.model_path
    )
    assert_refused(job, EvaluationError, "not finite")


@pytest.mark.parametrize("protocol", sorted(SMALL))
def test_clouds_that_are_not_finite(tmp_path: Path, protocol: str) -> None:
    test = clouds("test", 22, 1)
    test.points[3, 20, 1] = np.inf
    assert_refused(aligned_job(tmp_path, protocol, SMALL[protocol], tower(22), test=test), BadCloud, "not finite")


@pytest.mark.parametrize("protocol", sorted(SMALL))
def test_misspelt_settings(tmp_path: Path, protocol: str) -> None:
    job = aligned_job(tmp_path, protocol, {**SMALL[protocol], "normalize": True}, tower(22))
    assert_refused(job, ConfigError, "did you mean 'normalise'")


@pytest.mark.parametrize("protocol", COMPARING)
def test_features_of_a_tower_of_another_width(tmp_path: Path, protocol: str) -> None:
    given = tower(22)
    assert given.class_features is not None and given.image_features is not None and given.text_features is not None
    narrow = TowerFeatures(
        given.class_features[:, 1:], given.image_features[..., 1:], given.text_features[:, 1:], given.has_text
    )
    assert_refused(aligned_job(tmp_path, protocol, SMALL[protocol], narrow), EvaluationError, "do not fit the split")


@pytest.mark.parametrize("protocol", ["retrieval", "alignment"])
def test_features_of_another_split(tmp_path: Path, protocol: str) -> None:
    assert_refused(aligned_job(tmp_path, protocol, {}, tower(21)), EvaluationError, "do not fit the split")


@pytest.mark.parametrize("protocol", ["retrieval", "alignment"])
def test_texts_that_are_not_finite(tmp_path: Path, protocol: str) -> None:
    features = tower(22)
    assert features.text_features is not None
    features.text_features[6, 2] = np.inf
    assert_refused(aligned_job(tmp_path, protocol, {}, features), EvaluationError, r"not finite(.|\n)*texts")


@pytest.mark.parametrize(
    ("protocol", "text"), [("zero_shot", "class names, and there are none"), ("alignment", "nothing to be aligned")]
)
def test_a_tower_that_was_forgotten(tmp_path: Path, protocol: str, text: str) -> None:
    assert_refused(aligned_job(tmp_path, protocol, SMALL[protocol]), EvaluationError, text)


def test_shapes_without_a_class_cannot_be_classified(tmp_path: Path) -> None:
    test = replace(clouds("test", 22, 1), labels=np.full(22, -1))
    job = aligned_job(tmp_path, "zero_shot", {"ks": [1]}, tower(22), test=test)
    assert_refused(job, EvaluationError, "without a class")


@pytest.mark.parametrize("protocol", ["linear_probe", "few_shot_probe"])
def test_a_single_class_to_learn_from(tmp_path: Path, protocol: str) -> None:
    train = replace(clouds("train", 20, 0), labels=np.zeros(20, dtype=np.int64))
    assert_refused(aligned_job(tmp_path, protocol, SMALL[protocol], train=train), EvaluationError, "two classes")


@pytest.mark.parametrize("protocol", ["linear_probe", "linear_svm"])
def test_a_data_set_without_training_split(tmp_path: Path, protocol: str) -> None:
    job = replace(aligned_job(tmp_path, protocol), train=None)
    assert_refused(job, EvaluationError, "has none")


@pytest.mark.parametrize("protocol", [*COMPARING, "consistency"])
def test_protocols_that_learn_nothing_need_no_training_split(tmp_path: Path, protocol: str) -> None:
    job = aligned_job(tmp_path, protocol, SMALL[protocol], tower(22))
    assert measured(replace(job, train=None))[0] == measured(job)[0]


def test_constant_embeddings_score_chance_under_every_protocol(tmp_path: Path) -> None:
    test = clouds("test", 24, 1)
    chance = {"top1": 25.0, "class_mean_top1": 25.0, "overall_accuracy": 25.0, "mean_class_accuracy": 25.0}
    chance |= {"accuracy_1shot": 25.0, "margin_image": 0.0, "margin_text": 0.0, "consistency_margin_0.5": 0.0}
    chance |= {f"{d}_r1": 100 / 24 for d in ("text_to_shape", "shape_to_text", "image_to_shape")}
    chance |= {"shape_to_shape_p10": 100 * 5 / 23}
    seen = set()
    for protocol, settings in SMALL.items():
        job = aligned_job(tmp_path, protocol, settings, tower(24), test=test, constant=True)
        for metric, record in measured(job)[0].items():
            if metric in chance:
                assert record["value"] == pytest.approx(chance[metric], abs=1e-9), (protocol, metric)
                seen.add(metric)
    assert seen == set(chance)


def test_texts_missing_for_some_shapes_change_nothing_but_their_own_terms(tmp_path: Path) -> None:
    complete, partial = tower(22), tower(22, without_text=(2, 9))
    with_all = measured(aligned_job(tmp_path, "alignment", {}, complete))[1]
    with_some = measured(aligned_job(tmp_path, "alignment", {}, partial))[1]
    np.testing.assert_array_equal(with_all["cos_image__last"], with_some["cos_image__last"])
    others = np.setdiff1d(np.arange(22), [2, 9])
    np.testing.assert_array_equal(with_all["cos_text__last"][others], with_some["cos_text__last"][others])
    assert np.isnan(with_some["cos_text__last"][[2, 9]]).all()


def test_a_batch_of_one_shape(tmp_path: Path) -> None:
    test, features = clouds("test", 1, 0), TowerFeatures(np.eye(4, WIDTH), np.ones((1, 2, WIDTH)), np.ones((1, WIDTH)))
    records, _, _ = measured(aligned_job(tmp_path, "alignment", {}, features, test=test))
    assert set(records) == {"cos_image", "cos_text"}
    records, _, _ = measured(aligned_job(tmp_path, "zero_shot", {"ks": [1, 4]}, features, test=test))
    assert records["top4"]["value"] == 100
    settings = {"ks": [1], "precision_k": 1}
    records, _, details = measured(aligned_job(tmp_path, "retrieval", settings, features, test=test))
    assert records["text_to_shape_r1"]["value"] == 100 == details["text_to_shape"]["chance"]["r1"]
    assert details["not_run"] == {"shape_to_shape": "no class with two shapes"}


def test_a_metric_without_any_item_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no outcomes"):
        mean_record("top1", np.full(3, np.nan))

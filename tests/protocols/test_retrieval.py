"""The retrieval protocol, from its job to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.protocols.aligned import WIDTH, aligned_job, assert_same_bytes_twice, clouds, measured, tower

from concord3d.errors import EvaluationError
from concord3d.protocols.evaluation.tower_features import TowerFeatures
from concord3d.protocols.interface import PUBLISHED_ALIGNED_POINTS
from concord3d.protocols.retrieval import Settings

DIRECTIONS = ("text_to_shape", "shape_to_text", "image_to_shape", "shape_to_shape")


def metrics(direction: str) -> set[str]:
    if direction == "shape_to_shape":
        return {"shape_to_shape_p10", "shape_to_shape_map"}
    return {f"{direction}_{name}" for name in ("r1", "r5", "r10", "mean_rank", "median_rank", "class_p10")}


def test_protocol(tmp_path: Path) -> None:
    features = tower(22, without_text=(1, 2, 20))
    records, arrays, details = measured(aligned_job(tmp_path, "retrieval", {"num_examples": 4}, features))
    assert set(records) == set.union(*map(metrics, DIRECTIONS))
    for direction in ("text_to_shape", "shape_to_text"):
        assert np.flatnonzero(np.isnan(arrays[f"{direction}_r1__last"])).tolist() == [1, 2, 20]
        assert details[direction]["num_candidates"] == records[f"{direction}_r1"]["n_items"] == 19
        assert records[f"{direction}_median_rank"]["n_items"] == 19
        found = arrays[f"{direction}_top5"]
        assert found.shape == (4, 5) and not set(found.ravel()) & {1, 2, 20}
    assert details["image_to_shape"]["chance"]["r1"] == pytest.approx(100 / 22)
    assert arrays["text_to_shape_example_texts"].tolist() == [f"text {i}" for i in arrays["text_to_shape_examples"]]
    assert arrays["shape_to_text_found_texts"][0, 0] == f"text {arrays['shape_to_text_top5'][0, 0]}"
    examples, found = arrays["shape_to_shape_examples"], arrays["shape_to_shape_top5"]
    assert all(query not in row for query, row in zip(examples, found, strict=True))
    assert records["text_to_shape_mean_rank"]["unit"] == "rank" and details["not_run"] == {}


def test_protocol_leaves_the_same_bytes_twice(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "retrieval", {}, tower(22, without_text=(5,)))
    assert_same_bytes_twice(job, replace(job, out=tmp_path / "again"))


def test_constant_embeddings_score_chance_in_every_direction(tmp_path: Path) -> None:
    test = clouds("test", 24, 1)
    constant = TowerFeatures(None, np.ones((24, 1, WIDTH)), np.ones((24, WIDTH)))
    for features in (tower(24), constant):
        records, _, _ = measured(aligned_job(tmp_path, "retrieval", {}, features, test=test, constant=True))
        for direction in DIRECTIONS[:3]:
            for k in (1, 5, 10):
                assert records[f"{direction}_r{k}"]["value"] == pytest.approx(100 * k / 24)
            assert records[f"{direction}_mean_rank"]["value"] == pytest.approx(12.5)
            assert records[f"{direction}_median_rank"]["value"] == pytest.approx(12.5)
            if features is constant or direction != "shape_to_text":
                assert records[f"{direction}_class_p10"]["value"] == pytest.approx(25)
        assert records["shape_to_shape_p10"]["value"] == pytest.approx(100 * 5 / 23)


def test_perfect_features_are_found(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "retrieval", {"view": 1, "directions": ["text_to_shape", "image_to_shape"]})
    embeddings = job.encoding(Settings(), PUBLISHED_ALIGNED_POINTS).features("test")
    pictures = np.stack([-embeddings, 3 * embeddings], axis=1)
    records, arrays, _ = measured(replace(job, tower=TowerFeatures(None, pictures, embeddings)))
    for direction in ("text_to_shape", "image_to_shape"):
        assert records[f"{direction}_r1"]["value"] == 100 and records[f"{direction}_median_rank"]["value"] == 1
        np.testing.assert_array_equal(arrays[f"{direction}_top5"][:, 0], arrays[f"{direction}_examples"])
    assert set(records) == metrics("text_to_shape") | metrics("image_to_shape")


def test_shapes_without_text_are_read_neither_as_queries_nor_as_candidates(tmp_path: Path) -> None:
    features = tower(22, without_text=(3, 4))
    plain, _, _ = measured(aligned_job(tmp_path, "retrieval", {}, features))
    assert features.text_features is not None
    features.text_features[[3, 4]] = 1e4
    other, _, _ = measured(aligned_job(tmp_path, "retrieval", {}, features))
    assert plain == other


def test_directions_that_the_data_do_not_permit_are_named(tmp_path: Path) -> None:
    unlabelled = replace(clouds("test", 22, 1), labels=np.full(22, -1))
    features = TowerFeatures(image_features=tower(22).image_features)
    records, _, details = measured(aligned_job(tmp_path, "retrieval", {}, features, test=unlabelled))
    assert set(records) == metrics("image_to_shape") - {"image_to_shape_class_p10"}
    assert details["not_run"] == {
        "text_to_shape": "no texts",
        "shape_to_text": "no texts",
        "shape_to_shape": "no class with two shapes",
    }


@pytest.mark.parametrize(
    ("settings", "without_text", "text"),
    [
        ({"directions": ["text_to_shape"]}, tuple(range(22)), "No shape of the test split has a text"),
        ({"directions": ["image_to_shape"], "view": 3}, (), "no such picture"),
        ({"directions": ["text_to_shape"]}, tuple(range(13)), r"above the number of gallery items(.|\n)*'ks'"),
        ({"ks": [1, 23]}, (), "above the number of gallery items"),
        ({"precision_k": 22, "directions": ["shape_to_shape"]}, (), "above the number of other shapes"),
    ],
)
def test_what_cannot_be_retrieved_is_refused(
    tmp_path: Path, settings: dict[str, object], without_text: tuple[int, ...], text: str
) -> None:
    with pytest.raises(EvaluationError, match=text):
        measured(aligned_job(tmp_path, "retrieval", settings, tower(22, without_text=without_text)))
    assert not list(tmp_path.glob("*__s2*"))


def test_a_job_without_tower_and_classes_is_refused(tmp_path: Path) -> None:
    unlabelled = replace(clouds("test", 22, 1), labels=np.full(22, -1))
    with pytest.raises(EvaluationError, match="Nothing can be retrieved"):
        measured(aligned_job(tmp_path, "retrieval", {}, None, test=unlabelled))
    with pytest.raises(EvaluationError, match="features of texts, and there are none"):
        measured(aligned_job(tmp_path, "retrieval", {"directions": ["text_to_shape"]}, None))

"""Zero-shot among a few classes: other shapes take no part, other names are no candidates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.protocols.aligned import CLASSES, aligned_job, assert_same_bytes_twice, measured, tower

from concord3d.errors import ConfigError
from concord3d.features.cloud_form import CloudForm
from concord3d.features.clouds import extract_features
from concord3d.measures.vectors import unit_rows

AS_IT_IS = CloudForm(True, "output", None)
FEW = {"classes": ["round", "long"], "num_resamples": 1}


def test_only_shapes_and_names_of_the_classes_take_part(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "open_vocabulary", FEW, tower(22))
    records, arrays, details = measured(job)
    rows = [index for index in range(22) if CLASSES[index % 4] in FEW["classes"]]
    assert arrays["item_names"].tolist() == [f"test_{index}" for index in rows]
    # Transcribed: cosines with the two names alone, in the order of the data set.
    embeddings = extract_features(job.load_module(), job.test.points, 16, 32, "cpu", job.test.colors, AS_IT_IS)
    scores = unit_rows(embeddings[rows], "") @ unit_rows(job.tower.class_features[[1, 3]], "").T
    right = scores.argmax(axis=1) == np.array([(index % 4) // 2 for index in rows])
    assert arrays["top1__last"].tolist() == right.astype(float).tolist()
    assert records["top1"]["value"] == pytest.approx(100 * right.mean())
    assert records["top1_above_chance"]["value"] == pytest.approx(100 * right.mean() - 50)
    assert set(records) == {"top1", "top1_above_chance", "class_mean_top1"}
    assert (details["num_classes"], details["unseen_in_training"]) == (2, [])
    assert set(details["class_accuracy"]) == {"long", "round"}


def test_the_result_says_which_classes_the_training_left_out(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "open_vocabulary", FEW, tower(22))
    data = {**job.run_config["data"], "without_classes": ["Long", "tall"]}
    _, _, details = measured(replace(job, run_config={**job.run_config, "data": data}))
    assert details["unseen_in_training"] == ["long"]


def test_small_clouds_are_resampled_and_the_same_bytes_come_twice(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "open_vocabulary", {**FEW, "num_resamples": 3}, tower(22), num_points=30)
    assert measured(job)[2]["num_resamples"] == 3
    assert_same_bytes_twice(job, replace(job, out=tmp_path / "again"))


@pytest.mark.parametrize(("classes", "message"), [(["round", "lung"], "did you mean 'long'"), (["long"], "classes")])
def test_wrong_classes_are_refused(tmp_path: Path, classes: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        measured(aligned_job(tmp_path, "open_vocabulary", {"classes": classes}, tower(22)))

"""The alignment protocol, from its job to its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.protocols.aligned import aligned_job, assert_same_bytes_twice, measured, tower

from concord3d.errors import EvaluationError
from concord3d.protocols.evaluation.tower_features import TowerFeatures


def test_protocol(tmp_path: Path) -> None:
    features = tower(22, without_text=(0, 7))
    records, arrays, details = measured(aligned_job(tmp_path, "alignment", {}, features))
    assert set(records) == {"cos_image", "margin_image", "cos_text", "margin_text"}
    assert {record["unit"] for record in records.values()} == {"cosine"}
    assert np.flatnonzero(np.isnan(arrays["cos_text__last"])).tolist() == [0, 7]
    assert not np.isnan(arrays["cos_image__last"]).any()
    assert details["num_views"] == 3 and details["num_texts"] == 20


def test_cosine_of_pictures_is_the_mean_over_the_views(tmp_path: Path) -> None:
    features = tower(22)
    together = measured(aligned_job(tmp_path, "alignment", {}, features))[1]["cos_image__last"]
    assert features.image_features is not None
    each = []
    for view in range(3):
        single = TowerFeatures(image_features=features.image_features[:, view : view + 1])
        each.append(measured(aligned_job(tmp_path, "alignment", {}, single))[1]["cos_image__last"])
    np.testing.assert_allclose(together, np.mean(each, axis=0))


def test_texts_alone(tmp_path: Path) -> None:
    features = replace(tower(22), image_features=None, has_text=None)
    assert set(measured(aligned_job(tmp_path, "alignment", {}, features))[0]) == {"cos_text", "margin_text"}


def test_a_split_without_any_text_is_compared_with_its_pictures(tmp_path: Path) -> None:
    records, _, details = measured(aligned_job(tmp_path, "alignment", {}, tower(22, without_text=tuple(range(22)))))
    assert set(records) == {"cos_image", "margin_image"} and "num_texts" not in details


def test_protocol_leaves_the_same_bytes_twice(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "alignment", {}, tower(22))
    assert_same_bytes_twice(job, replace(job, out=tmp_path / "again"))


def test_nothing_to_be_aligned_with_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="nothing to be aligned with"):
        measured(aligned_job(tmp_path, "alignment", {}, TowerFeatures()))


def test_pictures_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    features = tower(22)
    assert features.image_features is not None
    features.image_features[3, 2, 0] = np.nan
    with pytest.raises(EvaluationError, match=r"not finite(.|\n)*features of pictures"):
        measured(aligned_job(tmp_path, "alignment", {}, features))

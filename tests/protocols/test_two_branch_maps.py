"""Maps of pictures and clouds together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.protocols.evaluation.small_branches import CLASSES, SmallPictures, small_student

from concord3d.errors import EvaluationError
from concord3d.protocols.evaluation.two_branch_outputs import drawn_views, said_of
from concord3d.protocols.two_branch_maps import Settings, neighbours_of_class, run

NUM = 24


def job() -> Any:
    points = np.random.default_rng(1).normal(size=(NUM, 40, 3)).astype(np.float32)
    names = tuple(f"object {n}" for n in range(NUM))
    test = SimpleNamespace(points=points, labels=np.arange(NUM) % 3, class_names=CLASSES, names=names)
    split = type("Split", (SimpleNamespace,), {"__len__": lambda self: NUM})(**vars(test))
    student = small_student()
    return SimpleNamespace(
        tested_clouds=lambda classified: split,
        pictures=lambda: SmallPictures(NUM),
        num_points=lambda asked, published: asked or published,
        load_module=lambda: SimpleNamespace(student=student, teacher=small_student(seed=7)),
        torch_device="cpu",
        student=student,
        split=split,
    )


def test_pictures_and_clouds_share_one_map() -> None:
    found = run(job(), Settings(num_classes=2, max_iterations=250))
    assert found.details["classes"] == ["bed", "glass_box"]
    arrays = found.arrays
    assert arrays["tsne"].shape == (32, 2) and arrays["modality"].tolist() == [0] * 16 + [1] * 16
    assert set(arrays["labels"]) == {0, 1} and np.array_equal(arrays["labels"][:16], arrays["labels"][16:])
    assert {record.metric for record in found.records} == {"picture_to_cloud_purity", "cloud_to_picture_purity"}
    assert all(len(outcomes) == NUM for outcomes in found.items.values()), "all test shapes, mapped or not"


def test_numbers_are_the_students_own() -> None:
    made = job()
    found = run(made, Settings(max_iterations=250, num_neighbours=5))
    pictures = SmallPictures(NUM)
    said = said_of(made.student, made.split, pictures, drawn_views(pictures, 0), 40, 7, "cpu")
    expected = neighbours_of_class(said.picture_features, said.point_features, made.split.labels, 5)
    assert np.allclose(found.items["picture_to_cloud_purity__last"], expected)


def test_neighbours_are_counted_without_the_own_shape() -> None:
    clouds = np.array([[1, 0, 0, 0], [0.9, 0.1, 0, 0], [0, 0, 1, 0], [0, 0, 0.9, 0.1]], np.float32)
    pictures = clouds.copy()
    same = neighbours_of_class(pictures, clouds, np.array([0, 0, 1, 1]), 1)
    assert same.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert neighbours_of_class(pictures, clouds, np.array([0, 1, 2, 3]), 1).tolist() == [0.0] * 4
    with pytest.raises(EvaluationError, match="too few shapes"):
        neighbours_of_class(pictures, clouds, np.array([0, 0, 1, 1]), 4)

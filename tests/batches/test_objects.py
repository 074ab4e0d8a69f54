"""Batches of single objects: what is read, what is drawn, and what does not belong together."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.training.tiny_training import ArrayViews, tiny_data, tiny_points, tiny_run

from concord3d.batches.objects import ObjectData, Targets
from concord3d.errors import BadCloud, ConfigError


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_views_of_an_object_are_distinct_and_drawn_anew_for_each_object() -> None:
    data = tiny_data(tiny_run({"objective.views": 3}))
    chosen: list[NDArray[np.int64]] = []
    read = data.views.read
    data.views.read = lambda objects, views: chosen.append(views) or read(objects, views)
    batch = data.read(np.arange(40), drawn())
    (views,) = chosen
    assert views.shape == (40, 3) and all(len(set(row)) == 3 for row in views.tolist())
    assert set(views.ravel()) == set(range(5)) and len({tuple(row) for row in views.tolist()}) > 20
    np.testing.assert_array_equal(batch.labels, np.arange(40) % 4)
    np.testing.assert_array_equal(batch.views, data.views.pixels[np.arange(40)[:, None], views])


class FixedTargets:
    """The number of an object as its features."""

    dim, identity = 1, "towers"

    def __init__(self, num_objects: int) -> None:
        self.num_objects = num_objects

    def read(self, objects: NDArray[np.int64], generator: torch.Generator) -> tuple[NDArray, NDArray, NDArray]:
        column = objects[:, None].astype(np.float32)
        return column, -column, objects % 2 == 0


def test_what_is_not_stored_is_absent_and_targets_have_names() -> None:
    batch = ObjectData(tiny_points()).read(np.array([3, 1]), drawn())
    assert batch.views is batch.labels is batch.colors is batch.targets is None
    np.testing.assert_array_equal(batch.points, tiny_points()[[3, 1]])
    colors = np.arange(44 * 24 * 3).reshape(44, 24, 3).astype(np.uint8)
    batch = ObjectData(tiny_points(), colors=colors, targets=FixedTargets(44)).read(np.array([3, 2]), drawn())
    np.testing.assert_array_equal(batch.colors, colors[[3, 2]])
    assert isinstance(batch.targets, Targets)
    assert (batch.targets.image.tolist(), batch.targets.text.tolist()) == ([[3.0], [2.0]], [[-3.0], [-2.0]])
    assert batch.targets.has_text.tolist() == [False, True]


def test_without_drawn_views_none_is_read() -> None:
    data = ObjectData(tiny_points(), views=ArrayViews())
    assert data.read(np.arange(4), drawn()).views is None and data.views.reads == 0
    assert (data.num_views, data.num_classes, data.target_dim) == (5, 0, 0)


def test_identity_follows_every_part() -> None:
    labels, colors = np.arange(44) % 4, np.zeros((44, 24, 3), np.uint8)
    other_views, other_targets = ArrayViews(), FixedTargets(44)
    other_views.identity, other_targets.identity = "drawn again", "another tower"
    parts = [
        {},
        {"labels": labels},
        {"labels": labels[::-1]},
        {"colors": colors},
        {"views": ArrayViews()},
        {"views": other_views},
        {"targets": FixedTargets(44)},
        {"targets": other_targets},
    ]
    identities = [ObjectData(tiny_points(), **part).identity for part in parts]
    identities.append(ObjectData(tiny_points() * 2).identity)
    assert len(set(identities)) == len(identities)
    assert ObjectData(tiny_points(), labels=labels).identity == identities[1]


def test_parts_that_do_not_belong_together_are_refused_by_name() -> None:
    points = tiny_points()
    broken = tiny_points()
    broken[3, 2, 1] = np.nan
    for wrong in (broken, points[0], points[..., :2]):
        with pytest.raises(BadCloud, match="Training clouds are unusable"):
            ObjectData(wrong).validated()
    few = np.zeros(3, np.int64)
    cases = {
        "labels": {"labels": few},
        "views": {"points": points[:40], "views": ArrayViews()},
        "colours": {"colors": np.zeros((3, 24, 3), np.uint8)},
        "tower features": {"targets": FixedTargets(3)},
    }
    for name, parts in cases.items():
        with pytest.raises(ConfigError, match=f"The {name} do not belong to the clouds"):
            ObjectData(**{"points": points, **parts}).validated()
    ObjectData(points, labels=np.arange(44), views=ArrayViews(), targets=FixedTargets(44)).validated()

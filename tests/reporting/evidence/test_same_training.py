"""Whether two configurations describe the same training."""

from __future__ import annotations

from typing import Any

import pytest

from concord3d.reporting.evidence.same_training import differing_settings

RUN: dict[str, Any] = {
    "paper": "mm_point",
    "experiment": "mm_point",
    "label": "MM-Point",
    "scale": "small",
    "seed": 1,
    "pretrain": {"dataset": "modelnet40"},
    "objective": {"scale": [0.8, 1.25]},
    "training": {"epochs": 6, "threads": 1},
    "needs": {"teacher": {"experiment": "stage1", "seed": 1, "encoder": {"width": 8}}},
}


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "another", "experiment": "renamed", "seed": 2, "scale": "demo", "paper": "copy"},
        {"training": {"epochs": 6, "threads": 2}},
        {"data": {}},
        {"training": {"epochs": 6, "threads": 1, "frozen": []}},
        {"needs": {"teacher": {"experiment": "stage1", "seed": 2, "encoder": {"width": 8}}}},
    ],
)
def test_what_changes_no_number_does_not_count(changes: dict[str, Any]) -> None:
    assert differing_settings(RUN, {**RUN, **changes}) == []
    assert differing_settings({**RUN, **changes}, RUN) == []


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"objective": {"scale": [0.9, 1.25]}}, ["objective.scale"]),
        ({"training": {"epochs": 7}}, ["training.epochs"]),
        ({"training": {"epochs": 6, "decay": 0.1}}, ["training.decay"]),
        ({"needs": {}}, ["needs.teacher"]),
        ({"needs": {"teacher": {"experiment": "other", "encoder": {"width": 8}}}}, ["needs.teacher.experiment"]),
        ({"pretrain": None}, ["pretrain"]),
    ],
)
def test_what_changes_numbers_counts(changes: dict[str, Any], keys: list[str]) -> None:
    assert differing_settings(RUN, {**RUN, **changes}) == keys
    assert differing_settings({**RUN, **changes}, RUN) == keys


def test_an_encoder_that_nothing_is_trained_for_has_no_objective() -> None:
    untrained = {**RUN, "pretrain": None}
    changed = {**untrained, "objective": {}, "training": {"epochs": 1}}
    assert differing_settings(untrained, changed) == []
    assert differing_settings(untrained, {**changed, "encoder": {"width": 4}}) == ["encoder"]

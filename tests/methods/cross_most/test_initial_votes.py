"""Votes of a student that has learnt nothing yet, and which trainings share them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.methods.cross_most.pairs import NAMES, NUM_OBJECTS, mapped_data, method_of, task_of

from concord3d.methods.cross_most import initial_votes as votes
from concord3d.methods.cross_most.initial_votes import initial_votes

UNITS, CPU = np.arange(NUM_OBJECTS), torch.device("cpu")


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Counts computations; nothing is kept before or after."""
    found: list[int] = []
    compute = votes._votes

    def counted(*told: Any) -> Any:
        found.append(len(told[2]))
        return compute(*told)

    monkeypatch.setattr(votes, "_votes", counted)
    monkeypatch.setattr(votes, "_kept", {})
    yield found


@pytest.fixture
def student(tmp_path: Any) -> Any:
    return method_of(task_of(tmp_path)).adapted.student.eval()


def test_trainings_that_start_alike_share_their_votes(computed: list[int], student: Any) -> None:
    data = mapped_data(files_identity="a")
    first = initial_votes(student, data, UNITS, CPU)
    torch.nn.init.zeros_(student.group_head.weight)
    assert initial_votes(student, replace(data), UNITS, CPU) is first and computed == [NUM_OBJECTS]
    assert first.picture_label.shape == (NUM_OBJECTS,) and set(first.point_label.tolist()) <= set(range(len(NAMES)))
    fresh = initial_votes(student, mapped_data(), UNITS, CPU)
    assert all(torch.equal(mine, its) for mine, its in zip(first, fresh, strict=True))


def test_other_files_other_objects_or_another_student_have_their_own(computed: list[int], student: Any) -> None:
    data = mapped_data(files_identity="a")
    initial_votes(student, data, UNITS, CPU)
    initial_votes(student, replace(data, files_identity="b"), UNITS, CPU)
    initial_votes(student, data, UNITS[1:], CPU)
    for part in (student.classifier, student.points.projection.weight, student.pictures.projection.bias):
        with torch.no_grad():
            part.add_(0.01)
        initial_votes(student, data, UNITS, CPU)
    assert len(computed) == 6


def test_where_nobody_knows_the_files_nothing_is_kept(computed: list[int], student: Any) -> None:
    for _ in range(2):
        initial_votes(student, mapped_data(), UNITS, CPU)
    assert len(computed) == 2 and not votes._kept


def test_the_oldest_votes_are_dropped(computed: list[int], student: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(votes, "_MOST_KEPT", 2)
    for name in ("a", "b", "c", "a"):
        initial_votes(student, mapped_data(files_identity=name), UNITS[:4], CPU)
    assert len(computed) == 4 and len(votes._kept) == 2

"""Accuracy by class before and after."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, outcomes, svg

REPORT = """
paper: mm_point
headline: one
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
figures:
  - id: f
    kind: class_changes
    title: T
    caption: C
    options:
      changes:
        first: {before: old, after: new, details: [by_class, points]}
        second: {before: old, after: never, details: [by_class, points]}
        third: {before: old, after: new, details: [by_class, pictures]}
      groups: {unknown: [cone, glass_box]}
      others: known
      dataset: modelnet40
      protocol: linear_svm
      label: accuracy (%)
"""


def measured(root: Path) -> Fabricated:
    made = Fabricated(root, "demo", "synthetic")
    made.report(REPORT)
    accuracies = {
        "old": [{"cone": 10.0, "glass_box": 20.0, "sofa": 50.0}, {"cone": 20.0, "glass_box": 20.0, "sofa": 70.0}],
        "new": [{"cone": 40.0, "glass_box": 10.0, "sofa": 50.0}, {"cone": 50.0, "glass_box": 20.0, "sofa": 60.0}],
    }
    for experiment, by_seed in accuracies.items():
        for seed, by_class in enumerate(by_seed, start=1):
            details = {"by_class": {"points": by_class, "pictures": {"cone": 99.0}}}
            made.accuracy(experiment, outcomes(100, 50), seed, details=details)
    return made


def test_groups_show_their_mean_change_and_their_classes_sorted_by_it(tmp_path: Path) -> None:
    text = svg(measured(tmp_path), "f")
    assert "unknown: 2 classes, +12.5 points on average" in text and "known: 1 classes, -5.0 points" in text
    assert text.index(">cone<") < text.index(">glass box<") < text.index(">sofa<")
    assert ">first<" in text and ">second<" not in text and "data_kind: synthetic" in text
    assert ">third<" in text and "unknown: 1 classes, +0.0 points on average" in text


@pytest.mark.parametrize(
    ("dataset", "without", "headings"),
    [
        ("whole", [], ("seen first", "seen last")),
        ("whole", ["cone"], ("unknown", "seen last")),
        ("part", [], ("unknown", "known")),
    ],
)
def test_headings_follow_what_the_training_before_has_seen(
    tmp_path: Path, dataset: str, without: list[str], headings: tuple[str, str]
) -> None:
    made = measured(tmp_path)
    rule = "pretraining: {experiment: before, complete: [whole], seen: {unknown: seen first, known: seen last}}"
    made.report(REPORT.replace("      others:", f"      {rule}\n      others:"))
    made.run("before")
    made.runs["before"]["pretrain"]["dataset"] = dataset
    made.runs["before"]["data"] = {"without_classes": without}
    text = svg(made, "f")
    assert f">{headings[0]}: 2 classes" in text and f">{headings[1]}: 1 classes" in text


def test_nothing_measured_on_both_sides_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(REPORT)
    made.accuracy("old", outcomes(100, 50), details={"by_class": {"points": {"cone": 1.0}}})
    assert "nothing to draw at scale" in svg(made, "f")


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    assert svg(measured(tmp_path / "a"), "f") == svg(measured(tmp_path / "b"), "f")

"""What two branches know before and after an adaptation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tests.reporting.fabricate import Fabricated, svg

from concord3d.protocols.evaluation.results import ProtocolResult, Record

REPORT = """
paper: mm_point
headline: one
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
figures:
  - id: f
    kind: branch_outcomes
    title: T
    caption: C
    options:
      before: old
      after: new
      dataset: modelnet40
      protocol: two_branches
      branches: [{name: pictures, metric: image_top1}, {name: clouds, metric: point_top1}]
"""
# One letter per test object: right or wrong.
BEFORE = {"image_top1": "RRRRRWWWWW", "point_top1": "RRRWWRWWWW"}
AFTER = {"image_top1": "RRRRWWWWWR", "point_top1": "RRWRRRWWWW"}


def write(made: Fabricated, experiment: str, told: Mapping[str, str], seed: int = 1, names: str = "item") -> None:
    items = {f"{metric}__last": np.array([letter == "R" for letter in row], float) for metric, row in told.items()}
    shares = {metric: 10.0 * row.count("R") for metric, row in told.items()}
    records = tuple(Record(metric, share, 10, share - 5, share + 5) for metric, share in shares.items())
    result = ProtocolResult(records, items, tuple(f"{names}_{i}" for i in range(10)))
    made.write(result, experiment, seed, "modelnet40", "two_branches")


def measured(root: Path, seeds: Sequence[int] = (1,)) -> Fabricated:
    made = Fabricated(root, "demo", "synthetic")
    made.report(REPORT)
    for seed in seeds:
        write(made, "old", BEFORE, seed)
        write(made, "new", AFTER, seed)
    return made


def test_groups_and_what_each_branch_says_of_them_afterwards(tmp_path: Path) -> None:
    text = svg(measured(tmp_path, (1, 2)), "f")
    for name in ("both", "pictures alone", "clouds alone", "neither", "pictures, afterwards"):
        assert f">{name}<" in text
    pictures = ["100 % right", "50 % right", "0 % right", "25 % right"]
    clouds = ["67 % right", "100 % right", "100 % right", "0 % right"]
    written = [line.partition(">")[2].partition("<")[0] for line in text.split("<text") if " % right" in line]
    assert written == [*pictures, *clouds]
    assert "data_kind: synthetic" in text


def test_a_seed_takes_part_with_both_of_its_evaluations_alone(tmp_path: Path) -> None:
    made = measured(tmp_path)
    alone = svg(made, "f")
    write(made, "old", AFTER, 2)
    assert "50 % right" in alone and svg(made, "f") == alone


def test_other_objects_before_and_after_are_not_compared(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(REPORT)
    write(made, "old", BEFORE)
    write(made, "new", AFTER, names="another")
    assert "nothing to draw at scale 'demo'" in svg(made, "f")


def test_a_group_without_objects_says_so(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.report(REPORT)
    same = {"image_top1": "RRRRRWWWWW", "point_top1": "RRRRRWWWWW"}
    write(made, "old", same)
    write(made, "new", same)
    assert svg(made, "f").count(">no object<") == 4

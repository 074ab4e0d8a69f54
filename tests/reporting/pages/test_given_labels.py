"""The section on pseudo-labels, and the files that it rests on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.reporting.fabricate import Fabricated, two_branches_like

from concord3d.errors import ReportingError
from concord3d.reporting.evidence.artifacts import Artifacts
from concord3d.reporting.evidence.given_labels import read_given_labels
from concord3d.reporting.evidence.page_facts import PageFacts, read_page_facts, write_page_facts
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.pages.given_labels import label_lines

NAME = "cross_most_modelnet40__s1"


def given(made: Fabricated, epoch: int, kept: int = 6, name: str = NAME) -> Path:
    """Ten objects, on two of which the branches disagree."""
    votes = np.arange(10) % 3
    other = votes.copy()
    other[:2] += 1
    folder = made.root / "exports" / name
    path = folder / "pseudo_labels" / f"epoch_{epoch:04d}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    are_kept = np.arange(10) < kept
    np.savez(path, unit=np.arange(10), picture_label=votes, point_label=other, label=other, picture_kept=are_kept,
             point_kept=are_kept & (np.arange(10) > 0))  # fmt: skip
    return folder


def test_the_last_epoch_is_counted(tmp_path: Path) -> None:
    made = two_branches_like(tmp_path)
    given(made, 2, kept=3)
    assert read_given_labels(given(made, 6)) == {
        "epoch": 6,
        "num_epochs": 2,
        "num_objects": 10,
        "num_kept_pictures": 6,
        "num_kept_points": 5,
        "num_disagreeing": 2,
    }
    assert read_given_labels(tmp_path) == {}


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    folder = given(two_branches_like(tmp_path), 2)
    path = folder / "pseudo_labels" / "epoch_0002.npz"
    np.savez(path, unit=np.arange(3))
    with pytest.raises(ReportingError, match="do not hold what they must"):
        read_given_labels(folder)
    path.rename(path.with_name("last.npz"))
    with pytest.raises(ReportingError, match="has no epoch"):
        read_given_labels(folder)


def test_the_section_says_where_labels_lie_how_many_and_how_many_are_right(tmp_path: Path) -> None:
    made = two_branches_like(tmp_path)
    given(made, 6)
    facts = Artifacts(made.inputs).facts
    assert list(facts.labels) == [NAME]
    text = "\n".join(label_lines("cross_most", made.inputs, facts.labels, load_results(made.inputs).histories))
    assert "artifacts/demo/exports/cross_most/<experiment>__s<seed>/pseudo_labels/epoch_<number>.npz" in text
    assert "`dvc pull artifacts/demo/exports/cross_most`" in text
    row = next(line for line in text.splitlines() if line.startswith("| cross_most_modelnet40"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:] == ["1", "6", "10", "60.0 %", "50.0 %", "20.0 %", "43.0 %", "82.0 %", "82.0 %"]
    without = "\n".join(label_lines("cross_most", made.inputs, facts.labels, {}))
    assert "| - | - | - |" in without, "a training without a history"
    assert label_lines("cross_most", made.inputs, {}, {}) == []


def test_facts_of_older_results_tell_of_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "page_facts.json"
    write_page_facts(PageFacts(labels={NAME: {"epoch": 6}}), path)
    assert read_page_facts(path).labels == {NAME: {"epoch": 6}}
    path.write_text('{"gates": {}, "accepted": {}, "left_out": [], "kept": []}')
    assert read_page_facts(path).labels == {}

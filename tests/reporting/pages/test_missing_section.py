"""Evaluations without a result, a line for all that are missing alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, outcomes

from concord3d.reporting.evidence.page_facts import EarlierRows, PageFacts
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.pages.missing_section import families, missing_lines


def rows_of(made: Fabricated, facts: PageFacts | None = None) -> list[list[str]]:
    """The cells of the table, without its head."""
    lines = missing_lines(load_results(made.inputs), made.inputs, facts or PageFacts())
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")][2:]


def expect(made: Fabricated, *experiments: str, seeds: tuple[int, ...] = (1, 2)) -> None:
    for experiment in experiments:
        made.run(experiment, pretrain_kind="real")
        for seed in seeds:
            made.expect(experiment, protocol="knn", seed=seed)
            made.expect(experiment, protocol="linear_svm", seed=seed)


def test_what_is_missing_alike_shares_a_line(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    expect(made, "probe_a_2", "probe_a_16", "mm_point")
    expect(made, "single_view", seeds=(2,))
    for seed in (1, 2):
        made.accuracy("measured", outcomes(50, 30), seed)
    why, both = "no training is recorded", "knn, linear_svm on modelnet40"
    assert rows_of(made) == [
        ["12", r"mm_point, probe_a\_{2, 16}", "1, 2", both, why],
        ["2", "single_view", "2", both, why],
    ]
    [intro] = [line for line in missing_lines(load_results(made.inputs), made.inputs, PageFacts()) if "asks" in line]
    assert intro == "This scale asks for 16 evaluations; 14 have no result."


def test_numbers_of_lines_add_up_where_one_protocol_lacks_a_seed(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    expect(made, "mm_point", "single_view", seeds=(1, 2, 3))
    made.expect("single_view", "scanobjectnn", "knn", 3)
    made.accuracy("mm_point", outcomes(50, 30), 2)
    rows = rows_of(made)
    assert sum(int(row[0]) for row in rows) == len(load_results(made.inputs).missing) == 12
    assert ["2", "mm_point", "1, 3", "linear_svm on modelnet40", "no training is recorded"] in rows


def test_the_reason_is_told(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    expect(made, "stage1", "trained", "earlier", "student_1", "student_2", seeds=(1,))
    made.run("random_init")
    made.expect("random_init")
    made.history("trained", [1.0, 2.0])
    for name in ("student_1", "student_2"):
        made.need(name, "teacher", "stage1")
    facts = PageFacts(left_out=(EarlierRows("earlier", 1, 4, "made with other encoder.name"),))
    reasons = {row[1]: row[4] for row in rows_of(made, facts)}
    assert reasons == {
        "stage1": "no training is recorded",
        "trained": "trained, not evaluated",
        "earlier": "measured earlier and left out: made with other encoder.name",
        r"student\_{1, 2}": "rests on trainings that are not recorded: stage1",
        "random_init": "not run",
    }


def test_there_is_no_section_where_nothing_is_missing(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(50, 30))
    assert missing_lines(load_results(made.inputs), made.inputs, PageFacts()) == []


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["k1", "k1_world"], "k1, k1_world"),
        (["a_16", "a_2", "b"], "a_{2, 16}, b"),
        (["a_x_1", "a_y_1"], "a_x_1, a_y_1"),
        (["_a"], "_a"),
    ],
)
def test_families_share_the_words_before_the_last(names: list[str], shown: str) -> None:
    assert families(names) == shown

"""Accuracy over the clouds seen in training."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, outcomes, svg

from concord3d.files import write_json
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.figures.kinds.training_budget import clouds_seen
from concord3d.reporting.figures.style import FigureContext
from concord3d.reporting.specs.report_spec import load_report_spec

HEAD = """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40}
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
figures:
"""
BUDGET = (
    HEAD
    + """
  - id: f
    kind: training_budget
    title: T
    caption: C
    options:
      paths: {two stages: [first, second], longer: [plain, longer], third way: [gone]}
      protocol: linear_svm
      metric: overall_accuracy
      datasets: [modelnet40]
"""
)


def words_of(text: str) -> str:
    """Return what a figure says, lines joined."""
    return " ".join(part.partition(">")[2].partition("<")[0] for part in text.split("<text")[1:])


def trained(made: Fabricated, experiment: str, num_steps: int | None, teacher: str | None = None) -> None:
    made.accuracy(experiment, outcomes(100, 60))
    if teacher is not None:
        made.need(experiment, "teacher", teacher)
    folder = made.root / "artifacts" / "train" / f"{experiment}__s1"
    write_json(folder / "train.json", {"history": [], **({} if num_steps is None else {"num_steps": num_steps})})


def context_of(made: Fabricated) -> FigureContext:
    report = load_report_spec(made.inputs.report_yaml)
    return FigureContext(report.figures[0], report, load_results(made.inputs), (), made.inputs, {})


def test_the_budget_of_an_experiment_holds_those_of_its_teachers(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(BUDGET)
    trained(made, "first", 100)
    trained(made, "second", 50, teacher="first")
    trained(made, "third", 10, teacher="second")
    trained(made, "plain", 300)
    trained(made, "unrecorded", None)
    trained(made, "pupil", 10, teacher="unrecorded")
    context = context_of(made)
    seen = {name: clouds_seen(context, name) for name in ("first", "second", "third", "plain", "pupil", "unrecorded")}
    assert seen == {"first": 3200, "second": 4800, "third": 5120, "plain": 9600, "pupil": None, "unrecorded": None}
    text = svg(made, "f")
    assert "Not run at this scale: third way." in text and ">third way<" not in text and "thousand clouds seen" in text


def test_a_teacher_counts_even_if_nobody_evaluates_it(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(BUDGET)
    trained(made, "first", 100)
    trained(made, "second", 50, teacher="first")
    made.expected = [job for job in made.expected if job.experiment != "first"]
    assert clouds_seen(context_of(made), "second") == 4800


def test_a_budget_without_records_is_a_placard(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(BUDGET)
    made.accuracy("first", outcomes(100, 60))
    assert "nothing to draw at scale" in svg(made, "f")


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    pictures = []
    for name in ("a", "b"):
        made = Fabricated(tmp_path / name)
        made.report(BUDGET)
        for experiment in ("first", "plain"):
            trained(made, experiment, 100)
        svg(made, "f")
        figures = made.inputs.out / "figures"
        pictures.append([(figures / f"f.{suffix}").read_bytes() for suffix in ("svg", "png")])
    assert pictures[0] == pictures[1]


def test_goals_are_extrapolated_from_three_lengths_on(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(
        BUDGET.replace("[plain, longer]", "[plain, longer, longest]").replace(
            "metric: overall_accuracy\n      datasets",
            "metric: overall_accuracy\n      goals: {longer: [90], two stages: [90]}\n      datasets",
        )
    )
    for experiment, steps, right in (
        ("plain", 100, 100),
        ("longer", 200, 150),
        ("longest", 400, 175),
        ("first", 50, 90),
    ):
        made.accuracy(experiment, outcomes(200, right))
        folder = made.root / "artifacts" / "train" / f"{experiment}__s1"
        write_json(folder / "train.json", {"history": [], "num_steps": steps})
    words = words_of(svg(made, "f"))
    assert (
        "that longer needs on ModelNet40" in words
        and "90 % take 16 thousand [" in words
        and words.count("go on to fall") == 1
    )


@pytest.mark.parametrize(
    ("rights", "said"),
    [
        ((60, 90, 95), "gains from 6.4 thousand on: -10.00 ["),
        ((20, 30, 40), "loses at every budget up to 9.6 thousand: -50.00 ["),
        ((60, 70, 71), "shows no gain at up to 9.6 thousand: -10.00 ["),
        ((95, 90, 70), "gains at 3.2 thousand and 6.4 thousand, and not at every budget up to 9.6 thousand: +25.00 ["),
        ((95, 90, 99), "gains from 3.2 thousand on: +25.00 ["),
    ],
)
def test_a_path_says_at_which_equal_budgets_it_gains_against_its_control(
    tmp_path: Path, rights: tuple[int, ...], said: str
) -> None:
    made = Fabricated(tmp_path)
    paths = "{ours: [short, long, longest], control: [c_short, c_long, c_longest, c_other]}"
    report = BUDGET.replace("{two stages: [first, second], longer: [plain, longer], third way: [gone]}", paths)
    made.report(report.replace("      datasets:", "      against: {ours: [control]}\n      datasets:"))
    for place, (name, right) in enumerate(zip(("short", "long", "longest"), rights, strict=True)):
        for seed in (1, 2):
            for who, found in ((name, right), (f"c_{name}", 70)):
                made.accuracy(who, outcomes(100, found), seed=seed)
                folder = made.root / "artifacts" / "train" / f"{who}__s{seed}"
                write_json(folder / "train.json", {"history": [], "num_steps": 100 * (place + 1)})
    trained(made, "c_other", 777)
    told = words_of(svg(made, "f"))
    assert f"On ModelNet40, at equal numbers of clouds seen, ours against control {said}" in told
    assert told.count(" at 3.2 thousand,") == 1 and told.count("] at ") == 3


def test_two_experiments_of_one_budget_are_both_compared(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    paths = "{ours: [one], control: [other, another]}"
    report = BUDGET.replace("{two stages: [first, second], longer: [plain, longer], third way: [gone]}", paths)
    made.report(report.replace("      datasets:", "      against: {ours: [control]}\n      datasets:"))
    for name, right in (("one", 90), ("other", 70), ("another", 80)):
        for seed in (1, 2):
            made.accuracy(name, outcomes(100, right), seed=seed)
            write_json(
                made.root / "artifacts" / "train" / f"{name}__s{seed}" / "train.json", {"history": [], "num_steps": 100}
            )
    told = words_of(svg(made, "f"))
    assert "+10.00 [" in told and "+20.00 [" in told

"""The artifacts of a run added to the results of an earlier report."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.reporting.evidence.test_reported_results import NEW_LINE, recorded, reported
from tests.reporting.fabricate import Fabricated, demo_like, mixing_like, outcomes
from tests.reporting.test_report import tree

from concord3d.files import read_json, write_json
from concord3d.reporting.evidence.added_results import AddedResults
from concord3d.reporting.evidence.page_facts import EarlierRows
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.report import build_report


def measured(root: Path, seeds: tuple[int, ...], num_right: int = 160) -> Fabricated:
    """Two experiments with some seeds, each training with its record and history."""
    made = Fabricated(root)
    for seed in seeds:
        made.accuracy("mm_point", outcomes(200, num_right, seed), seed, details={"cost": 0.1 * seed})
        made.accuracy("single_view", outcomes(200, 120, seed), seed)
        made.history("mm_point", [1.0, 2.0 + seed], seed)
    return recorded(made, seeds)


def added(inputs: ReportInputs) -> ReportInputs:
    return replace(inputs, from_results=True, add=True)


def values_of(source: AddedResults) -> dict[tuple[str, int], float]:
    return {(each.job.experiment, each.job.seed): each.measurements[0].value for each in source.evaluations}


def test_added_seeds_give_the_report_of_all_artifacts_together(tmp_path: Path) -> None:
    together = measured(tmp_path / "together", (1, 2, 3))
    build_report(together.inputs)
    made = measured(tmp_path / "apart", (1, 2))
    reported(made)
    last = measured(tmp_path / "apart", (3,))
    inputs = added(replace(last.inputs, expected_jobs=together.inputs.expected_jobs))
    for _ in range(2):
        build_report(inputs)
        one, other = tree(together.inputs.out), tree(inputs.out)
        assert {name for name in {*one, *other} if one.get(name) != other.get(name)} == {"README.md"}
        pages = [(each.out / "README.md").read_text().splitlines() for each in (together.inputs, inputs)]
        assert pages[0] == [line for line in pages[1] if not line.startswith(NEW_LINE)]
        assert sum(line.startswith(f"{NEW_LINE} (`concord3d report --add`)") for line in pages[1]) == 1


def test_a_training_that_was_made_again_replaces_all_that_stood_of_it(tmp_path: Path) -> None:
    made = measured(tmp_path, (1, 2))
    for seed in (1, 2):
        made.accuracy("mm_point", outcomes(200, 100, seed), seed, protocol="knn")
    both = made.inputs.expected_jobs
    reported(made)
    write_json(made.inputs.out / "page_facts.json", {
        **read_json(made.inputs.out / "page_facts.json"),
        "accepted": {f"results/train/mm_point__s{seed}": [{"modules": ["a"], "because": "faster"}] for seed in (1, 2)},
        "left_out": [{"experiment": "mm_point", "seed": 1, "num_rows": 1, "why": "made with other training.epochs"}],
    })  # fmt: skip
    again = Fabricated(tmp_path)
    again.accuracy("mm_point", outcomes(200, 150, 9), 1)
    again.history("mm_point", [5.0], 1)
    recorded(again, (1,))
    source = AddedResults(added(replace(again.inputs, expected_jobs=both, runs=made.runs)))
    jobs = [(e.job.experiment, e.job.protocol, e.job.seed) for e in source.evaluations]
    assert ("mm_point", "knn", 1) not in jobs and ("mm_point", "knn", 2) in jobs
    assert values_of(source)["mm_point", 1] == 75.0
    assert [entry["held_out"]["information_inter"] for entry in source.histories["mm_point", 1]] == [5.0]
    assert set(source.records) == {"mm_point__s1", "mm_point__s2", "single_view__s1", "single_view__s2"}
    assert list(source.facts.accepted) == ["results/train/mm_point__s2"]
    assert source.facts.left_out == source.facts.kept == ()


def test_rows_of_other_settings_stay_left_out_until_they_are_measured_again(tmp_path: Path) -> None:
    made = measured(tmp_path, (1, 2))
    reported(made)
    runs = {**made.runs, "mm_point": {**made.runs["mm_point"], "training": {"epochs": 7, "batch_size": 32}}}
    again = Fabricated(tmp_path, runs=runs)
    again.accuracy("mm_point", outcomes(200, 150, 9), 1)
    recorded(again, (1,))
    source = AddedResults(added(replace(again.inputs, expected_jobs=made.inputs.expected_jobs)))
    assert {training for training in values_of(source) if training[0] == "mm_point"} == {("mm_point", 1)}
    assert source.facts.left_out == (EarlierRows("mm_point", 2, 1, "made with other training.epochs"),)


def recorded_again(made: Fabricated, experiment: str, evaluated: bool, **told: Any) -> None:
    """Train an experiment with seed 1 again, and evaluate it or not."""
    if evaluated:
        made.accuracy(experiment, outcomes(200, 150, 9), 1)
    made.history(experiment, [3.0], 1)
    folder = made.root / "artifacts" / "train" / f"{experiment}__s1"
    write_json(folder / "provenance.json", {"run": folder.name, "config": made.runs[experiment], **told})


def resting(root: Path, artifacts: dict[str, bool], teacher_is_measured: bool = True) -> AddedResults:
    """Results of a training and of one that rests on it; then some of the two again, evaluated or trained alone."""
    made = measured(root, (1,))
    made.need("mm_point", "teacher", "single_view")
    recorded(made, (1,))
    if not teacher_is_measured:
        (made.inputs.artifacts / "eval" / "single_view__modelnet40__linear_svm__s1.json").unlink()
        made.expected = [job for job in made.expected if job.experiment != "single_view"]
    reported(made)
    again = Fabricated(root, runs=made.runs)
    for experiment, evaluated in artifacts.items():
        recorded_again(again, experiment, evaluated, again=True)
    return AddedResults(added(replace(again.inputs, expected_jobs=made.inputs.expected_jobs)))


REMARK = EarlierRows("mm_point", 1, 1, "rest on another run of single_view than the one here, with the same settings")


@pytest.mark.parametrize(
    ("artifacts", "teacher_is_measured", "of_run", "kept"),
    [
        ({"single_view": True, "mm_point": True}, True, {"single_view", "mm_point"}, ()),
        ({"single_view": True}, True, {"single_view"}, (REMARK,)),
        ({"single_view": False, "mm_point": True}, True, {"mm_point"}, (REMARK,)),
        ({"single_view": False}, True, set(), ()),
        # A teacher without rows of its own comes with the rows that rest on it.
        ({"single_view": False, "mm_point": True}, False, {"single_view", "mm_point"}, ()),
        ({"single_view": False}, False, set(), ()),
    ],
)
def test_rows_that_rest_on_another_run_of_a_training_say_so(
    artifacts: dict[str, bool],
    teacher_is_measured: bool,
    of_run: set[str],
    kept: tuple[EarlierRows, ...],
    tmp_path: Path,
) -> None:
    source = resting(tmp_path, artifacts, teacher_is_measured)
    records: dict[str, Any] = {name: dict(record) for name, record in source.records.items()}
    assert {name.removesuffix("__s1") for name, record in records.items() if "again" in record} == of_run
    assert source.facts.kept == kept


def test_the_same_run_of_a_training_is_no_other_one(tmp_path: Path) -> None:
    source = resting(tmp_path, {"single_view": False, "mm_point": True})
    write_json(
        tmp_path / "artifacts/train/single_view__s1/provenance.json",
        read_json(tmp_path / "results/provenance/single_view__s1.json"),
    )
    assert source.facts.kept == ()


def test_an_untrained_teacher_is_the_same_in_every_run(tmp_path: Path) -> None:
    made = measured(tmp_path, (1,))
    made.accuracy("random_init", outcomes(200, 90, 1), 1)
    made.need("mm_point", "init", "random_init")
    recorded(made, (1,))
    reported(made)
    again = Fabricated(tmp_path, runs=made.runs)
    for experiment in ("random_init", "mm_point"):
        recorded_again(again, experiment, experiment == "mm_point", again=True)
    source = AddedResults(added(replace(again.inputs, expected_jobs=made.inputs.expected_jobs)))
    assert source.facts.kept == () and values_of(source)["mm_point", 1] == 75.0


def test_a_second_time_adds_nothing_and_says_the_same(tmp_path: Path) -> None:
    source = resting(tmp_path, {"single_view": False, "mm_point": True}, False)
    inputs = source._inputs
    build_report(inputs)
    first = tree(inputs.out)
    build_report(inputs)
    assert tree(inputs.out) == first and "kept" not in (inputs.out / "ledger.md").read_text()


def test_what_was_said_of_an_earlier_run_goes_with_its_rows(tmp_path: Path) -> None:
    made = measured(tmp_path, (1, 2))
    reported(made)
    path = made.inputs.out / "page_facts.json"
    edit = [{"modules": ["a"], "because": "faster", "git_commit": "0" * 40}]
    nodes = [f"results/eval/{name}__s{seed}" for name in ("mm_point", "mm_point__adapted") for seed in (1, 2)]
    labels = {f"mm_point__s{seed}": {"threshold": 0.5} for seed in (1, 2)}
    write_json(path, {**read_json(path), "accepted": dict.fromkeys(nodes, edit), "labels": labels})
    again = Fabricated(tmp_path, runs=made.runs)
    # The training itself is gone: no record is better than that of another one.
    again.accuracy("mm_point", outcomes(200, 150, 9), 1)
    source = AddedResults(added(replace(again.inputs, expected_jobs=made.inputs.expected_jobs)))
    assert set(source.facts.accepted) == {node for node in nodes if node.endswith("s2")}
    assert set(source.facts.labels) == {"mm_point__s2"}
    assert "mm_point__s1" not in source.records and ("mm_point", 1) not in source.histories


@pytest.mark.parametrize(
    ("value", "kept"), [(41.0, set()), (77.0, {("mm_point", 2), ("single_view", 1), ("single_view", 2)})]
)
def test_rows_measured_with_another_fit_of_a_tower_say_so(
    value: float, kept: set[tuple[str, int]], tmp_path: Path
) -> None:
    made = measured(tmp_path, (1, 2))
    for run in made.runs.values():
        run["data"] = {"tower": "concord"}
    recorded(made)
    gate = tmp_path / "gate.json"
    measure = {"metric": "image_to_text_r1", "view_set": "all", "value": 41.0, "chance": 1.0, "n_items": 9,
               "n_objects": 3, "threshold": 30, "passed": True}  # fmt: skip
    write_json(gate, {"passed": True, "measures": [measure]})
    inputs = replace(made.inputs, towers={"concord": gate})
    build_report(inputs)
    shutil.rmtree(inputs.artifacts)
    recorded_again(Fabricated(tmp_path, runs=made.runs), "mm_point", True)
    write_json(gate, {"passed": True, "measures": [{**measure, "value": value}]})
    source = AddedResults(added(inputs))
    assert {(rows.experiment, rows.seed) for rows in source.facts.kept} == kept
    assert all(rows.why == "rest on another fit of concord than the one here" for rows in source.facts.kept)


def test_a_figure_whose_pictures_are_not_there_stays(tmp_path: Path) -> None:
    made = recorded(mixing_like(tmp_path))
    build_report(made.inputs)
    figure = made.inputs.out / "figures" / "f4_retrieval.svg"
    figure.write_text("an older drawing")
    for path in made.inputs.artifacts.rglob("pictures__*"):
        path.unlink()
    build_report(added(made.inputs))
    assert figure.read_text() == "an older drawing"


def test_figures_with_examples_are_drawn_where_all_of_their_trainings_are_added(tmp_path: Path) -> None:
    made = recorded(demo_like(tmp_path))
    build_report(made.inputs)
    figure = made.inputs.out / "figures" / "f5_tsne.svg"
    drawn = figure.read_bytes()
    figure.write_text("an older drawing")
    build_report(added(made.inputs))
    assert figure.read_bytes() == drawn
    figure.write_text("an older drawing")
    for path in (made.inputs.artifacts / "eval").glob("crosspoint__*"):
        path.unlink()
    build_report(added(made.inputs))
    assert figure.read_text() == "an older drawing"
    shutil.rmtree(made.inputs.artifacts)

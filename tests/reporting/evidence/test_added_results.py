"""The artifacts of a run added to the results of an earlier report."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.reporting.evidence.test_reported_results import NEW_LINE, recorded, reported
from tests.reporting.fabricate import Fabricated, demo_like, outcomes
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


def resting(root: Path, **artifacts: bool) -> AddedResults:
    """Results of a training and of one that rests on it; then some of the two again, evaluated or trained alone."""
    made = measured(root, (1,))
    made.need("mm_point", "teacher", "single_view")
    recorded(made, (1,))
    reported(made)
    again = Fabricated(root, runs=made.runs)
    for experiment, evaluated in artifacts.items():
        if evaluated:
            again.accuracy(experiment, outcomes(200, 150, 9), 1)
        again.history(experiment, [3.0], 1)
        folder = root / "artifacts" / "train" / f"{experiment}__s1"
        write_json(folder / "provenance.json", {"run": folder.name, "config": made.runs[experiment], "again": True})
    return AddedResults(added(replace(again.inputs, expected_jobs=made.inputs.expected_jobs)))


def test_rows_that_rest_on_another_run_of_a_training_say_so(tmp_path: Path) -> None:
    why = "rest on another run of single_view than the one here, with the same settings"
    remark = EarlierRows("mm_point", 1, 1, why)
    cases: tuple[tuple[dict[str, bool], set[str], tuple[EarlierRows, ...]], ...] = (
        ({"single_view": True, "mm_point": True}, {"single_view", "mm_point"}, ()),
        ({"single_view": True}, {"single_view"}, (remark,)),
        ({"single_view": False, "mm_point": True}, {"mm_point"}, (remark,)),
        ({"single_view": False}, set(), ()),
    )
    for number, (artifacts, of_run, kept) in enumerate(cases):
        source = resting(tmp_path / str(number), **artifacts)
        records: dict[str, Any] = {name: dict(record) for name, record in source.records.items()}
        assert {name.removesuffix("__s1") for name, record in records.items() if "again" in record} == of_run
        assert source.facts.kept == kept


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

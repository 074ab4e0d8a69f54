"""A report made from the results of an earlier one."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.reporting.fabricate import Fabricated, demo_like, mixing_like, outcomes
from tests.reporting.test_report import tree

from concord3d.arrays import read_arrays, write_arrays
from concord3d.errors import ReportingError, UnreadableFile
from concord3d.files import read_json, write_json
from concord3d.reporting.evidence.page_facts import EarlierRows
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.evidence.reported_evaluations import reported_evaluations
from concord3d.reporting.evidence.reported_results import ReportedResults
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.report import build_report

NEW_LINE = "- This report was made from the numbers in this folder"


def recorded(made: Fabricated, seeds: tuple[int, ...] = (1, 2)) -> Fabricated:
    """Give every training a record with its configuration."""
    for experiment, run in made.runs.items():
        for seed in seeds:
            folder = made.root / "artifacts" / "train" / f"{experiment}__s{seed}"
            path = folder / "train.json"
            write_json(path, read_json(path) if path.exists() else {"history": [], "num_steps": 40})
            config = {**run, "seed": seed, "label": "an older label"}
            write_json(folder / "provenance.json", {"run": folder.name, "config": config})
    return made


def reported(made: Fabricated) -> ReportInputs:
    """Write the report of artifacts, remove them, and return what the report of its results is made from."""
    build_report(made.inputs)
    shutil.rmtree(made.inputs.artifacts)
    return replace(made.inputs, from_results=True)


def small(root: Path) -> Fabricated:
    made = Fabricated(root)
    for seed in (1, 2):
        made.accuracy("mm_point", outcomes(200, 160, seed), seed, details={"cost": 0.1})
        made.accuracy("single_view", outcomes(200, 120, seed), seed)
        made.history("mm_point", [1.0, 2.123456789], seed)
    return recorded(made)


@pytest.mark.parametrize("fabricate", [demo_like, mixing_like])
def test_the_report_of_results_is_that_of_their_artifacts(
    tmp_path: Path, fabricate: Callable[[Path], Fabricated]
) -> None:
    made = recorded(fabricate(tmp_path))
    gate = made.root / "gate.json"
    measure = {"metric": "image_to_text_r1", "view_set": "all", "value": 41.0, "chance": 1.0, "n_items": 9,
               "n_objects": 3, "threshold": 30, "passed": True}  # fmt: skip
    write_json(gate, {"passed": True, "measures": [measure]})
    edit = {"modules": ["a"], "because": "faster", "git_commit": "0" * 40}
    accepted = {"results/train/mm_point__s1": [edit], "stores/modelnet40/test": [edit]}
    inputs = replace(made.inputs, towers={"concord": gate, "released": None}, accepted=accepted)
    build_report(inputs)
    shutil.rmtree(inputs.artifacts)
    gate.unlink()
    before = tree(inputs.out)
    pages = {name: (inputs.out / name).read_text() for name in ("README.md", "ledger.md")}
    for _ in range(2):
        build_report(replace(inputs, from_results=True, accepted={}))
        after = tree(inputs.out)
        changed = {name for name in before if after.get(name) != before[name]}
        assert changed == {"README.md"} and set(after) == set(before)
        assert not inputs.artifacts.exists()
        page = (inputs.out / "README.md").read_text().splitlines()
        assert [line for line in page if not line.startswith(NEW_LINE)] == pages["README.md"].splitlines()
        assert sum(line.startswith(NEW_LINE) for line in page) == 1


def rewrite_outcomes(inputs: ReportInputs, run: str, key: str, values: Any) -> None:
    path = inputs.out / "per_item" / f"{run}.npz"
    write_arrays(path, {**read_arrays(path), key: values}, compressed=True)


def verdict_of(inputs: ReportInputs, claim: str) -> dict[str, Any]:
    return next(dict(each) for each in read_json(inputs.out / "claims.json") if each["id"] == claim)


def test_changed_outcomes_change_the_verdict_or_are_refused(tmp_path: Path) -> None:
    inputs = reported(small(tmp_path))
    build_report(inputs)
    first = verdict_of(inputs, "C1")
    assert first["verdict"] == "holds"
    key = "modelnet40__overall_accuracy__last"
    # As many right, but other items: the difference stays, its interval does not.
    for seed in (1, 2):
        rewrite_outcomes(inputs, f"single_view__linear_svm__s{seed}", key, outcomes(200, 120, 7 + seed))
    build_report(inputs)
    second = verdict_of(inputs, "C1")
    assert second["difference"] == first["difference"] and second["ci_low"] != first["ci_low"]
    for seed in (1, 2):
        rewrite_outcomes(inputs, f"mm_point__linear_svm__s{seed}", key, outcomes(200, 90, seed))
    before = tree(inputs.out)
    with pytest.raises(ReportingError, match="not the mean of its outcomes"):
        build_report(inputs)
    assert tree(inputs.out) == before
    rewrite_metrics(inputs, lambda row: {**row, "value": "45.0", "ci_low": "38.0", "ci_high": "52.0"}
                    if row["experiment"] == "mm_point" else row)  # fmt: skip
    build_report(inputs)
    assert verdict_of(inputs, "C1")["verdict"] == "fails"


def rewrite_metrics(inputs: ReportInputs, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    path = inputs.out / "metrics.csv"
    rows = [change(row) for row in csv.DictReader(io.StringIO(path.read_text()))]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(stream.getvalue())


def test_rows_of_another_configuration_are_left_out_and_told(tmp_path: Path) -> None:
    made = small(tmp_path)
    inputs = reported(made)
    runs = {**made.runs, "single_view": {**made.runs["single_view"], "training": {"epochs": 7, "batch_size": 64}}}
    changed = replace(inputs, runs=runs)
    for _ in range(2):
        build_report(changed)
        assert "single_view" not in (inputs.out / "metrics.csv").read_text()
        assert not list((inputs.out / "per_item").glob("single_view*"))
        assert not list((inputs.out / "provenance").glob("single_view*"))
        assert "**2 rows of that report are left out**" in (inputs.out / "README.md").read_text()
        ledger = (inputs.out / "ledger.md").read_text()
        why = "made with other training.batch_size, training.epochs"
        assert f"| single_view (1, 2) | 2 | left out | {why} |" in ledger and "mm_point (1" not in ledger
    assert verdict_of(inputs, "C1")["verdict"] == "not_run"


@pytest.mark.parametrize(
    ("experiment", "change", "why"),
    [
        ("single_view", {"runs": {}}, "this scale does not run it"),
        ("single_view", {"record": {"missing": "no record"}}, "no record says how it was made"),
        ("mm_point", {"need": True}, "rests on a training that does not count: single_view"),
        ("mm_point", {"expected": True}, "this scale does not ask for linear_svm on modelnet40"),
    ],
)
def test_every_reason_is_named(tmp_path: Path, experiment: str, change: dict[str, Any], why: str) -> None:
    made = small(tmp_path)
    if "need" in change:
        made.need("mm_point", "teacher", "single_view")
        recorded(made)
        made.runs["single_view"] = {**made.runs["single_view"], "encoder": {"name": "dgcnn"}}
    inputs = reported(made)
    if "runs" in change:
        inputs = replace(inputs, runs={name: run for name, run in made.runs.items() if name != experiment})
    if "record" in change:
        for seed in (1, 2):
            write_json(inputs.out / "provenance" / f"{experiment}__s{seed}.json", change["record"])
    if "expected" in change:
        inputs = replace(inputs, expected_jobs=tuple(j for j in inputs.expected_jobs if j.experiment != experiment))
    source = ReportedResults(inputs)
    assert EarlierRows(experiment, 1, 1, why) in source.facts.left_out
    assert experiment not in {evaluation.job.experiment for evaluation in source.evaluations}


def test_a_remark_on_rows_that_were_kept_is_told_again(tmp_path: Path) -> None:
    inputs = reported(small(tmp_path))
    path = inputs.out / "page_facts.json"
    remark = {"num_rows": 1, "seed": 1, "why": "captions had another word"}
    kept = [{"experiment": "mm_point", **remark}, {"experiment": "gone", **remark}]
    write_json(path, {**read_json(path), "kept": kept})
    for _ in range(2):
        build_report(inputs)
        assert "1 rows are kept with a remark" in (inputs.out / "README.md").read_text()
        ledger = (inputs.out / "ledger.md").read_text()
        assert "| mm_point (1) | 1 | kept | captions had another word |" in ledger and "gone" not in ledger
    write_json(path, {"gates": {}})
    with pytest.raises(ReportingError, match="other keys"):
        build_report(inputs)


def test_older_results_lack_details_and_histories(tmp_path: Path) -> None:
    inputs = reported(small(tmp_path))
    assert load_results(inputs).histories["mm_point", 1][1]["held_out"]["information_inter"] == 2.123457
    for name in ("details.json", "histories.csv", "page_facts.json"):
        (inputs.out / name).unlink()
    build_report(inputs)
    found = load_results(inputs)
    assert not any(found.histories.values()) and not any(evaluation.details for evaluation in found.evaluations)
    page = (inputs.out / "README.md").read_text()
    assert "`details.json`:" not in page and "`histories.csv`:" not in page


def test_examples_of_trainings_that_are_left_out_are_not_shown(tmp_path: Path) -> None:
    made = recorded(demo_like(tmp_path))
    inputs = reported(made)
    runs = {name: run for name, run in made.runs.items() if name != "crosspoint"}
    build_report(replace(inputs, runs=runs))
    said = read_json(inputs.out / "figures" / "in_words.json")
    assert said["f5_tsne"].startswith("Its examples are no part of the results")
    assert "Its examples" in (inputs.out / "figures" / "f5_tsne.svg").read_text()


def test_what_is_read_is_what_was_measured(tmp_path: Path) -> None:
    made = small(tmp_path)
    measured = load_results(made.inputs).evaluations
    read = reported_evaluations(reported(made))
    assert [each.measurements for each in read] == [each.measurements for each in measured]
    assert [dict(each.details) for each in read] == [dict(each.details) for each in measured]
    for one, other in zip(read, measured, strict=True):
        assert one.item_names == other.item_names and set(one.items) == set(other.items)
        assert all(np.array_equal(values, other.items[key]) for key, values in one.items.items())


def test_damage_is_named(tmp_path: Path) -> None:
    inputs = reported(small(tmp_path))
    for name, text, error, message in (
        ("details.json", '[{"seed": 1}]', ReportingError, "Details lack keys"),
        ("histories.csv", "a,b\n1,2\n", ReportingError, "other columns"),
        ("provenance/noseed.json", "{}", ReportingError, "has no seed"),
        ("metrics.csv", None, UnreadableFile, "Cannot read a paper's results"),
    ):
        path = inputs.out / name
        before = path.read_text() if path.exists() else None
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        with pytest.raises(error, match=message):
            build_report(inputs)
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    build_report(inputs)


def test_warnings_of_trainings_stand_in_the_ledger(tmp_path: Path) -> None:
    inputs = reported(small(tmp_path))
    record = inputs.out / "provenance" / "mm_point__s1.json"
    before = read_json(record)
    for warnings in (["begun with <another> precision"], []):
        write_json(record, {**before, "machine": {"warnings": warnings}})
        build_report(inputs)
        ledger = (inputs.out / "ledger.md").read_text()
        assert ("## Warnings of trainings" in ledger) == bool(warnings)
        assert ("| begun with &lt;another> precision | `mm_point__s1` |" in ledger) == bool(warnings)

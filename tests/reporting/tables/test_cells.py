"""Tables: order, missing results, labels, and what may be compared."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from tests.reporting.fabricate import Fabricated, outcomes

from concord3d.config.models import Paper
from concord3d.config.strict_yaml import load_yaml
from concord3d.config.validation import validate
from concord3d.errors import ConfigError
from concord3d.layout import paper_yaml
from concord3d.protocols.evaluation.results import ProtocolResult, record_from_interval
from concord3d.reporting.evidence.published_values import read_published
from concord3d.reporting.parts import tables
from concord3d.reporting.report_part import build_part
from concord3d.reporting.specs.report_spec import load_report_spec
from concord3d.reporting.tables.cells import describe_run
from concord3d.statistics.intervals import binomial_interval

REPORT = """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40}
tables:
  - id: one
    title: "Table | one & 100 %"
    published: [one]
    metrics: [{published: accuracy, protocol: linear_svm, metric: overall_accuracy}]
    selections: [last, best_test]
    match:
      - {method: Ours, experiments: [mm_point_dgcnn, mm_point]}
      - {method: Deep, encoder: dgcnn, experiments: [crosspoint]}
    own: all
"""
ROWS = [
    ("one", "Other", "ModelNet40", "s", "accuracy", "80.5", "other_paper"),
    ("one", "Ours", "ModelNet40", "s", "accuracy", "75.0", "abstract"),
    ("one", "Deep", "ModelNet40", "s", "accuracy", "60.0", "other_paper"),
    ("one", "Ours", "ModelNet40", "t", "accuracy", "", "not_recovered"),
    ("one", "Unread", "ModelNet40", "s", "accuracy", "", "not_recovered"),
]


def rows_of(made: Fabricated) -> list[dict[str, str]]:
    made.report(REPORT)
    made.published(ROWS)
    tables.build_one(made.material, "one")
    return list(csv.DictReader(io.StringIO((made.inputs.out / "tables" / "one.csv").read_text())))


def test_rows_keep_the_order_of_the_paper_and_ours_follow(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(200, 152))
    made.accuracy("single_view", outcomes(200, 120))
    methods = [row["method"] for row in rows_of(made)]
    assert methods == ["Other", "Ours", "Deep", "Ours", "Unread", "MM-Point, one view"]


def test_a_row_that_waits_for_another_encoder_does_not_hide_ours(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("crosspoint", outcomes(200, 120))
    rows = [row for row in rows_of(made) if row["experiment"] == "crosspoint"]
    assert [(row["method"], row["status"]) for row in rows] == [
        ("Deep", "not_run"),
        ("CrossPoint (our rerun)", "measured"),
    ]


def test_missing_is_shown_as_missing_and_never_as_zero(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(200, 152))
    made.expect("single_head")
    by_method = {(row["method"], row["setting"]): row for row in rows_of(made)}
    deep = by_method[("Deep", "s")]
    assert (deep["status"], deep["ours"], deep["difference"]) == ("not_run", "", "")
    assert by_method[("Other", "s")]["status"] == "quoted"
    assert by_method[("Ours", "t")]["published"] == "" and by_method[("Ours", "t")]["ours"] == "76.000000"
    assert by_method[("without Multi-MLP (one shared head)", "")]["status"] == "not_run"
    text = (made.inputs.out / "tables" / "one.md").read_text()
    assert "not run" in text and "not recovered" in text and "quoted only" in text and "not attempted" in text


def test_difference_rounding_and_agreement(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(200, 152), selections=("last", "best_test"))
    ours = [row for row in rows_of(made) if row["method"] == "Ours" and row["setting"] == "s"]
    assert [row["selection"] for row in ours] == ["last", "best_test"]
    assert float(ours[0]["difference"]) == pytest.approx(1.0) and float(ours[1]["difference"]) == pytest.approx(1.5)
    assert ours[0]["published_half_width"] == "0.05" and ours[0]["published_within_interval"] == "yes"


def test_synthetic_data_are_not_compared_with_the_paper(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "demo", "synthetic")
    made.accuracy("mm_point", outcomes(200, 152))
    ours = next(row for row in rows_of(made) if row["method"] == "Ours")
    assert ours["ours"] and not ours["difference"] and not ours["published_within_interval"]
    assert "other data" in (made.inputs.out / "tables" / "one.md").read_text()


def test_a_row_of_another_encoder_does_not_count(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("crosspoint", outcomes(200, 120), encoder="pointnet")
    assert next(row for row in rows_of(made) if row["method"] == "Deep")["status"] == "not_run"
    deep = Fabricated(tmp_path / "deep")
    deep.accuracy("crosspoint", outcomes(200, 120), encoder="dgcnn")
    row = next(row for row in rows_of(deep) if row["method"] == "Deep")
    assert row["status"] == "measured" and row["our_run"].startswith("dgcnn")


def test_the_preferred_experiment_wins(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(200, 152))
    made.accuracy("mm_point_dgcnn", outcomes(200, 160), encoder="dgcnn")
    rows = rows_of(made)
    assert next(row for row in rows if row["method"] == "Ours")["experiment"] == "mm_point_dgcnn"
    assert [row["experiment"] for row in rows if row["evidence"] == "ours_only"] == ["mm_point"]


def test_rows_of_ours_may_be_of_some_data_sets_alone(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for dataset in ("modelnet40", "modelnet10"):
        made.accuracy("single_view", outcomes(200, 120), dataset=dataset)
    made.published(ROWS)
    for own, shown in (("own: all", 2), ("own: all\n    own_datasets: [modelnet10]", 1)):
        made.report(REPORT.replace("own: all", own))
        tables.build_one(made.material, "one")
        rows = csv.DictReader(io.StringIO((made.inputs.out / "tables" / "one.csv").read_text()))
        found = [row["dataset"] for row in rows if row["experiment"] == "single_view"]
        assert len(found) == shown and "modelnet10" in found[0]


def test_each_cell_shows_the_experiment_that_is_evaluated_on_its_data_set(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for dataset in ("modelnet40", "shapenet"):
        made.run(f"tuned_{dataset}")
        made.expect(f"tuned_{dataset}", dataset)
    made.report(
        REPORT.replace("[mm_point_dgcnn, mm_point]", "[tuned_modelnet40, tuned_shapenet]").replace(
            "ModelNet40: modelnet40", "ModelNet40: modelnet40, ShapeNet: shapenet, Scans: scanobjectnn_obj_bg"
        )
    )
    made.published([("one", "Ours", name, "s", "accuracy", "75", "abstract") for name in ("ModelNet40", "ShapeNet")])
    tables.build_one(made.material, "one")
    rows = csv.DictReader(io.StringIO((made.inputs.out / "tables" / "one.csv").read_text()))
    found = [(row["dataset"], row["experiment"], row["status"]) for row in rows if row["published"]]
    assert found == [("ModelNet40", "tuned_modelnet40", "not_run"), ("ShapeNet", "tuned_shapenet", "not_run")]


def test_a_row_of_one_data_set_stands_for_no_other(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report(
        """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40, ModelNet10: modelnet10}
tables:
  - id: one
    title: One
    published: [one]
    metrics: [{published: accuracy, protocol: linear_svm, metric: overall_accuracy}]
    match:
      - {method: Ours, dataset: ModelNet40, experiments: [mm_point]}
      - {method: Ours, dataset: ModelNet10, experiments: [crosspoint]}
"""
    )
    made.published([("one", "Ours", name, "", "accuracy", "70", "paper") for name in ("ModelNet40", "ModelNet10")])
    made.accuracy("mm_point", outcomes(200, 152))
    tables.build_one(made.material, "one")
    rows = list(csv.DictReader(io.StringIO((made.inputs.out / "tables" / "one.csv").read_text())))
    assert [(row["status"], row["experiment"]) for row in rows[:2]] == [
        ("measured", "mm_point"),
        ("not_run", "crosspoint"),
    ]


def test_many_earlier_trainings_are_counted(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.run("folds")
    for area in (1, 2):
        made.need("folds", f"area_{area}", f"fold_{area}")
    assert describe_run("folds", made.inputs).endswith("6 epochs, area_1 from fold_1, area_2 from fold_2")
    made.need("folds", "area_3", "fold_3")
    assert describe_run("folds", made.inputs).endswith("6 epochs, from 3 trainings")


def test_mean_and_interval_over_seeds(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for seed, right in ((1, 150), (2, 160)):
        made.accuracy("mm_point", outcomes(200, right, seed), seed)
    ours = next(row for row in rows_of(made) if row["method"] == "Ours")
    assert float(ours["ours"]) == pytest.approx(77.5) and ours["n_seeds"] == "2" and ours["basis"] == "items and seeds"
    assert float(ours["ci_low"]) < 77.5 < float(ours["ci_high"])


def test_every_published_cell_of_the_paper_has_its_place(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    report = load_report_spec(made.inputs.report_yaml)
    cells = read_published(made.inputs.published_csv)
    assert len(cells) == 319
    assert {cell.table for cell in cells} == {name for table in report.tables for name in table.published}
    for table in report.tables:
        rows = {(cell.method, cell.setting) for cell in cells if cell.table in table.published}
        for match in table.match:
            assert any(match.method == m and match.setting in (None, s) for m, s in rows), (table.id, match)


def test_every_experiment_named_in_the_report_exists(tmp_path: Path, repository: Path) -> None:
    known = validate(Paper, load_yaml(repository / paper_yaml("mm_point")), "paper.yaml").experiments
    report = load_report_spec(Fabricated(tmp_path).inputs.report_yaml)
    named = {name for table in report.tables for match in table.match for name in match.experiments}
    assert named <= set(known)


def test_an_unknown_table_names_the_nearest(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'linear_svm'"):
        tables.build_one(made.material, "linear_smv")


CHANCE = REPORT.replace(
    "metric: overall_accuracy}]", "metric: overall_accuracy, chance: {details: [num_classes], k: 5}}]"
)


def guessed(made: Fabricated, details: dict[str, object], dataset: str = "modelnet40") -> None:
    values = outcomes(200, 150)
    interval = binomial_interval(150, 200)
    record = record_from_interval("overall_accuracy", interval)
    result = ProtocolResult((record,), {"overall_accuracy__last": values}, made.names(200), details)
    made.write(result, "mm_point", 1, dataset, "linear_svm")


def chance_rows(made: Fabricated, report: str) -> list[dict[str, str]]:
    made.report(report)
    made.published(ROWS)
    tables.build_one(made.material, "one")
    rows = csv.DictReader(io.StringIO((made.inputs.out / "tables" / "one.csv").read_text()))
    return [row for row in rows if row["method"] == "chance"]


def test_chance_has_a_row_per_data_set(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    guessed(made, {"num_classes": 40})
    guessed(made, {"num_classes": 3}, "modelnet10")
    rows = chance_rows(made, CHANCE)
    assert [(row["dataset"], float(row["ours"]), row["basis"]) for row in rows] == [
        ("modelnet10", 100.0, "exact"),
        ("ModelNet40", 12.5, "exact"),
    ]
    assert all(row["experiment"] == "" and row["n_seeds"] == "0" and row["n_items"] == "200" for row in rows)
    assert "| chance |" in (made.inputs.out / "tables" / "one.md").read_text()


def test_chance_in_percent_as_the_protocol_gives_it(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    guessed(made, {"search": {"chance": {"p10": 7.25}}})
    given = CHANCE.replace("{details: [num_classes], k: 5}", "{details: [search, chance, p10]}")
    assert [float(row["ours"]) for row in chance_rows(made, given)] == [7.25]


def test_a_protocol_that_does_not_say_what_chance_is_gets_no_row(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    guessed(made, {"num_classes": "many"})
    assert not chance_rows(made, CHANCE)


def test_of_several_data_sets_the_one_that_is_evaluated_on_stands_for_the_published_name(tmp_path: Path) -> None:
    several = REPORT.replace("{ModelNet40: modelnet40}", "{ModelNet40: [release, modelnet40]}")
    made = Fabricated(tmp_path / "a")
    made.report(several)
    made.published(ROWS)
    made.accuracy("mm_point", outcomes(200, 152))
    tables.build_one(made.material, "one")
    text = (made.inputs.out / "tables" / "one.csv").read_text()
    ours = next(row for row in csv.DictReader(io.StringIO(text)) if row["method"] == "Ours")
    assert ours["status"] == "measured" and float(ours["ours"]) == 76.0
    other = Fabricated(tmp_path / "b")
    other.report(several)
    other.published(ROWS)
    other.accuracy("mm_point", outcomes(200, 100), dataset="release")
    other.accuracy("mm_point", outcomes(200, 152))
    tables.build_one(other.material, "one")
    text = (other.inputs.out / "tables" / "one.csv").read_text()
    ours = next(row for row in csv.DictReader(io.StringIO(text)) if row["method"] == "Ours")
    assert float(ours["ours"]) == 50.0, "the first of several that are evaluated on"


def test_a_run_names_its_teachers(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for name, teacher in (("pupil", "assistant"), ("assistant", "master"), ("master", None)):
        made.run(name)
        if teacher is not None:
            made.need(name, "teacher", teacher)
    assert describe_run("pupil", made.inputs).endswith("6 epochs, taught by assistant and master")
    assert "taught" not in describe_run("master", made.inputs)


def test_a_run_without_epochs_was_fitted_and_has_no_spread_over_seeds(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for name in ("fitted", "trained", "random_init"):
        made.run(name)
    made.runs["fitted"]["training"]["epochs"] = 0
    assert describe_run("fitted", made.inputs) == "pointnet, fitted on modelnet40 (real)"
    assert describe_run("trained", made.inputs) == "pointnet, trained on modelnet40 (real), 6 epochs"
    assert made.inputs.trained == {"trained"}


def test_the_front_page_tells_rows_apart_by_the_columns_asked_for(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(200, 152))
    made.published(ROWS)
    made.report(REPORT.replace("headline: one", "headline: one\nheadline_columns: [setting, metric]"))
    build_part(made.inputs, "pages")
    page = (made.inputs.out / "README.md").read_text()
    assert "| method | data set | setting | metric | published |" in page
    assert "| Ours | ModelNet40 | s | accuracy | 75.0 ±0.05 |" in page

"""The whole report: the contract, determinism, damaged inputs."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.reporting.fabricate import Fabricated, demo_like, outcomes

from concord3d.errors import ConfigError, ReportingError, UnreadableFile
from concord3d.files import read_json, write_json
from concord3d.protocols.evaluation.results import ProtocolResult, Record
from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.material import Material
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.parts import figures, tables
from concord3d.reporting.report import build_report
from concord3d.reporting.report_part import build_part
from concord3d.reporting.specs.output_files import PARTS, html_pages, report_outputs
from concord3d.reporting.specs.report_spec import load_report_spec

DESIGN_COLUMNS = (
    "experiment, variant, seed, scale, data_kind, dataset, protocol, metric, value, "
    "n_items, ci_low, ci_high, selection, unit"
)
PAGES = {"metrics.csv", "details.json", "histories.csv", "claims.json", "audit.csv", "ledger.md", "README.md"}
PAGES |= {"page_facts.json", "headline.json", "headline.csv", "appendix.md"}
FIGURES = (
    "f3_mutual_information",
    "f4_views",
    "f5_tsne",
    "f6_components",
    "f7_part_segmentation",
    "f8_published_against_rerun",
    "f10_length",
    "f9_cost",
    "seeds",
)


def tree(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def known_files(made: Fabricated) -> set[str]:
    path = made.inputs.report_yaml
    return PAGES | set(report_outputs(path, "tables")) | set(report_outputs(path, "figures"))


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Fabricated:
    made = demo_like(tmp_path_factory.mktemp("reported"), seeds=(1,))
    build_report(made.inputs)
    return made


def test_the_contract(reported: Fabricated) -> None:
    out = reported.inputs.out
    assert known_files(reported) <= set(tree(out))
    header, *rows = (out / "metrics.csv").read_text().splitlines()
    assert header == DESIGN_COLUMNS.replace(", ", ",")
    assert len(rows) == sum(len(e.measurements) for e in load_results(reported.inputs).evaluations)
    for claim in json.loads((out / "claims.json").read_text()):
        keys = {"id", "text", "lhs", "relation", "rhs", "difference", "ci_low", "ci_high"}
        keys |= {"n_items", "n_seeds", "verdict", "scope"}
        assert keys <= set(claim) and claim["scope"] == "synthetic"
    assert all(row.rpartition(",")[2] for row in rows), "every number has a unit"
    stored = np.load(out / "per_item" / "mm_point__linear_svm__s1.npz", allow_pickle=False)
    assert stored["modelnet40__overall_accuracy__last"].shape == stored["modelnet40__item_names"].shape
    assert read_json(out / "provenance" / "mm_point__s1.json")["git_commit"] == "0" * 40


def test_the_front_page_says_what_is_missing(reported: Fabricated) -> None:
    page = (reported.inputs.out / "README.md").read_text()
    assert "1 evaluations asked for have no result" in page and "**One seed**" in page
    assert "not the paper's numbers" in page and "not run" in page
    assert "have 319 published or expected cells" in page and "0 of these were tested on real data" in page
    assert "Not testable at this scale: " in page and "1 not testable at this scale" in page
    assert " of the paper: " in page and "'papers=[mm_point]' -- artifacts/demo/mm_point/eval/" in page
    ledger = (reported.inputs.out / "ledger.md").read_text()
    assert ledger.index("## Not reproduced") < ledger.index("## Deviations") < ledger.index("## Hyper-parameters")
    assert "| 1 | random_init | 1 | occupancy_knn on modelnet40 | not run |" in ledger
    assert "`objective.temperature` | 0.1" in ledger and "lineage" in ledger


def test_every_link_of_the_front_page_leads_somewhere(reported: Fabricated, repository: Path) -> None:
    import re

    for link in re.findall(r"\]\(([^)]+)\)", (reported.inputs.out / "README.md").read_text()):
        # A page lies three folders deep: results/<scale>/<paper>.
        above = link.removeprefix("../../../")
        assert (reported.inputs.out / link if above == link else repository / above).is_file(), link


def test_no_cell_is_unlabeled(reported: Fabricated) -> None:
    made = reported
    tables = made.inputs.out / "tables"
    names = [table.id for table in load_report_spec(made.inputs.report_yaml).tables]
    for name in names:
        markdown, latex = (tables / f"{name}.md").read_text(), (tables / f"{name}.tex").read_text()
        assert "scale: demo; data_kind: " in markdown
        assert r"scale: demo; data\_kind: " in latex
        assert r"\bottomrule" in latex or "no value is published or measured" in latex
        with (tables / f"{name}.csv").open() as stream:
            for row in csv.DictReader(stream):
                assert row["scale"] == "demo" and row["data_kind"] in ("synthetic", "none")
                assert (row["data_kind"] == "synthetic") == bool(row["ours"])
    for page in ("README.md", "ledger.md"):
        assert "scale: demo; data_kind: synthetic" in (made.inputs.out / page).read_text()
    with (made.inputs.out / "metrics.csv").open() as stream:
        assert {(row["scale"], row["data_kind"]) for row in csv.DictReader(stream)} == {("demo", "synthetic")}


@pytest.mark.parametrize("name", FIGURES)
def test_scale_and_data_kind_are_stamped_inside_every_figure(reported: Fabricated, name: str) -> None:
    figures = reported.inputs.out / "figures"
    text = (figures / f"{name}.svg").read_text()
    assert (figures / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "scale: demo" in text and "data_kind: " in text and "<dc:date>" not in text
    if name not in ("f7_part_segmentation", "f8_published_against_rerun", "f10_length"):
        assert "data_kind: synthetic" in text


def test_maps_carry_their_numbers(reported: Fabricated) -> None:
    text = (reported.inputs.out / "figures" / "f5_tsne.svg").read_text()
    assert "silhouette 0.21, purity 75 %" in text


def test_two_builds_are_byte_identical(reported: Fabricated, tmp_path: Path) -> None:
    again = replace(reported.inputs, out=tmp_path / "elsewhere")
    random.seed(99)
    np.random.default_rng(99)
    build_report(again)
    assert tree(again.out) == tree(reported.inputs.out)
    text = "".join(path.read_text() for path in again.out.rglob("*") if path.suffix in (".md", ".csv", ".json", ".svg"))
    assert str(tmp_path) not in text and str(reported.root) not in text


def test_the_parts_equal_the_whole(reported: Fabricated, tmp_path: Path) -> None:
    inputs = replace(reported.inputs, out=tmp_path / "parts")
    report = load_report_spec(inputs.report_yaml)
    assert tuple(figure.id for figure in report.figures) == FIGURES
    tables.build_one(Material(inputs), report.tables[0].id)
    figures.build_one(Material(inputs), "f8_published_against_rerun")
    whole = tree(reported.inputs.out)
    assert {name: whole[name] for name in tree(inputs.out)} == tree(inputs.out)
    html = tree(inputs.html)
    shutil.rmtree(inputs.html)
    for part in PARTS:
        build_part(inputs, part)
    assert tree(inputs.out) == whole
    assert set(html_pages(reported.paper)) == set(html) and tree(inputs.html) == html
    with pytest.raises(ConfigError, match="did you mean 'verdicts'"):
        build_part(inputs, "verdict")


def test_a_damaged_file_leaves_the_earlier_report_as_it_was(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(50, 30))
    made.history("mm_point", [1.0, 2.0])
    build_report(made.inputs)
    before = tree(made.inputs.out)
    made.accuracy("mm_point", outcomes(50, 31), seed=2)
    (made.root / "artifacts" / "train" / "mm_point__s1" / "train.json").write_text('{"history": ')
    with pytest.raises(UnreadableFile, match=r"train\.json"):
        build_report(made.inputs)
    assert tree(made.inputs.out) == before


def test_nothing_run_still_gives_every_file(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "paper")
    made.expect("mm_point")
    build_report(made.inputs)
    out = made.inputs.out
    assert known_files(made) <= set(tree(out))
    assert (out / "metrics.csv").read_text().count("\n") == 1
    assert "none (nothing was run)" in (out / "README.md").read_text()
    assert {claim["verdict"] for claim in read_json(out / "claims.json")} == {"not_run"}
    for name in FIGURES:
        text = (out / "figures" / f"{name}.svg").read_text()
        if name == "f8_published_against_rerun":
            assert "none of ours" in text
        else:
            assert "nothing to draw at scale" in text and "data_kind: none" in text


def test_files_of_another_configuration_are_no_results(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(50, 30))
    made.accuracy("single_view", outcomes(50, 30))
    made.history("single_view", [1.0, 2.0])
    made.expected = [job for job in made.expected if job.experiment == "mm_point"]
    assert {e.job.experiment for e in load_results(made.inputs).evaluations} == {"mm_point"}
    assert not load_results(made.inputs).histories


def test_choices_and_histories_stand_beside_the_metrics(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(50, 30))
    record = Record("overall_accuracy", 60.0, 50, 50.0, 70.0)
    details = {"cost": 0.1, "cross_validation": {"accuracy_by_cost": {"0.1": 61.0, "1": 60.0}}}
    items = {"overall_accuracy__last": outcomes(50, 30)}
    made.write(ProtocolResult((record,), items, made.names(50), details), "crosspoint", 2, "modelnet40", "linear_svm")
    made.history("mm_point", [1.0, 2.0])
    build_part(made.inputs, "metrics")
    entries = read_json(made.inputs.out / "details.json")
    job = {"experiment": "crosspoint", "dataset": "modelnet40", "protocol": "linear_svm", "seed": 2}
    assert {**job, "details": details} in entries and len(entries) == 2
    lines = (made.inputs.out / "histories.csv").read_text().splitlines()
    assert lines[0] == "experiment,seed,epoch,figure,value"
    assert (
        "mm_point,1,3,held_out.information_inter,2.000000" in lines
        and "mm_point,1,1,held_out.information_num_objects,256" in lines
    )


def test_stale_per_item_files_go(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(50, 30))
    stale = made.inputs.out / "per_item" / "gone__linear_svm__s1.npz"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")
    build_part(made.inputs, "metrics")
    assert not stale.exists()


def test_a_training_without_a_record_says_so(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.history("mm_point", [1.0, 2.0], provenance=False)
    build_part(made.inputs, "pages")
    assert "no record" in read_json(made.inputs.out / "provenance" / "mm_point__s1.json")["missing"]


def test_metrics_without_items_add_the_spread_of_seeds_to_that_of_items(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for seed, value in ((1, 6.0), (2, 6.2), (3, 6.4)):
        record = Record("median_rank", value, 10, value - 0.1, value + 0.1, unit="rank")
        made.write(ProtocolResult((record,)), "mm_point", seed, "s3dis", "retrieval")
    estimate = load_results(made.inputs).estimate(Address("mm_point", "s3dis", "retrieval", "median_rank"))
    assert estimate is not None and estimate.interval.basis == "items and seeds" and estimate.unit == "rank"
    of_seeds, of_items = 0.2**2 / 3, (0.1 / 1.959964) ** 2
    freedom = (of_seeds + of_items) ** 2 / (of_seeds**2 / 2)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(of_seeds + of_items)
    assert (estimate.interval.low, estimate.interval.high) == pytest.approx((6.2 - half, 6.2 + half))


def test_the_spread_of_seeds_is_that_of_all_trained_experiments(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for name in "abcdef":
        for seed in (1, 2):
            made.accuracy(name, outcomes(200, 150 if (name, seed) == ("a", 2) else 140, seed), seed)
    address = Address("a", "modelnet40", "linear_svm", "overall_accuracy")
    alone = load_results(replace(made.inputs, runs={})).estimate(address)
    runs = {name: {"pretrain": {"dataset": "shapenet"}} for name in "abcde"} | {"f": {"pretrain": None}}
    inputs = replace(made.inputs, runs=runs)
    found = load_results(inputs)
    together = found.estimate(address)
    assert alone is not None and together is not None and alone.interval.value == together.interval.value
    assert together.interval.high - together.interval.low < 0.7 * (alone.interval.high - alone.interval.low)


def test_intervals_of_percentages_end_at_100(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for seed, right in ((1, 200), (2, 180)):
        made.accuracy("mm_point", outcomes(200, right), seed)
    estimate = load_results(made.inputs).estimate(Address("mm_point", "modelnet40", "linear_svm", "overall_accuracy"))
    assert estimate is not None and 0.0 <= estimate.interval.low < 90 < 95 < estimate.interval.high <= 100.0


def damaged(made: Fabricated, **changes: object) -> None:
    path = next((made.root / "artifacts" / "eval").glob("*.json"))
    write_json(path, {**read_json(path), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": "demo"}, "another scale"),
        ({"data_kind": "imagined"}, "no data kind"),
        ({"experiment": "crosspoint"}, "another name"),
        ({"records": []}, "no records"),
        ({"records": [{"metric": "overall_accuracy"}]}, "lacks columns"),
    ],
)
def test_contradictory_results_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(50, 30))
    damaged(made, **changes)
    with pytest.raises(ReportingError, match=message):
        load_results(made.inputs)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"value": 61.0}, "not the mean of its outcomes"),
        ({"value": 99.0}, "outside its own interval"),
        ({"value": 160.0, "ci_high": 170.0}, "no percentage"),
        ({"selection": "luckiest"}, "Unknown selection rule"),
    ],
)
def test_contradictory_records_are_refused(tmp_path: Path, record: dict[str, object], message: str) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(50, 30))
    path = next((made.root / "artifacts" / "eval").glob("*.json"))
    records = read_json(path)["records"]
    records[0] |= record
    damaged(made, records=records)
    with pytest.raises(ReportingError, match=message):
        load_results(made.inputs)


def partly(made: Fabricated, experiment: str, missing: list[int], n_items: int, seed: int = 1) -> None:
    """Write outcomes of 50 items, 30 of them right, some of which take no part in the metric."""
    values = outcomes(50, 30, seed)
    values[missing] = np.nan
    kept = values[~np.isnan(values)]
    record = Record("recall", 100 * kept.mean(), n_items, 0.0, 100.0)
    result = ProtocolResult((record,), {"recall__last": values}, made.names(50))
    made.write(result, experiment, seed, "modelnet40", "retrieval")


def test_items_that_take_no_part_in_a_metric_do_not_count(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    for seed in (1, 2):
        partly(made, "mm_point", [3, 7], 48, seed)
    results = load_results(made.inputs)
    address = Address("mm_point", "modelnet40", "retrieval", "recall")
    found, names = results.outcomes(address)
    assert len(names) == 48 and "item_0003" not in names and all(np.isfinite(v).all() for v in found.values())
    estimate = results.estimate(address)
    assert estimate is not None and estimate.interval.num_items == 48 and estimate.interval.num_seeds == 2
    build_part(made.inputs, "metrics")
    stored = np.load(made.inputs.out / "per_item" / "mm_point__retrieval__s1.npz", allow_pickle=False)
    assert np.isnan(stored["modelnet40__recall__last"]).sum() == 2, "what was not asked stays visible"


def test_a_count_that_does_not_fit_the_outcomes_is_refused(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    partly(made, "mm_point", [3, 7], 50)
    with pytest.raises(ReportingError, match="other items than it counts"):
        load_results(made.inputs)


def test_seeds_that_leave_out_different_items_are_refused(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    partly(made, "mm_point", [3, 7], 48, 1)
    partly(made, "mm_point", [3, 8], 48, 2)
    with pytest.raises(ReportingError, match="different items"):
        load_results(made.inputs).outcomes(Address("mm_point", "modelnet40", "retrieval", "recall"))


def test_outcomes_without_a_single_item_are_refused(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(50, 30))
    path = next((made.root / "artifacts" / "eval").glob("*.npz"))
    for values in (np.full(50, np.nan), np.full(50, np.inf), np.zeros(49)):
        np.savez(path, item_names=np.array(made.names(50)), overall_accuracy__last=values)
        with pytest.raises(ReportingError, match="unusable"):
            load_results(made.inputs)


def test_damaged_files_are_named_and_earlier_results_stay(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.accuracy("mm_point", outcomes(50, 30))
    build_part(made.inputs, "metrics")
    before = tree(made.inputs.out)
    path = next((made.root / "artifacts" / "eval").glob("*.npz"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UnreadableFile) as caught:
        build_part(made.inputs, "metrics")
    assert path.name in str(caught.value) and tree(made.inputs.out) == before
    path.with_suffix(".json").write_text('{"experiment": ')
    with pytest.raises(UnreadableFile):
        build_part(made.inputs, "metrics")


def test_a_report_file_of_another_paper_is_refused(tmp_path: Path) -> None:
    made = Fabricated(tmp_path)
    made.report("paper: other\nheadline: one\ntables: [{id: one, title: One}]\n")
    with pytest.raises(ReportingError, match="another paper"):
        tables.build_one(made.material, "one")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paper: mm_point\nheadline: two\ntables: [{id: one, title: One}]\n", "unknown table 'two'"),
        ("paper: mm_point\nheadline: one\ntables: [{id: one, title: a}, {id: one, title: b}]\n", "stand twice"),
        ("paper: mm_point\nheadline: one\ntables: [{id: one, titel: One}]\n", "did you mean 'title'"),
    ],
)
def test_a_wrong_report_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    made = Fabricated(tmp_path)
    made.report(text)
    with pytest.raises(ConfigError, match=message):
        load_report_spec(made.inputs.report_yaml)


def test_metrics_are_sorted(reported: Fabricated) -> None:
    with (reported.inputs.out / "metrics.csv").open() as stream:
        keys = [
            (r["experiment"], r["dataset"], r["protocol"], r["metric"], r["selection"], int(r["seed"]))
            for r in csv.DictReader(stream)
        ]
    assert keys == sorted(keys)

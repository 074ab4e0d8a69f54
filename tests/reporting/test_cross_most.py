"""The whole report of Cross-MoST from fabricated results: nothing is passed, dropped or shown without its caveat."""

from __future__ import annotations

import csv

import pytest
from tests.reporting.evidence.test_reconstructions import stored
from tests.reporting.fabricate import Fabricated, two_branches_like
from tests.reporting.pages.test_given_labels import given
from tests.reporting.test_report import known_files, tree

from concord3d.config.strict_yaml import load_yaml
from concord3d.files import read_json
from concord3d.reporting.report import build_report
from concord3d.world.datasets import find_family


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Fabricated:
    made = two_branches_like(tmp_path_factory.mktemp("cross_most"))
    given(made, 6)
    stored(made, "cross_most_modelnet40", with_points=False)
    build_report(made.inputs)
    return made


def table(made: Fabricated, name: str) -> list[dict[str, str]]:
    with (made.inputs.out / "tables" / f"{name}.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_every_file_is_there(reported: Fabricated) -> None:
    assert known_files(reported) <= set(tree(reported.inputs.out))


def test_each_published_cell_stands_beside_the_experiment_of_its_data_set(reported: Fabricated) -> None:
    rows = [row for row in table(reported, "main") if row["evidence"] == "not_recovered"]
    assert len(rows) == 48 and not any(row["published"] for row in rows), "no accuracy of the paper is known"
    measured = {(row["method"], row["experiment"]) for row in rows if row["status"] == "measured"}
    assert measured == {
        ("zero-shot", "zero_shot_modelnet40"),
        ("zero-shot", "zero_shot_redwood"),
        ("self-training baseline", "st_shared_modelnet40"),
        ("self-training baseline", "st_shared_redwood"),
        ("Cross-MoST", "cross_most_modelnet40"),
        ("Cross-MoST", "cross_most_redwood"),
    }
    co3d = {row["experiment"] for row in rows if row["dataset"] == "CO3D"}
    assert co3d == {"zero_shot_co3d", "st_shared_co3d", "cross_most_co3d"}, "an absent one is named as itself"


def test_both_branches_have_their_own_rows(reported: Fabricated) -> None:
    rows = [row for row in table(reported, "main") if row["experiment"] == "cross_most_modelnet40"]
    numbers = {row["setting"]: float(row["ours"]) for row in rows}
    assert numbers["image branch"] > numbers["point cloud branch"] > 0


def test_claims_rest_on_what_was_run(reported: Fabricated) -> None:
    claims = {claim["id"]: claim for claim in read_json(reported.inputs.out / "claims.json")}
    assert [*claims] == [f"C{n}" for n in range(1, 17)] + [f"K{n}" for n in range(1, 13)]
    assert claims["C10"]["verdict"] == "not_testable" and "no photographs" in claims["C10"]["details"]
    assert claims["C1"]["num_measured"] == 4, "two branches on two sets"
    assert claims["C5"]["verdict"] == "not_run" and claims["C12"]["verdict"] == "not_run"
    assert claims["C1"]["verdict"] == claims["C2"]["verdict"] == claims["C3"]["verdict"] == "not_run", "of six sets"
    assert {claims[name]["verdict"] for name in ("K10", "K11")} <= {"holds", "fails", "undecided"}
    assert claims["K12"]["verdict"] == "not_testable", "there are no real clouds"
    assert {claims[name]["scope"] for name in ("C4", "K10", "K11")} == {"synthetic"}


def test_the_page_shows_labels_and_says_what_is_not_known(reported: Fabricated) -> None:
    text = (reported.inputs.out / "README.md").read_text()
    appendix = (reported.inputs.out / "appendix.md").read_text()
    assert "## Pseudo-labels" in appendix and "| 60.0 % | 50.0 % |" in appendix and "Pseudo-labels" not in text
    assert "figures/f1_method.png" in text and "figures/f8_reconstructions.png" in text
    ledger = (reported.inputs.out / "ledger.md").read_text()
    assert "could not be read" in ledger and "photographs of Redwood and CO3D" in ledger
    said = read_json(reported.inputs.out / "figures" / "in_words.json")
    assert set(said) == {"f10_thresholds", "f4_maps", "f7_sweeps_points", "f7_sweeps_pictures"}


def test_results_alone_can_tell_of_the_labels(reported: Fabricated) -> None:
    facts = read_json(reported.inputs.out / "page_facts.json")
    assert list(facts["labels"]) == ["cross_most_modelnet40__s1"]


def test_the_classes_of_co3d_that_the_world_lacks_are_named(reported: Fabricated) -> None:
    deviations = load_yaml(reported.inputs.report_yaml)["ledger"]["deviations"]
    [told] = [entry["ours"] for entry in deviations if entry["what"] == "classes of CO3D"]
    layout = find_family("co3d").layouts["co3d"]
    assert told == f"the {len(layout.categories)} that the world has shapes of; it lacks {', '.join(layout.lacking)}"

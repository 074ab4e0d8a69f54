"""The whole report of MM-Mixing from fabricated results: nothing is passed, dropped or shown without its caveat."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.reporting.evidence.test_mixed_clouds import arrays
from tests.reporting.fabricate import Fabricated, mixing_like
from tests.reporting.test_report import known_files, tree

from concord3d.files import read_json
from concord3d.reporting.report import build_report
from concord3d.reporting.report_part import build_part


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Fabricated:
    made = mixing_like(tmp_path_factory.mktemp("mixing"))
    folder = made.root / "artifacts" / "figures"
    folder.mkdir(parents=True)
    np.savez(folder / "mixed_clouds.npz", **arrays())
    names = made.names(160)
    np.savez(folder / "pictures__objaverse_lvis.npz", names=np.array(names), images=np.zeros((160, 8, 8, 3), np.uint8))
    build_report(made.inputs)
    return made


def table(made: Fabricated, name: str) -> list[dict[str, str]]:
    with (made.inputs.out / "tables" / f"{name}.csv").open() as stream:
        return list(csv.DictReader(stream))


def claims(made: Fabricated) -> dict[str, dict]:
    return {claim["id"]: claim for claim in read_json(made.inputs.out / "claims.json")}


def test_every_file_is_there(reported: Fabricated) -> None:
    assert known_files(reported) <= set(tree(reported.inputs.out))


def test_published_rows_stand_beside_ours_in_their_order(reported: Fabricated) -> None:
    rows = table(reported, "t1_zero_shot")
    sources = list(dict.fromkeys(row["method"] for row in rows))
    assert sources[:2] == ["PointCLIP", "PointCLIP v2"]
    order = [
        "OpenShape-PointBERT",
        "TAMM-PointBERT",
        "OpenDlign (ViT-H-14)",
        "ULIP-2",
        "MixCon3D",
        "MM-Mixing PointBERT",
    ]
    places = [sources.index(name) for name in order]
    assert places == sorted(places)
    ours = [r for r in rows if r["method"] == "OpenShape-PointBERT" and r["status"] == "measured"]
    assert {(r["setting"], r["experiment"]) for r in ours} == {("train=ShapeNet", "baseline")}
    assert len(ours) == 9 and all(not r["difference"] for r in ours), "synthetic results are not compared"


def test_cells_never_seen_stay_not_recovered(reported: Fabricated) -> None:
    rows = [r for r in table(reported, "t1_zero_shot") if r["method"].startswith("MM-Mixing P")]
    known = {(r["dataset"], r["setting"]): r["published"] for r in rows if r["published"]}
    assert known == {
        ("ScanObjectNN OBJ_ONLY", "train=ShapeNet"): "61.9",
        ("Objaverse-LVIS", "train=Ensembled"): "51.4",
    }
    assert all(r["evidence"] == "not_recovered" for r in rows if not r["published"])
    text = (reported.inputs.out / "tables" / "t1_zero_shot.md").read_text()
    assert "assigned here by inference" in text and "not recovered" in text


def test_the_front_page_shows_the_caveat_and_chance(reported: Fabricated) -> None:
    page = (reported.inputs.out / "README.md").read_text()
    assert "says neither encoder nor training set" in page
    assert "| chance | ModelNet40 |" in page and " *51.3* |" in page
    assert (
        "full (point_bert, " in page
        and "taught by stage1" in (reported.inputs.out / "tables" / "t3_stages.md").read_text()
    )


def test_verdicts(reported: Fabricated) -> None:
    found = claims(reported)
    assert found["C14"]["verdict"] == "holds" and found["C14"]["scope"] == "paper"
    assert [part["difference"] for part in found["C14"]["parts"]] == pytest.approx([4.6, 0.8, 0.7, 1.1, 2.1])
    assert found["C2"]["verdict"] == "not_run" and found["C11"]["verdict"] == "not_run"
    assert [part["name"] for part in found["C1"]["parts"]] == ["ScanObjectNN"]
    # Every interval lies above 0, and still nothing is decided on one training.
    assert found["C13"]["verdict"] == "undecided" and len(found["C13"]["parts"]) == 5
    assert all(part["ci_low"] > 0 for part in found["C13"]["parts"])
    assert (found["C1"]["whose"], found["C7"]["whose"]) == ("paper", "ours")
    assert found["C8"]["scope"] == "synthetic" and found["C8"]["n_seeds"] == 1
    for name, missing, verdict in (
        ("C9", "against clouds alone", "not_run"),
        ("K3", "FPS mix against PointMixup", "not_run"),
        ("C3", "ensembled", "undecided"),
    ):
        assert found[name]["verdict"] == verdict, f"{name} lacks an arm"
        assert missing in found[name]["details"].partition("Not run at this scale: ")[2]
    assert {part["name"] for part in found["C12"]["parts"] if part["n_items"] == 137} == {
        "texts, against those of other shapes, Objaverse-LVIS"
    }


def test_the_page_says_on_what_a_verdict_rests(reported: Fabricated) -> None:
    page = (reported.inputs.out / "README.md").read_text()
    [partly] = [line for line in page.splitlines() if line.startswith("| C3 |")]
    assert "| **undecided** with 1 of 4 parts run | synthetic |" in partly and "1 undecided, 3 not run |" in partly
    assert "| C9 |" not in page and "Not run at this scale: C2, C4, C5, C9," in page
    assert "**not run** (-). Not judged, since" in (reported.inputs.out / "appendix.md").read_text()
    assert "Claims that this scale does not run: C2, C4, C5, C9," in (reported.inputs.out / "ledger.md").read_text()


def test_every_figure_shows_what_was_run(reported: Fabricated) -> None:
    shown = {
        "f2_zero_shot": "stage 2",
        "f3_mixed_clouds": "PointCutMix-R",
        "f4_retrieval": "a red chair",
        "f5_sweeps": "One point, no curve: this scale runs MM-Mixing, stage 2",
        "f6_consistency": "no mixing",
        "f6_consistency_margin": "no mixing",
        "f7_few_shot": "labelled shapes per class",
        "f9_budget": "clouds seen",
        "seeds": "K1",
        "f2_zero_shot_sparse": "nothing to draw at scale",
        "f8_tsne": "nothing to draw at scale",
    }
    for name, words in shown.items():
        text = (reported.inputs.out / "figures" / f"{name}.svg").read_text()
        assert words in text and "scale: demo" in text and "paper: mm_mixing" in text, name
        kind = "none" if words == "nothing to draw at scale" else "synthetic"
        assert f"data_kind: {kind}" in text, name


def test_the_audit_names_the_headline(reported: Fabricated) -> None:
    text = (reported.inputs.out / "audit.csv").read_text()
    assert "360/581 = 61.9621 cut off" in text


def test_two_builds_are_byte_identical(reported: Fabricated, tmp_path: Path) -> None:
    again = replace(reported.inputs, out=tmp_path / "again")
    for part in ("metrics", "tables", "figures", "verdicts", "pages"):
        build_part(again, part)
    assert tree(again.out) == tree(reported.inputs.out)


def test_nothing_run_still_gives_every_file(tmp_path: Path) -> None:
    made = Fabricated(tmp_path, "paper", paper="mm_mixing")
    made.expect("full", "openshape_lvis", "zero_shot")
    build_report(made.inputs)
    assert known_files(made) <= set(tree(made.inputs.out))
    verdicts = {name: claim["verdict"] for name, claim in claims(made).items()}
    assert verdicts.pop("C14") == "holds" and set(verdicts.values()) == {"not_run"}

"""Published values of CMCR: what is known, and printed numbers that follow from others (CMCR spec 5 and 6)."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from concord3d.layout import published_csv, report_yaml
from concord3d.reporting.evidence.audit import audit
from concord3d.reporting.evidence.published_values import PublishedCell, read_published
from concord3d.reporting.specs.report_spec import load_report_spec


@pytest.fixture(scope="module")
def cells(repository: Path) -> tuple[PublishedCell, ...]:
    return read_published(repository / published_csv("cmcr"))


def test_seven_numbers_of_the_paper_are_known_and_the_rest_says_that_it_is_not(
    cells: tuple[PublishedCell, ...],
) -> None:
    assert Counter(cell.evidence for cell in cells) == {"other_paper": 672, "not_recovered": 56, "third_party_index": 7}
    own = {cell.text for cell in cells if cell.method == "CMCR" and cell.text}
    assert own == {"49.86", "76.34", "52.7", "20.7", "55.36", "60.71", "53.58"}
    assert sum("INFERRED" in cell.setting for cell in cells) == 6


def test_no_dropped_digit_of_a_source_is_taken_over(cells: tuple[PublishedCell, ...]) -> None:
    corrected = {cell.text for cell in cells if "dropped digit" in cell.source}
    assert {"21.90", "22.10", "39.60"} <= corrected and not corrected & {"1.90", "2.10", "9.60"}


def corruptions(cells: tuple[PublishedCell, ...]) -> dict[tuple[str, str], dict[str, PublishedCell]]:
    """Cells of the table of corruptions by row, then by corruption or by mCE and mRR."""
    rows: dict[tuple[str, str], dict[str, PublishedCell]] = defaultdict(dict)
    for cell in cells:
        if cell.table == "robustness" and cell.text:
            way, _, rest = cell.setting.partition(";")
            corruption = rest.partition("corruption ")[2].partition(",")[0]
            rows[cell.method, way][corruption or cell.metric] = cell
    return rows


def test_mce_and_mrr_follow_from_the_corruptions_but_for_one_row(cells: tuple[PublishedCell, ...]) -> None:
    clean = {
        (cell.method, way): float(cell.text)
        for cell in cells
        for way, start in (("full fine-tuning", "fine-tuning 100%"), ("linear probing", "linear probing"))
        if cell.table == "semseg_main" and cell.dataset == "nuScenes" and cell.setting.startswith(start)
        if "ViT" not in cell.setting
    }
    rows = corruptions(cells)
    [reference] = [row for (method, _), row in rows.items() if "reference" in method]
    wrong, num_rates = {}, 0
    for name, row in rows.items():
        kinds = sorted(set(row) - {"mCE", "mRR"})
        assert len(kinds) == 8
        left = {kind: float(row[kind].text) for kind in kinds}
        errors = [(100 - left[kind]) / (100 - float(reference[kind].text)) for kind in kinds]
        found = {"mCE": 100 * sum(errors) / 8}
        if name in clean:
            found["mRR"] = 100 * sum(left.values()) / 8 / clean[name]
            num_rates += 1
        off = {
            metric: round(value, 2) for metric, value in found.items() if abs(value - float(row[metric].text)) > 0.015
        }
        wrong |= {name: off} if off else {}
    assert len(rows) == 14 and num_rates == 7
    assert wrong == {("PPKT", "full fine-tuning"): {"mCE": 105.94, "mRR": 75.96}}
    random = rows["Random init", "full fine-tuning"]
    assert (random["mCE"].text, random["mRR"].text) == ("112.20", "72.57")


def test_the_means_of_kitti_are_those_of_its_classes(cells: tuple[PublishedCell, ...]) -> None:
    rows: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for cell in cells:
        if cell.table == "detection_kitti" and cell.text:
            rows[cell.method, cell.setting][cell.metric] = float(cell.text)
    complete = [row for row in rows.values() if len(row) == 4]
    assert len(complete) == 8
    for row in complete:
        mean = (row["AP Car"] + row["AP Pedestrian"] + row["AP Cyclist"]) / 3
        assert abs(row["mAP"] - mean) <= 0.1 + 1e-9, "four numbers, rounded to a tenth each"


def test_the_audit_finds_that_sources_differ_and_nothing_impossible(
    cells: tuple[PublishedCell, ...], repository: Path
) -> None:
    found = audit(cells, load_report_spec(repository / report_yaml("cmcr")).audit)
    assert {finding.severity for finding in found} == {"disagreement", "suspicious"}
    [falling] = [finding for finding in found if finding.severity == "suspicious"]
    assert (falling.cell.method, falling.cell.dataset, falling.cell.text) == ("SLidR", "Synth4D", "62.67")
    assert {"36.4", "39.0", "38.08"} <= {finding.cell.text for finding in found}

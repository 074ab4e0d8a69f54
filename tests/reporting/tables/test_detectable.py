"""The smallest effect that a table could have detected."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.reporting.fabricate import Fabricated, outcomes

from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.parts import tables
from concord3d.reporting.tables.detectable import DetectableEffect, detectable_effect, effects_in_words

REPORT = """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40}
tables:
  - id: one
    title: One
    metrics: [{protocol: linear_svm, metric: overall_accuracy}]
    own: [mm_point, crosspoint, random_init]
    baseline: [never, crosspoint]
"""


def reported(tmp_path: Path, report: str = REPORT) -> Fabricated:
    made = Fabricated(tmp_path)
    for seed in (1, 2, 3):
        for number, name in enumerate(("mm_point", "crosspoint", "random_init")):
            made.accuracy(name, outcomes(300, 240 - 20 * number + seed, seed + number), seed)
    made.report(report)
    made.published([])
    tables.build_one(made.material, "one")
    return made


def rows_of(made: Fabricated) -> dict[str, dict[str, str]]:
    text = (made.inputs.out / "tables" / "one.csv").read_text()
    return {row["experiment"]: row for row in csv.DictReader(io.StringIO(text))}


def test_the_effect_is_two_quantiles_times_the_error_of_the_paired_difference(tmp_path: Path) -> None:
    made = reported(tmp_path)
    results = load_results(made.inputs)
    address = Address("mm_point", "modelnet40", "linear_svm", "overall_accuracy")
    effect = detectable_effect(results, address, ["crosspoint"])
    joint = results.joint([address, Address("crosspoint", "modelnet40", "linear_svm", "overall_accuracy")])
    assert effect is not None and joint is not None and effect.with_seeds
    found = joint.means.uncertainty([1, -1])
    quantiles = stats.t.ppf(0.975, found.freedom) + stats.t.ppf(0.8, found.freedom)
    assert effect.size == pytest.approx(quantiles * np.sqrt(found.variance))
    rows = rows_of(made)
    assert float(rows["mm_point"]["smallest_detectable"]) == pytest.approx(effect.size, abs=1e-6)
    assert rows["mm_point"]["baseline"] == "crosspoint"
    assert rows["crosspoint"]["baseline"] == rows["crosspoint"]["smallest_detectable"] == ""


def test_it_stands_under_the_table_in_words(tmp_path: Path) -> None:
    made = reported(tmp_path)
    sizes = sorted(float(row["smallest_detectable"]) for row in rows_of(made).values() if row["baseline"])
    sentence = (
        'Smallest effect: a true difference from "CrossPoint (our rerun)" would have been seen, with a probability of '
        f"80 %, from {sizes[0]:.1f} to {sizes[1]:.1f} points on ModelNet40."
    )
    assert (made.inputs.out / "tables" / "one.md").read_text().rstrip().endswith(sentence)
    assert r"80 \%, from" in (made.inputs.out / "tables" / "one.tex").read_text()


@pytest.mark.parametrize("baseline", ["", "    baseline: never\n"])
def test_without_a_baseline_nothing_is_said(tmp_path: Path, baseline: str) -> None:
    made = reported(tmp_path, REPORT.replace("    baseline: [never, crosspoint]\n", baseline))
    assert "Smallest effect" not in (made.inputs.out / "tables" / "one.md").read_text()
    assert all(row["baseline"] == "" for row in rows_of(made).values())


def test_units_places_and_single_seeds_are_told_apart() -> None:
    effects = [
        DetectableEffect("a", "here", "%", 3.14, True),
        DetectableEffect("a", "here", "%", 2.0, True),
        DetectableEffect("a", "there", "cosine", 0.01234, False),
        DetectableEffect("b", "here", "rank", 4.0, True),
    ]
    first, second = effects_in_words(effects, {"a": "Ours"}, str).split(". Smallest")
    assert "2.0 to 3.1 points on here; 0.012 of cosine on there, test items alone for rows with one seed" in first
    assert '"Ours"' in first and '"b"' in second and "4.0 ranks on here" in second
    assert effects_in_words([], {}, str) == ""

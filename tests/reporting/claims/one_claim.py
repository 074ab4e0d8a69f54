"""Reports of a single claim, and two arms to compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from tests.reporting.fabricate import Fabricated, outcomes

from concord3d.reporting.claims.verdicts import evaluate_claims
from concord3d.reporting.evidence.published_values import read_published
from concord3d.reporting.evidence.study_results import load_results
from concord3d.reporting.specs.report_spec import load_report_spec

HEAD = """
paper: mm_point
headline: one
datasets: {ModelNet40: modelnet40}
tables: [{id: one, title: One, metrics: [{protocol: linear_svm, metric: overall_accuracy}]}]
claims:
"""
PART = "{name: it, lhs: left, rhs: right}"


def measured(parts: str) -> str:
    """Parts that measure the accuracy of a linear SVM on ModelNet40 where they do not say otherwise."""
    found = []
    for part in yaml.safe_load(f"[{parts}]"):
        place = {} if "over" in part else {"dataset": "modelnet40"}
        found.append({**place, "protocol": "linear_svm", "metric": "overall_accuracy", **part})
    return json.dumps(found)


def claim_text(parts: str) -> str:
    """A report with one claim."""
    return HEAD + f"  - {{id: X, text: a claim, whose: ours, origin: a test, parts: {parts}}}\n"


def claims_of(made: Fabricated, parts: str) -> dict[str, Any]:
    made.report(claim_text(measured(parts)))
    spec = load_report_spec(made.inputs.report_yaml)
    return evaluate_claims(load_results(made.inputs), spec, made.inputs, read_published(made.inputs.published_csv))[0]


def two_arms(root: Path, left: int, right: int, scale: str = "small", kind: str = "real") -> Fabricated:
    """Items are nested: the worse arm is right only where the better is."""
    made = Fabricated(root, scale, kind)
    for seed in (1, 2, 3):
        made.accuracy("left", outcomes(200, left + seed), seed)
        made.accuracy("right", outcomes(200, right + seed), seed)
    return made

"""Every claim of every paper at every scale: it can hold and it can fail, or it says why it is not judged there."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.reporting.claims.extremes import addresses, extreme_results, measured_parts, nothing_measured

from concord3d.config.resolve import load_study
from concord3d.config.study import Study
from concord3d.layout import paper_scale_yaml, published_csv, report_yaml
from concord3d.reporting.claims.comparisons import PRINTED, leaves
from concord3d.reporting.claims.scale_parts import ScaleParts
from concord3d.reporting.claims.verdicts import evaluate_claims
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.published_values import PublishedCell, read_published
from concord3d.reporting.evidence.report_inputs import ReportInputs, report_inputs
from concord3d.reporting.specs.claim_spec import ClaimSpec
from concord3d.reporting.specs.report_spec import ReportSpec, RowMatch, load_report_spec

ROOT = Path(__file__).resolve().parents[3]
PAPERS = sorted(path.parent.name for path in (ROOT / "papers").glob("*/report.yaml"))
SCALES = ("demo", "small", "paper")
RUN_AT = [(paper, scale) for paper in PAPERS for scale in SCALES if (ROOT / paper_scale_yaml(paper, scale)).exists()]


@cache
def report_of(paper: str) -> ReportSpec:
    return load_report_spec(ROOT / report_yaml(paper))


@cache
def published_of(paper: str) -> tuple[PublishedCell, ...]:
    return read_published(ROOT / published_csv(paper))


@cache
def at_scale(paper: str, scale: str) -> tuple[Study, ReportInputs]:
    study = load_study(ROOT, paper, scale)
    return study, report_inputs(ROOT, study)


def judged(paper: str, scale: str, claim: ClaimSpec, results: Results) -> dict[str, Any]:
    alone = report_of(paper).model_copy(update={"claims": [claim]})
    return evaluate_claims(results, alone, at_scale(paper, scale)[1], published_of(paper))[0]


EVERY_CLAIM = [
    pytest.param(paper, scale, claim, id=f"{paper}-{scale}-{claim.id}")
    for paper, scale in RUN_AT
    for claim in report_of(paper).claims
]


@pytest.mark.parametrize(("paper", "scale", "claim"), EVERY_CLAIM)
def test_a_claim_can_hold_and_can_fail(paper: str, scale: str, claim: ClaimSpec) -> None:
    study, inputs = at_scale(paper, scale)
    best, worst = (
        judged(paper, scale, claim, extreme_results(claim, study, inputs, published_of(paper), sign))
        for sign in (1, -1)
    )
    verdicts = (best["verdict"], worst["verdict"])
    if all(part["basis"] == PRINTED for part in best["parts"]):
        return
    if verdicts == ("holds", "fails"):
        assert not any(part["verdict"] == "missing" for entry in (best, worst) for part in entry["parts"])
        return
    assert verdicts in {("not_run", "not_run"), ("not_testable", "not_testable")}, (best["details"], worst["details"])
    absent = [part for part in best["parts"] if part["essential"] and part["verdict"] == verdicts[0]]
    assert absent and all(part["reason"] for part in absent)


@pytest.mark.parametrize(("paper", "scale", "claim"), EVERY_CLAIM)
def test_before_anything_is_run_nothing_is_decided(paper: str, scale: str, claim: ClaimSpec) -> None:
    entry = judged(paper, scale, claim, nothing_measured(at_scale(paper, scale)[1]))
    if not all(part["basis"] == PRINTED for part in entry["parts"]):
        assert entry["verdict"] in ("not_run", "not_testable")


def is_judged(claim: ClaimSpec, inputs: ReportInputs) -> bool:
    """Whether a scale runs all essential parts of a claim."""
    at = ScaleParts(nothing_measured(inputs), inputs)
    return all(any(each.state == "run" for each in at.of(part)) for part in claim.parts if part.essential)


@pytest.mark.parametrize("paper", PAPERS)
def test_every_claim_is_judged_somewhere(paper: str) -> None:
    scales = [at_scale(paper, scale)[1] for name, scale in RUN_AT if name == paper]
    claims = [claim for claim in report_of(paper).claims if not any(part.unmeasured for part in claim.parts)]
    never = [claim.id for claim in claims if not any(is_judged(claim, inputs) for inputs in scales)]
    assert not never


@pytest.mark.parametrize(("paper", "scale"), RUN_AT)
def test_every_trained_row_has_the_seeds_to_decide(paper: str, scale: str) -> None:
    study, _ = at_scale(paper, scale)
    trained = [name for name in study.experiments if study.is_trained(name)]
    few = [name for name in trained if len(study.seeds_of(name)) < report_of(paper).min_seeds]
    assert not few, "one training decides nothing: give it the seeds or do not train it"


@pytest.mark.parametrize(("paper", "scale"), [(paper, scale) for paper, scale in RUN_AT if scale != "paper"])
def test_every_trained_row_decides_something(paper: str, scale: str) -> None:
    """Below paper scale a row is trained for a claim, as a measurement, as the teacher of one, or to be its control."""
    _, inputs = at_scale(paper, scale)
    empty = nothing_measured(inputs)
    serving = {
        name
        for claim in report_of(paper).claims
        if is_judged(claim, inputs)
        for part in measured_parts(claim, empty, inputs)
        for side in part.terms
        for leaf in leaves(side, part)
        for name in inputs.lineage(leaf.experiment)
    }
    assert inputs.trained <= serving, inputs.trained - serving


@pytest.mark.parametrize(("paper", "scale"), RUN_AT)
def test_a_claim_judges_the_rows_that_tables_show(paper: str, scale: str) -> None:
    """Where a table shows one experiment beside a published row, no claim judges another in its place alone."""
    report, (_, inputs) = report_of(paper), at_scale(paper, scale)
    run = {job[:3] for job in inputs.expected_jobs}
    for claim in report.claims:
        judged_here = [
            address for part in measured_parts(claim, nothing_measured(inputs), inputs) for address in addresses(part)
        ]
        for address in judged_here:
            place = (address.dataset, address.protocol)
            number = (*place, address.metric)
            rows = [
                [name for name in match.experiments if (name, *place) in run and _fits(match, name, inputs)]
                for table in report.tables
                if any((m.protocol, m.metric) == (address.protocol, address.metric) for m in table.metrics)
                for match in table.match
                if address.experiment in match.experiments
            ]
            shown = {names[0] for names in rows if names}
            others = {o.experiment for o in judged_here if (o.dataset, o.protocol, o.metric) == number}
            assert not shown or address.experiment in shown or shown & others, (claim.id, address, shown)


def _fits(match: RowMatch, experiment: str, inputs: ReportInputs) -> bool:
    return match.encoder in (None, inputs.runs[experiment]["encoder"]["name"])

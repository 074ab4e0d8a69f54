"""What a newcomer reads first of a paper: what was found, how sure it is, and what it would take to know more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from concord3d.reporting.claims.claim_words import SCOPE_WORDS
from concord3d.reporting.claims.comparisons import PRINTED
from concord3d.reporting.markdown import prose
from concord3d.reporting.specs.report_spec import ReportSpec
from concord3d.reporting.tables.cells import Table

# What the next step takes, by scale.
TAKES = {
    "smoke": "the scale `demo`: minutes on a laptop",
    "demo": "the scale `small`, real data and hours on two cores; the paper's setting takes `paper`, its data and GPUs",
    "small": "the scale `paper`: the published data and lengths of training, on GPUs",
    "paper": "more seeds",
}
_COUNTED = {"holds": "hold", "fails": "fail", "undecided": "stay undecided"}
_ONE = {"holds": "holds", "fails": "fails", "undecided": "stays undecided"}


def is_about_print(claim: Mapping[str, Any]) -> bool:
    """Whether a claim compares printed values alone."""
    return bool(claim["parts"]) and all(part["basis"] == PRINTED for part in claim["parts"])


def judged_on_measurements(claims: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the claims with a verdict that rests on what was measured."""
    return [claim for claim in claims if claim["verdict"] in _COUNTED and not is_about_print(claim)]


def in_one_line(report: ReportSpec, claims: Sequence[Mapping[str, Any]], scale: str) -> str:
    """Return what was found in a sentence or two: how many claims were judged, and what became of the main one."""
    judged = judged_on_measurements(claims)
    if not judged:
        return f"No claim could be judged on measurements of the scale `{scale}`."
    main = [_main(claim, str)[0] for claim in judged if claim["id"] == report.main_claim]
    return " ".join([_found(judged, len(claims)), *main])


def bottom_line(
    report: ReportSpec, claims: Sequence[Mapping[str, Any]], headline: Table, scale: str, num_missing: int
) -> list[str]:
    """Return the paragraph as lines of Markdown.

    Args:
        report: The paper's report file, which names its main claim.
        claims: All verdicts.
        headline: The table of the front page; its smallest effects are told.
        scale: The scale.
        num_missing: Evaluations that the scale asks for and that have no result; they come before a larger scale.
    """
    judged = judged_on_measurements(claims)
    one = "the evaluation of this scale that has no result"
    first = one if num_missing == 1 else f"the {num_missing} evaluations of this scale that have no result"
    takes = f"To know more takes {first + ', then ' if num_missing else ''}{TAKES[scale]}."
    if not judged:
        return [f"**In short.** No claim could be judged on measurements of the scale `{scale}`. {takes}", ""]
    main = next((claim for claim in judged if claim["id"] == report.main_claim), None)
    sentences = [_found(judged, len(claims)), *([] if main is None else _main(main, prose)), _missed(headline), takes]
    return [f"**In short.** {' '.join(sentence for sentence in sentences if sentence)}", ""]


def _found(judged: Sequence[Mapping[str, Any]], num_claims: int) -> str:
    verdicts = [claim["verdict"] for claim in judged]
    counts = ", ".join(f"{verdicts.count(verdict)} {words}" for verdict, words in _COUNTED.items())
    return f"{len(judged)} of {num_claims} claims could be judged on measurements of this scale: {counts}."


def _main(claim: Mapping[str, Any], written: Callable[[str], str]) -> list[str]:
    """Return what was found of the main claim, and how sure that is; ``written`` makes a page's words of it."""
    # Further sentences of a claim say how it is measured.
    text = written(str(claim["text"]).split(". ")[0].rstrip("."))
    decided_by = written(str(claim["decided_by"]))
    if claim["difference"] is None:
        return [f'The main one, "{text}", {_ONE[claim["verdict"]]}: a result is missing ({decided_by}).']
    unit = "" if claim["unit"] == "" else f" {claim['unit']}"
    digits = 1 if claim["unit"] == "points" else 3
    low, high = claim["ci_low"], claim["ci_high"]
    interval = "" if low is None else f", between {low:+.{digits}f} and {high:+.{digits}f}"
    return [
        f'The main one, "{text}", {_ONE[claim["verdict"]]}: {claim["difference"]:+.{digits}f}{unit}{interval} '
        f"({decided_by}).",
        f"The range is where 95 % of repetitions with other test items and other trainings would put it, judging from "
        f"{claim['n_seeds']} seeds, {SCOPE_WORDS[claim['scope']]}.",
    ]


def _missed(headline: Table) -> str:
    """Return which differences the headline table could not have shown."""
    found = [cell.detectable for cell in headline.cells if cell.detectable is not None]
    sizes = sorted(effect.size for effect in found if effect.unit == "%")
    if not sizes:
        return ""
    smallest = f"{sizes[0]:.0f} to {sizes[-1]:.0f} points"
    return f"Differences in the table below that are smaller than {smallest} may well be missed."

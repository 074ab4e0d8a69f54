"""What a newcomer reads first of a paper: what was found, how sure it is, and what it would take to know more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from concord3d.reporting.claims.claim_words import SCOPE_WORDS, number_text, rests_on
from concord3d.reporting.claims.comparisons import PRINTED
from concord3d.reporting.markdown import plain, prose
from concord3d.reporting.specs.report_spec import ReportSpec
from concord3d.reporting.tables.cells import Table

# What the next step takes where the report file says nothing else.
TAKES = {
    "smoke": "the scale `demo`: minutes on a laptop",
    "demo": "the scale `small`, real data and hours on two cores; the paper's setting takes `paper`, its data and GPUs",
    "small": "the scale `paper`: the published data and lengths of training, on GPUs",
    "paper": "more seeds",
}
_COUNTED = {"holds": "hold", "fails": "fail", "undecided": "stay undecided"}
# Parts of the main claim that are named.
_NUM_PARTS = 6
# By whether its trainings had converged, which is None where longer ones were not measured in every part.
_LIMITS = {
    True: "",
    False: "; not converged: trainings of this length still gain from a longer one",
    None: "; whether longer trainings would change that was not tested in every part",
}
_ONE = {"holds": "holds", "fails": "fails", "undecided": "stays undecided"}


def is_about_print(claim: Mapping[str, Any]) -> bool:
    """Whether a claim compares printed values alone."""
    return bool(claim["parts"]) and all(part["basis"] == PRINTED for part in claim["parts"])


def judged_on_measurements(claims: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the claims with a verdict that rests on what was measured."""
    return [claim for claim in claims if claim["verdict"] in _COUNTED and not is_about_print(claim)]


def in_one_line(report: ReportSpec, claims: Sequence[Mapping[str, Any]], scale: str) -> str:
    """Return what was found in a sentence or two: how many claims were judged, and what became of the main one."""
    if not judged_on_measurements(claims):
        return f"No claim could be judged on measurements of the scale `{scale}`."
    return " ".join([_counted(claims), *_main(report, claims, str)[:1]])


def bottom_line(
    report: ReportSpec, claims: Sequence[Mapping[str, Any]], headline: Table, scale: str, num_missing: int
) -> list[str]:
    """Return the paragraph, and what was found of the main claim, as lines of Markdown.

    Args:
        report: The paper's report file, which names its main claim.
        claims: All verdicts.
        headline: The table of the front page; its smallest effects are told.
        scale: The scale.
        num_missing: Evaluations that the scale asks for and that have no result; they come before a larger scale.
    """
    one = "the evaluation of this scale that has no result"
    first = one if num_missing == 1 else f"the {num_missing} evaluations of this scale that have no result"
    further = prose(report.next_step.get(scale, TAKES[scale]))
    takes = f"To know more takes {first + ', then ' if num_missing else ''}{further}."
    if not judged_on_measurements(claims):
        return [f"**In short.** No claim could be judged on measurements of the scale `{scale}`. {takes}", ""]
    main = _main(report, claims, prose)
    caution = prose(report.cautions.get(scale, ""))
    sentences = [_counted(claims), *main[:1], _other_scopes(report, claims), _missed(headline), caution, takes]
    parts = [*main[1:], ""] if main[1:] else []
    return [f"**In short.** {' '.join(sentence for sentence in sentences if sentence)}", "", *parts]


def _counted(claims: Sequence[Mapping[str, Any]]) -> str:
    """Return how many claims came to which verdict; those about printed values alone rest on no measurement."""
    verdicts = [claim["verdict"] for claim in judged_on_measurements(claims)]
    about_print = sum(is_about_print(claim) for claim in claims)
    not_judged = len(claims) - len(verdicts) - about_print
    counts = ", ".join(
        f"{verdicts.count(verdict)} {(_ONE if verdicts.count(verdict) == 1 else _COUNTED)[verdict]}"
        for verdict in _COUNTED
    )
    rest = f", {not_judged} not judged at this scale" if not_judged else ""
    print_alone = f" ({about_print} more about printed values alone)" if about_print else ""
    return f"{len(claims) - about_print} claims{print_alone}: {counts}{rest}."


def _main(report: ReportSpec, claims: Sequence[Mapping[str, Any]], written: Callable[[str], str]) -> list[str]:
    """Return a sentence on the main claim, and a line for each of its first measured parts; nothing without one.

    ``written`` makes a page's words of a text.
    """
    claim = next((claim for claim in claims if claim["id"] == report.main_claim), None)
    if claim is None:
        return []
    # Further sentences of a claim say how it is measured.
    text = written(str(claim["text"]).split(". ")[0].rstrip("."))
    measured = [part for part in claim["parts"] if part["difference"] is not None]
    # The part that decides, then those without which the claim would say something else.
    measured.sort(key=lambda part: (part["name"] != claim["decided_by"], not part["essential"]))
    lines = [f"- {plain(part['name'])}: {number_text(part)}, {part['verdict']}" for part in measured[:_NUM_PARTS]]
    more = len(measured) - _NUM_PARTS
    lines += [f"- {more} more parts"] if more > 0 else []
    if claim["verdict"] not in _COUNTED:
        why = "essential parts of it were not run" if measured else "it was not run"
        return [f'The main claim, "{text}", is not judged at this scale: {why}.', *lines]
    on = rests_on(claim["verdict"], claim["num_measured"], claim["num_parts"])
    limit = _LIMITS[claim["converged"]]
    seeds = int(claim["n_seeds"])
    several = f"test items and trainings ({seeds} seeds; all trained rows measured alike are taken to have one spread)"
    covered = "test items alone (one seed)" if seeds == 1 else several
    sentence = f'The main claim, "{text}", {_ONE[claim["verdict"]]}{on}{limit}.'
    if measured:
        sentence += f" It is {SCOPE_WORDS[claim['scope']]}; the 95 % intervals cover {covered}."
    return [sentence, *lines]


def _other_scopes(report: ReportSpec, claims: Sequence[Mapping[str, Any]]) -> str:
    """Return which verdicts reach farther or less far than that on the main claim; nothing where all reach as far."""
    judged = judged_on_measurements(claims)
    of_main = {claim["scope"] for claim in judged if claim["id"] == report.main_claim}
    sentences = []
    for scope, words in SCOPE_WORDS.items():
        named = [str(claim["id"]) for claim in judged if claim["scope"] == scope and scope not in of_main]
        sentences += [f"{', '.join(named)}: {words}."] if named else []
    return " ".join(sentences)


def _missed(headline: Table) -> str:
    """Return which differences the headline table could not have shown."""
    found = [cell.detectable for cell in headline.cells if cell.detectable is not None]
    sizes = sorted(effect.size for effect in found if effect.unit == "%")
    if not sizes:
        return ""
    ends = " to ".join(dict.fromkeys(f"{size:.1f}" for size in (sizes[0], sizes[-1])))
    return f"Differences in the headline table that are smaller than {ends} points may well be missed."

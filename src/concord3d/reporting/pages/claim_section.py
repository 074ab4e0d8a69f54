"""The section on claims: a verdict a line on the front page, every part in the appendix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from concord3d.reporting.claims.claim_words import number_text, rests_on
from concord3d.reporting.claims.comparisons import PRINTED
from concord3d.reporting.markdown import Markdown, grid, heading, plain, prose
from concord3d.reporting.pages.bottom_line import is_about_print

WORDS = {
    "holds": "HOLDS",
    "fails": "FAILS",
    "undecided": "undecided",
    "not_testable": "not testable at this scale",
    "not_run": "not run",
}
PART_WORDS = WORDS | {"holds": "holds", "fails": "fails", "missing": "no result yet"}
PLURAL_WORDS = PART_WORDS | {"holds": "hold", "fails": "fail"}
_LEGEND = (
    "**Holds**: in every part that this scale runs, the 95 % interval of the difference lies above zero, or above the "
    "number that the claim names. **Fails**: in one part it lies below, at a level corrected for the number of parts. "
    "**Undecided**: neither, or there is one training alone, or a result is missing. *Not converged*: trainings of "
    "this length still gain from a longer one; without the remark none was found to, or too few were run. "
    "Whose: the claim is the *paper*'s, *inferred* from what the paper "
    "lists or prints, or *ours*: a hypothesis or control of this reproduction. *The difference that decides* belongs "
    "to the part that fails by most; where none fails, to the undecided part whose interval reaches lowest; where all "
    "hold, to the part whose interval does. The rule, and what a scope is: "
)
# From the folder of a paper's results.
_RULE = "../../../docs/VERDICTS.md"
# Verdicts that rest on nothing.
_NOT_JUDGED = {"not_run": "Not run at this scale", "not_testable": "Not testable at this scale"}


def verdict_legend(rule: str) -> str:
    """Return what verdicts mean.

    Args:
        rule: Where the document with the whole rule lies, from the page.
    """
    return f"{_LEGEND}[docs/VERDICTS.md]({rule})."


def claim_scope(claim: Mapping[str, Any]) -> str:
    """Return how far a verdict reaches; a dash where nothing was judged."""
    if is_about_print(claim):
        return PRINTED
    return "-" if claim["verdict"] in _NOT_JUDGED else str(claim["scope"]).replace("_", " ")


def claim_remark(claim: Mapping[str, Any]) -> str:
    """Return what stands behind a verdict: the parts that it rests on, where these are not all, and what limits it."""
    if claim["verdict"] in _NOT_JUDGED:
        return ""
    parts = rests_on(claim["verdict"], claim["num_measured"], claim["num_parts"])
    return f"{parts}, not converged" if claim["converged"] is False else parts


def claim_lines(claims: Sequence[Mapping[str, Any]], appendix: str) -> list[str]:
    """Return the section of the front page: one row for each claim that was judged.

    Args:
        claims: All verdicts.
        appendix: Name of the page that has every part.
    """
    rows = [_row(claim) for claim in claims if claim["verdict"] not in _NOT_JUDGED]
    columns = ["id", "claim", "whose", "verdict", "scope", "difference that decides [95 %]", "parts"]
    lines = ["## Claims", "", *_counted(claims), "", verdict_legend(_RULE), "", *grid(columns, rows), ""]
    for verdict, words in _NOT_JUDGED.items():
        absent = [f"{claim['id']}{_failing(claim)}" for claim in claims if claim["verdict"] == verdict]
        lines += [f"{words}: {', '.join(absent)}.", ""] if absent else []
    return [*lines, f"Every part of every claim, with its numbers: [`{appendix}`]({appendix}).", ""]


def _failing(claim: Mapping[str, Any]) -> str:
    """Return which measured parts of a claim that is not judged fail, in brackets; nothing where none does."""
    names = [str(part["name"]) for part in claim["parts"] if part["verdict"] == "fails" and part["basis"] != PRINTED]
    return f" (a part that was measured fails: {plain('; '.join(names))})" if names else ""


def _row(claim: Mapping[str, Any]) -> list[str]:
    verdict = Markdown(f"**{WORDS[claim['verdict']]}**{claim_remark(claim)}")
    found = claim["decided_by"]
    if claim["difference"] is not None:
        found = f"{number_text(claim)}: {claim['decided_by']}"
    named = [str(claim["id"]), prose(claim["text"]), str(claim["whose"])]
    return [*named, verdict, claim_scope(claim), found, _parts(claim["parts"])]


def _parts(parts: Sequence[Mapping[str, Any]]) -> str:
    printed = _counts([part["verdict"] for part in parts if part["basis"] == PRINTED])
    measured = _counts([part["verdict"] for part in parts if part["basis"] != PRINTED])
    return "; ".join([*([measured] if measured else []), *([f"printed values: {printed}"] if printed else [])])


def _counts(verdicts: Sequence[str]) -> str:
    numbers = {verdict: verdicts.count(verdict) for verdict in PART_WORDS if verdict in verdicts}
    words = {
        verdict: PART_WORDS[verdict] if number == 1 else PLURAL_WORDS[verdict] for verdict, number in numbers.items()
    }
    return ", ".join(f"{number} {words[verdict]}" for verdict, number in numbers.items())


def every_part(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the section of the appendix: each claim with all that was found."""
    lines = ["## Claims, part by part", ""]
    for claim in claims:
        verdict = f"{WORDS[claim['verdict']]}{claim_remark(claim)}"
        lines += [
            heading(3, f"{claim['id']}: {prose(claim['text'])}"),
            "",
            f"**{verdict}** ({claim_scope(claim)}). {plain(claim['details'])}",
            "",
        ]
        lines += [f"Origin: {plain(claim['origin'])}.", ""] if claim["origin"] else []
    return lines


def _counted(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the numbers of verdicts, for each origin of claims by itself."""
    lines = []
    for name, text in (("paper", "of the paper"), ("inferred", "inferred"), ("ours", "of ours")):
        verdicts = [c["verdict"] for c in claims if c["whose"] == name and not is_about_print(c)]
        if verdicts:
            noun = "claim" if len(verdicts) == 1 else "claims"
            lines.append(f"- {len(verdicts)} {noun} {text}: {_counts(verdicts)}.")
    about_print = sum(is_about_print(claim) for claim in claims)
    return [*lines, f"- {about_print} about printed values alone."] if about_print else lines

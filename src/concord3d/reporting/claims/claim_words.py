"""Verdicts in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from concord3d.errors import ReportingError
from concord3d.reporting.claims.comparisons import PRINTED
from concord3d.reporting.claims.convergence import Gain
from concord3d.reporting.claims.decisions import RUN, PartVerdict, Verdict
from concord3d.reporting.claims.judged import JudgedPart
from concord3d.reporting.claims.scopes import Scope
from concord3d.reporting.tables.table_files import SELECTION_WORDS

SCOPE_WORDS: Mapping[Scope, str] = {
    "synthetic": "tested on synthetic data, which says nothing about the paper's data",
    "real_reduced": "tested on real data, below the paper's setting",
    "paper": "in the paper's setting",
}
VERDICT_WORDS: Mapping[Verdict, str] = {
    "holds": "Holds",
    "fails": "Fails",
    "undecided": "Undecided",
    "not_testable": "Not testable at this scale",
    "not_run": "Not run",
}
# Why a part has no number, in the order in which a claim says so.
ABSENCES: Mapping[PartVerdict, str] = {
    "missing": "No result yet",
    "not_testable": "Not testable at this scale",
    "not_run": "Not run at this scale",
}


def headline(parts: Sequence[JudgedPart], verdict: Verdict, scope: Scope) -> str:
    """Return the verdict in words, with the number of parts that it rests on where these are not all."""
    if verdict in ("not_run", "not_testable"):
        return f"{VERDICT_WORDS[verdict]}."
    measured = sum(part.comparison.difference is not None for part in parts)
    comma = "" if measured == len(parts) else ","
    return f"{VERDICT_WORDS[verdict]}{rests_on(verdict, measured, len(parts))}{comma} {SCOPE_WORDS[scope]}."


def rests_on(verdict: Verdict, num_measured: int, num_parts: int) -> str:
    """Return on how many parts a verdict rests, to be put behind it; nothing where these are all."""
    if num_measured == num_parts or verdict in ("not_run", "not_testable"):
        return ""
    return (
        f" on {num_measured} of {num_parts} parts"
        if verdict == "holds"
        else f" with {num_measured} of {num_parts} parts run"
    )


def details(
    parts: Sequence[JudgedPart], verdict: Verdict, num_judged: int, dataset_name: Callable[[str], str] = str
) -> str:
    """Return what was found in every part, what limits it, and which parts have no number and why.

    Args:
        parts: Of one claim.
        verdict: On the claim.
        num_judged: Parts that any failure is corrected for.
        dataset_name: What tables call a data set.
    """
    measured = [part for part in parts if part.comparison.difference is not None]
    not_judged = measured and verdict in ("not_run", "not_testable")
    sentences = ["Not judged, since the claim would say something else without the parts below."] if not_judged else []
    sentences += [_found(part) for part in measured]
    cautions = dict.fromkeys(part.comparison.reason for part in measured if part.comparison.reason)
    sentences += [f"{caution[0].upper()}{caution[1:]}." for caution in cautions]
    near = [part.part.name for part in measured if is_near_failure(_facts(part))]
    if near:
        sentences.append(f"Failing at 95 %, but not at the level corrected for {num_judged} parts: {'; '.join(near)}.")
    sentences += _not_converged((gain for part in measured for gain in part.longer.gains), dataset_name)
    for absence, words in ABSENCES.items():
        sentences += _absent([part for part in parts if part.verdict == absence], words)
    return " ".join(sentences)


def number_text(facts: Mapping[str, Any]) -> str:
    """Return a difference with its interval, its unit, and what it has to exceed where that is not zero.

    Args:
        facts: Of a claim or of a part of one, as ``claims.json`` has them.
    """
    digits = 2 if facts["unit"] == "points" or facts["basis"] == PRINTED else 3
    low, high = facts["ci_low"], facts["ci_high"]
    if facts["basis"] != PRINTED and facts["difference"] == low == high == 0:
        return "no difference on any test item"
    interval = "" if low is None else f" [{low:+.{digits}f}, {high:+.{digits}f}]"
    unit = "" if facts["unit"] in ("", "1") else f" {facts['unit']}"
    needs = f", needs more than {-facts['margin']:+g}" if facts["margin"] else ""
    near = ""
    if is_near_failure(facts):
        near = f", upper end {facts['ci_high_corrected']:+.{digits}f} when corrected for the number of parts"
    return f"{facts['difference']:+.{digits}f}{interval}{unit}{needs}{near}"


def is_near_failure(facts: Mapping[str, Any]) -> bool:
    """Whether an interval lies below zero, and is no failure because of the number of parts.

    Args:
        facts: Of a claim or of a part of one, as ``claims.json`` has them.
    """
    high, corrected, margin = facts["ci_high"], facts["ci_high_corrected"], facts["margin"]
    return high is not None and corrected is not None and high + margin < 0 <= corrected + margin


def _found(part: JudgedPart) -> str:
    found = part.comparison
    counted = "episodes" if part.part.protocol == "few_shot" else "items"
    items = f"{found.num_items} {counted}, " if found.num_items else ""
    sample = f"{items}{found.num_seeds} seed{'s' if found.num_seeds != 1 else ''}"
    sample = PRINTED if found.basis == PRINTED else sample
    return f"{part.part.name}: {part.verdict}, {number_text(_facts(part))} ({sample})."


def _facts(part: JudgedPart) -> dict[str, Any]:
    found = part.comparison
    return {
        "difference": found.difference,
        "ci_low": found.low,
        "ci_high": found.high,
        "ci_high_corrected": found.high if found.high_corrected is None else found.high_corrected,
        "unit": found.unit,
        "basis": found.basis,
        "margin": part.part.margin,
    }


def found_in_words(details: str, name: str, verdict: PartVerdict) -> str:
    """Return the numbers of a measured part as :func:`details` has written them: ``-0.63 [-1.84, +0.58] points``.

    Args:
        details: Of the claim.
        name: Of the part.
        verdict: On the part.

    Raises:
        ReportingError: They tell of no such part.
    """
    start = re.escape(f"{name}: {verdict}, ")
    found = re.search(rf"(?:^|\. ){start}(.+?) \((?:\d|{PRINTED})", details)
    if found is None:
        raise ReportingError(f"What is said of a claim lacks its part '{name}'", expected=start, found=details)
    return found[1]


def _not_converged(gains: Iterable[Gain], dataset_name: Callable[[str], str]) -> list[str]:
    """Return one sentence for every arm that had not converged, with all that the longer training gains."""
    by_arm: dict[tuple[str, tuple[int, int]], list[str]] = {}
    for gain in dict.fromkeys(gains):
        digits = 2 if gain.comparison.unit == "points" else 3
        unit = f" {gain.comparison.unit}" if gain.comparison.unit else ""
        ends = f"[{gain.comparison.low:+.{digits}f}, {gain.comparison.high:+.{digits}f}]"
        chosen = "" if gain.at.selection == "last" else f" {SELECTION_WORDS[gain.at.selection]}"
        place = f"{dataset_name(gain.at.dataset)}, {gain.at.metric.replace('_', ' ')}{chosen}"
        number = f"{gain.comparison.difference:+.{digits}f} {ends}{unit} ({place})"
        by_arm.setdefault((gain.label, gain.epochs), []).append(number)
    return [
        f"Not converged: {label}, trained for {longer} in place of {epochs} epochs, still gains {'; '.join(numbers)}."
        for (label, (epochs, longer)), numbers in by_arm.items()
    ]


def _absent(parts: Sequence[JudgedPart], words: str) -> list[str]:
    if not parts:
        return []
    reasons = {part.comparison.reason.removeprefix("no result: ") for part in parts}
    why = f" ({reasons.pop()})" if len(reasons) == 1 else ""
    return [f"{words}: {'; '.join(part.part.name for part in parts)}{why}."]


def correction(parts: Sequence[JudgedPart], verdict: Verdict) -> str:
    """Return what the verdict is corrected for."""
    if verdict in ("not_run", "not_testable"):
        return "none: nothing is judged"
    tested = [part for part in parts if part.verdict in RUN]
    if tested and all(part.comparison.basis == PRINTED for part in tested):
        return "none: printed values are compared, not samples"
    if len(tested) < 2:
        return "none: one inequality at 2.5 % on each side"
    return (
        f"fails: Bonferroni over the {len(tested)} parts that the scale runs, any of which fails the claim; "
        "holds: none needed, since all of them must hold"
    )

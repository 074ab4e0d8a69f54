"""The rule by which intervals become verdicts on parts, and these the verdict on a claim (docs/VERDICTS.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from concord3d.reporting.claims.comparisons import PRINTED, Comparison

Verdict = Literal["holds", "fails", "undecided", "not_testable", "not_run"]
PartVerdict = Literal["holds", "fails", "undecided", "missing", "not_testable", "not_run"]
# What a part comes to where the scale runs it.
RUN = ("holds", "fails", "undecided", "missing")


def decide(relation: str, comparison: Comparison, margin: float = 0.0, min_seeds: int = 1) -> PartVerdict:
    """Return the verdict on ``difference + margin`` relation 0, for a part that the scale runs.

    ``>`` holds where the whole 95 % interval lies above 0, ``>=`` where it lies nowhere below 0; both fail where it
    lies below 0, up to the end that is corrected for the number of parts. Where both sides came out alike on every item
    there is no width at 0, which decides nothing: rare differences stay open.

    Args:
        relation: ``>`` or ``>=``.
        comparison: What was found.
        margin: Added to the difference.
        min_seeds: Trainings on each side below which nothing is decided; values in print have none.

    Returns:
        ``missing`` where nothing was measured, else ``holds``, ``fails`` or ``undecided``.
    """
    if comparison.difference is None:
        return "missing"
    if comparison.low is None or comparison.high is None:
        return "undecided"
    if comparison.basis != PRINTED and comparison.num_seeds < min_seeds:
        return "undecided"
    low, high = comparison.low + margin, comparison.high + margin
    furthest = high if comparison.high_corrected is None else comparison.high_corrected + margin
    if max(high, furthest) < 0:
        return "fails"
    if low > 0 or (relation == ">=" and low >= 0 and high > 0):
        return "holds"
    return "undecided"


def combine(parts: Sequence[tuple[bool, Sequence[PartVerdict]]]) -> Verdict:
    """Return the verdict on a claim.

    Where an essential part is not run, or none of them has a result, the claim is not judged. Otherwise one failure
    fails it, and it holds where all that the scale runs holds. A result that the scale asks for and that is missing
    leaves it undecided.

    Args:
        parts: For each part as it stands in the report file, whether it is essential, and the verdicts on what it
            stands for at the scale: one for each data set or experiment.
    """
    absent = [verdicts for essential, verdicts in parts if essential and not set(verdicts) & set(RUN)]
    if any("not_testable" in verdicts for verdicts in absent):
        return "not_testable"
    run = [verdict for _, verdicts in parts for verdict in verdicts if verdict in RUN]
    essential_run = [verdict for essential, verdicts in parts if essential for verdict in verdicts if verdict in RUN]
    if absent or set(essential_run or run) <= {"missing"}:
        return "not_run"
    if "fails" in run:
        return "fails"
    return "holds" if set(run) == {"holds"} else "undecided"

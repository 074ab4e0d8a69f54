"""The rule of verdicts: nothing is decided across zero, and more in favour never turns holds into fails."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from concord3d.reporting.claims.comparisons import PRINTED, Comparison
from concord3d.reporting.claims.decisions import RUN, PartVerdict, combine, decide

RELATIONS = st.sampled_from([">", ">="])
# From the worst for a claim to the best.
ORDER = ("fails", "undecided", "holds")


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    low, width, further = draw(st.floats(-5, 5)), draw(st.floats(0, 5)), draw(st.floats(0, 5))
    return Comparison(low + width / 2, low, low + width, low + width + further, 10, draw(st.integers(1, 3)))


@given(comparisons(), RELATIONS, st.floats(0, 2))
def test_nothing_is_decided_across_zero(found: Comparison, relation: str, margin: float) -> None:
    assert found.low is not None and found.high is not None and found.high_corrected is not None
    verdict = decide(relation, found, margin)
    if verdict == "holds":
        assert found.low + margin >= 0
    if verdict == "fails":
        assert found.high + margin < 0 and found.high_corrected + margin < 0


@given(comparisons(), RELATIONS, st.floats(0, 5))
def test_a_better_result_is_never_judged_worse(found: Comparison, relation: str, gain: float) -> None:
    ends = {name: getattr(found, name) + gain for name in ("difference", "low", "high", "high_corrected")}
    before, after = (decide(relation, each, min_seeds=2) for each in (found, replace(found, **ends)))
    assert ORDER.index(after) >= ORDER.index(before)


@given(comparisons(), RELATIONS)
def test_one_training_is_undecided(found: Comparison, relation: str) -> None:
    assert decide(relation, replace(found, num_seeds=1), min_seeds=2) == "undecided"


def test_no_number_is_never_a_verdict() -> None:
    assert decide(">", Comparison()) == "missing"
    assert decide(">", Comparison(3.0)) == "undecided"
    assert decide(">", Comparison(3.0, 2.0, 4.0, basis=PRINTED), min_seeds=2) == "holds", "print has no trainings"


PARTS = st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from([*RUN, "not_testable", "not_run"]), max_size=3)))
Parts = list[tuple[bool, list[PartVerdict]]]


def better(verdict: PartVerdict) -> PartVerdict:
    """One step in favour of a claim."""
    steps: dict[PartVerdict, PartVerdict] = {"fails": "undecided", "undecided": "holds", "missing": "holds"}
    return steps.get(verdict, verdict)


@given(PARTS, st.data())
def test_more_in_favour_never_turns_holds_into_fails(parts: Parts, data: st.DataObject) -> None:
    before = combine(parts)
    raised = [
        (essential, [better(v) if data.draw(st.booleans()) else v for v in verdicts]) for essential, verdicts in parts
    ]
    after = combine(raised)
    if before in ORDER:
        assert after in ORDER and ORDER.index(after) >= ORDER.index(before)
    further = combine([*raised, (data.draw(st.booleans()), ["holds"])])
    if before == "holds":
        assert after == further == "holds", "a further part that holds"
    if before != "fails" and after != "fails" and before in ORDER:
        assert further != "fails"


@given(PARTS)
def test_a_verdict_rests_on_essential_parts(parts: Parts) -> None:
    verdict = combine(parts)
    unrun = [verdicts for essential, verdicts in parts if essential and not set(verdicts) & set(RUN)]
    if unrun:
        assert verdict in ("not_run", "not_testable")
    found = {v for _, verdicts in parts for v in verdicts} & set(RUN)
    if verdict == "holds":
        assert found == {"holds"}
    if verdict == "fails":
        assert "fails" in found
    if "missing" in found:
        assert verdict != "holds", "a gap"


def test_nothing_is_passed_by_default() -> None:
    assert combine([]) == "not_run"
    assert combine([(True, ["missing"]), (False, ["missing"])]) == "not_run"
    assert combine([(True, ["holds", "not_run"]), (False, ["not_testable"])]) == "holds"
    assert combine([(True, ["holds"]), (True, ["not_run"]), (True, ["not_testable"])]) == "not_testable"
    assert combine([(True, ["fails"]), (True, ["not_run"])]) == "not_run"

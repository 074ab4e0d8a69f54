"""What the parts of a claim stand for at a scale: which data sets and experiments, and whether the scale runs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from concord3d.reporting.claims.comparisons import leaves
from concord3d.reporting.claims.scopes import scope_of_part
from concord3d.reporting.evidence.addresses import Address, Leaf
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.specs.claim_spec import ClaimPart, Term

# Stands for the experiment in parts with ``for_each``.
PLACEHOLDER = "*"
MIN_SETTINGS_OF_A_TREND = 3


@dataclass(frozen=True)
class ScalePart:
    """One inequality at a scale.

    Attributes:
        part: With one data set, and experiments that are chosen.
        state: ``run``: the scale asks for all its measurements; ``not_testable``: it compares with a number of another
            setting than the scale's, or synthetic data cannot show it; ``not_run``: the scale leaves measurements out.
        reason: Why it is not run or not testable, in words.
    """

    part: ClaimPart
    state: Literal["run", "not_testable", "not_run"]
    reason: str = ""


class ScaleParts:
    """What a scale runs, as the parts of claims see it.

    Args:
        results: Everything measured, and what the scale asks for.
        inputs: What the scale runs.
    """

    def __init__(self, results: Results, inputs: ReportInputs) -> None:
        self._results, self._inputs = results, inputs
        jobs = (*results.expected, *results.by_job)
        self._places = {(job.dataset, job.protocol) for job in jobs}
        self._jobs = {(job.experiment, job.dataset, job.protocol) for job in jobs}

    def of(self, given: ClaimPart) -> list[ScalePart]:
        """Return what a part of the report file stands for, at least one."""
        return [
            self._state(self._preferred(single)) for part in self._datasets(given) for single in self._experiments(part)
        ]

    def _datasets(self, given: ClaimPart) -> list[ClaimPart]:
        """Return one part per entry of ``over``, on the first of its data sets that the scale evaluates."""
        if not given.over:
            return [given]
        chosen = []
        for entry in given.over:
            candidates = [given.on(label, dataset) for label, dataset in entry.items()]
            evaluated = [part for part in candidates if set(_places(part)) <= self._places]
            chosen.append((evaluated or candidates)[0])
        return chosen

    def _experiments(self, part: ClaimPart) -> list[ClaimPart]:
        """Return one part per experiment for ``for_each``; the part itself where the scale has none of them."""
        if part.for_each is None:
            return [part]
        place = (part.dataset, part.protocol)
        names = sorted({job[0] for job in self._jobs if job[1:] == place and job[0] not in part.for_each})
        return [part.mapped(partial(_filled, experiment=name)).model_copy(update={"name": name}) for name in names] or [
            part
        ]

    def _preferred(self, part: ClaimPart) -> ClaimPart:
        """Return the part with one experiment in place of each list, all at the first place that is evaluated."""
        lists = [term.preferred for side in part.terms for term in side.below() if term.preferred]
        if not lists:
            return part
        candidates = [part.mapped(partial(_at, place=place)) for place in range(max(len(names) for names in lists))]
        return next((each for each in candidates if all(self._runs(leaf) for leaf in _leaves(each))), candidates[-1])

    def _state(self, part: ClaimPart) -> ScalePart:
        if part.unmeasured:
            return ScalePart(part, "not_run", part.unmeasured)
        if part.is_absolute and scope_of_part(part, self._inputs, otherwise=self._results.data_kinds) != "paper":
            return ScalePart(part, "not_testable", "the number it compares with belongs to the paper's setting")
        if part.real_alone and scope_of_part(part, self._inputs, otherwise=self._results.data_kinds) == "synthetic":
            return ScalePart(part, "not_testable", part.real_alone)
        wanted = _leaves(part)
        absent = [leaf for leaf in wanted if not self._runs(leaf)]
        if part.trend is not None and len(wanted) - len(absent) >= MIN_SETTINGS_OF_A_TREND:
            absent = []
        if not absent:
            return ScalePart(part, "run")
        return ScalePart(part, "not_run", "; ".join(dict.fromkeys(self._why_not(leaf) for leaf in absent)))

    def _runs(self, leaf: Leaf) -> bool:
        """Whether the scale asks for a measurement; the settings of a scale may leave out metrics of a protocol."""
        if isinstance(leaf, Address):
            place = (leaf.experiment, leaf.dataset, leaf.protocol)
            return place in self._jobs and not (self._results.select(*place) and not self._results.rows(leaf))
        training = self._inputs.runs.get(leaf.experiment, {}).get("training", {})
        # The first epoch and the snapshots are kept, so that one epoch has no first beside the last.
        return leaf.experiment in self._inputs.runs and (leaf.at != "first" or training.get("epochs", 1) > 1)

    def _why_not(self, leaf: Leaf) -> str:
        """Return why the scale does not ask for a measurement."""
        name = self._inputs.labels.get(leaf.experiment, leaf.experiment)
        if leaf.experiment not in self._inputs.runs:
            return f"{name}: left out"
        if isinstance(leaf, Address):
            chosen = "" if leaf.selection == "last" else f" ({leaf.selection})"
            return f"{name}: no {leaf.metric}{chosen} under {leaf.protocol} on {leaf.dataset}"
        return f"{name}: one epoch"


def _leaves(part: ClaimPart) -> list[Leaf]:
    return list(dict.fromkeys(leaf for side in part.terms for leaf in leaves(side, part)))


def _places(part: ClaimPart) -> Iterator[tuple[str, str]]:
    for side in part.terms:
        for term in side.measurements():
            yield term.dataset or part.dataset, term.protocol or part.protocol


def _filled(term: Term, experiment: str) -> Term:
    return term.model_copy(update={"experiment": experiment}) if term.experiment == PLACEHOLDER else term


def _at(term: Term, place: int) -> Term:
    """Return a term with the experiment at a place of its list, the last where the list is shorter."""
    if term.preferred is None:
        return term
    return term.model_copy(
        update={"experiment": term.preferred[min(place, len(term.preferred) - 1)], "preferred": None}
    )

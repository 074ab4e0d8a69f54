"""Whether trainings had converged: what a longer training of the same arm still gains where they were measured.

The pairs are found, not listed: two experiments whose configurations differ in nothing but the length of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from concord3d.reporting.claims.comparisons import Comparison, compare, leaves
from concord3d.reporting.claims.decisions import decide
from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.estimates import Results
from concord3d.reporting.evidence.report_inputs import ReportInputs
from concord3d.reporting.specs.claim_spec import ClaimPart

# Settings that say how long a training is, and what follows from it.
LENGTH = ("epochs", "warmup_epochs")
# Sections that an experiment shares with another which is trained alike: same network, same data, same length.
TRAINED_ALIKE = ("encoder", "pretrain", "data", "tower", "training")
NAMES = ("experiment", "seed")


@dataclass(frozen=True)
class Longer:
    """An arm, and the same arm trained for longer.

    Attributes:
        arm: The experiment.
        longer: The other one.
        alike: Experiments with network, data and length of ``arm``, itself among them.
    """

    arm: str
    longer: str
    alike: frozenset[str]


@dataclass(frozen=True)
class Gain:
    """What a longer training of an arm gains in one measurement, where its interval lies above 0.

    Attributes:
        arm: The experiment.
        label: What tables call it.
        longer: The same, trained for longer.
        epochs: Of both, the shorter first.
        at: The measurement of the longer one.
        comparison: Longer minus shorter.
    """

    arm: str
    label: str
    longer: str
    epochs: tuple[int, int]
    at: Address
    comparison: Comparison


@dataclass(frozen=True)
class LongerRuns:
    """What longer trainings say about a part of a claim.

    Attributes:
        any_measured: Whether a longer training of one of its arms, or of one trained alike, was measured with enough
            seeds.
        gains: What such trainings gain.
    """

    any_measured: bool = False
    gains: tuple[Gain, ...] = ()

    @property
    def converged(self) -> bool | None:
        """Whether no longer training was found to gain; None where there was none to ask."""
        return not self.gains if self.any_measured else None


def longer_trainings(runs: Mapping[str, Mapping[str, Any]]) -> tuple[Longer, ...]:
    """Return the pairs of experiments that differ in the length of training alone; what has no epochs is no training.

    Args:
        runs: Resolved configuration per experiment.
    """
    trained = {name: run for name, run in runs.items() if run.get("pretrain") and _length(run)}
    return tuple(
        Longer(arm, longer, frozenset(name for name, run in trained.items() if _alike(run) == _alike(trained[arm])))
        for arm in trained
        for longer in trained
        if _length(trained[arm]) < _length(trained[longer]) and _rest(trained[arm]) == _rest(trained[longer])
    )


def _length(run: Mapping[str, Any]) -> Any:
    return run.get("training", {}).get("epochs")


def _rest(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of a configuration but the length of training and its names."""
    kept = deepcopy({key: value for key, value in run.items() if key not in NAMES})
    kept["training"] = {key: value for key, value in kept["training"].items() if key not in LENGTH}
    return kept


def _alike(run: Mapping[str, Any]) -> dict[str, Any]:
    return {key: run.get(key) for key in TRAINED_ALIKE}


class Convergence:
    """What longer trainings gain, each measurement compared once.

    Args:
        results: Everything measured.
        inputs: What the scale runs.
        min_seeds: Trainings on each side below which a gain is not counted.
    """

    def __init__(self, results: Results, inputs: ReportInputs, min_seeds: int) -> None:
        self._results, self._inputs, self._min_seeds = results, inputs, min_seeds
        self._pairs = longer_trainings(inputs.runs)
        self._found: dict[tuple[str, Address], LongerRuns] = {}

    def check(self, part: ClaimPart) -> LongerRuns:
        """Return what longer trainings gain in the measurements that a part compares."""
        found = [leaf for side in part.terms for leaf in leaves(side, part) if isinstance(leaf, Address)]
        asked = dict.fromkeys(
            (pair, replace(leaf, experiment=pair.longer))
            for pair in self._pairs
            for leaf in found
            if leaf.experiment in pair.alike
        )
        compared = [self._compared(pair, at) for pair, at in asked]
        gains = tuple(gain for each in compared for gain in each.gains)
        return LongerRuns(any(each.any_measured for each in compared), gains)

    def _compared(self, pair: Longer, at: Address) -> LongerRuns:
        key = (pair.arm, at)
        if key not in self._found:
            place = {"dataset": at.dataset, "protocol": at.protocol, "metric": at.metric, "selection": at.selection}
            part = ClaimPart.model_validate({"name": pair.longer, "lhs": pair.longer, "rhs": pair.arm, **place})
            comparison = compare(self._results, part)
            gained = decide(part.relation, comparison, min_seeds=self._min_seeds) == "holds"
            is_enough = comparison.low is not None and comparison.num_seeds >= self._min_seeds
            self._found[key] = LongerRuns(is_enough, (self._as_gain(pair, at, comparison),) if gained else ())
        return self._found[key]

    def _as_gain(self, pair: Longer, at: Address, comparison: Comparison) -> Gain:
        label = self._inputs.labels.get(pair.arm, pair.arm)
        shorter, longer = (_length(self._inputs.runs[name]) for name in (pair.arm, pair.longer))
        return Gain(pair.arm, label, pair.longer, (shorter, longer), at, comparison)

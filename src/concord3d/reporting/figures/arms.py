"""One colour and marker per compared arm, the same in all figures of a paper.

Two entries of figures are one arm if they have the same name, or if their first experiment is the same: "PPKT" in one
figure is "contrast (B)" in another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

from concord3d.config.validation import StrictModel, validate
from concord3d.reporting.figures import kinds
from concord3d.reporting.figures.style import COLORS, MARKERS, FigureContext

Entry = tuple[str, str]


class ArmOptions(StrictModel, ABC):
    """Options of a figure that compares arms by colour."""

    @abstractmethod
    def arms(self) -> list[Entry]:
        """Return the label and the first experiment of each arm; no experiment where an arm stands for several."""


class ExperimentArms(ArmOptions):
    """Options of a figure whose arms are one experiment each: label per experiment."""

    experiments: dict[str, str]

    def arms(self) -> list[Entry]:
        """Return the label of each experiment and the experiment."""
        return [(label, experiment) for experiment, label in self.experiments.items()]


class Look(NamedTuple):
    """How an arm is drawn."""

    color: str
    marker: str


def looks_of(context: FigureContext) -> dict[str, Look]:
    """Return how each arm of the paper's figures is drawn, by its label.

    Arms take colours in the order of the report's figures. Where a paper has more arms than there are colours, an arm
    takes the first colour that none of the arms beside it in any figure has.

    Raises:
        ConfigError: The options of one of the paper's figures are wrong.
    """
    figures = [_arms_of(context, index) for index in range(len(context.report.figures))]
    arm_of = _same_arms([entry for figure in figures for entry in figure])
    beside: dict[str, set[str]] = {arm: set() for arm in arm_of.values()}
    for figure in figures:
        together = {arm_of[label] for label, _ in figure}
        for arm in together:
            beside[arm] |= together - {arm}
    chosen: dict[str, int] = {}
    for arm in beside:
        chosen[arm] = _number(chosen, beside[arm])
    return {label: Look(COLORS[chosen[arm]], MARKERS[chosen[arm]]) for label, arm in arm_of.items()}


def _arms_of(context: FigureContext, index: int) -> Sequence[Entry]:
    figure = context.report.figures[index]
    options = import_module(f"{kinds.__name__}.{figure.kind}").Options
    if not issubclass(options, ArmOptions):
        return ()
    return validate(options, figure.options, f"figure '{figure.id}'").arms()


def _same_arms(entries: Sequence[Entry]) -> dict[str, str]:
    """Return by label the label under which its arm appears first."""
    arm_of: dict[str, str] = {}
    of_experiment: dict[str, str] = {}
    for label, experiment in entries:
        known = [names[key] for names, key in ((arm_of, label), (of_experiment, experiment)) if key and key in names]
        arm = known[0] if known else label
        if len(set(known)) == 2:
            # A label and an experiment that were known apart turn out to be one.
            for names in (arm_of, of_experiment):
                names.update({key: arm for key, value in names.items() if value == known[1]})
        arm_of[label] = arm
        if experiment:
            of_experiment[experiment] = arm
    return arm_of


def _number(chosen: Mapping[str, int], beside: set[str]) -> int:
    """Return the first colour that is free in all figures; else one free beside this arm; else the rarest there."""
    for taken in (list(chosen.values()), [chosen[arm] for arm in beside if arm in chosen]):
        free = [number for number in range(len(COLORS)) if number not in taken]
        if free:
            return free[0]
    return min(range(len(COLORS)), key=lambda number: ([chosen.get(arm) for arm in beside].count(number), number))

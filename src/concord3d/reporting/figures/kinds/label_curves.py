"""How many of a teacher's labels are right, and how sure it is of them, by how many of them are kept."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from pydantic import Field

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    Drawing,
    FigureContext,
    named,
    not_run_note,
    options_of,
    panels,
    placard,
    shared_legend,
    sorted_kinds,
    words,
)

CURVES = "label_curves"
LINES: tuple[Literal["-", "--", ":"], ...] = ("-", "--", ":")


class Options(StrictModel):
    """Options of ``label_curves``.

    Attributes:
        experiments: Label per experiment; each has its own kind of line.
        dataset: What is measured on.
        protocol: A protocol whose details tell of labels by who votes.
        votes: What figures call each of those who vote.
        levels: Thresholds to mark, by what they are called.
    """

    experiments: dict[str, str] = Field(max_length=len(LINES))
    dataset: str
    protocol: str
    votes: dict[str, str]
    levels: dict[str, float] = {}


def draw(context: FigureContext) -> Drawing:
    """Draw the share of the kept labels that is right, and the threshold, against the share of objects that it keeps.

    Means over seeds. A label is kept where it is at least as sure as the threshold.
    """
    options = options_of(context, Options)
    found = {experiment: _evaluations(context, options, experiment) for experiment in options.experiments}
    found = {experiment: evaluations for experiment, evaluations in found.items() if evaluations}
    if not found:
        return placard(context, f"{words(options.protocol)} of {named(context, options.experiments)}")
    figure, axes = panels(2, width=5.2, height=3.6, legend_rows=2)
    for line, experiment in zip(LINES, options.experiments, strict=False):
        for color, who in zip(COLORS, options.votes, strict=False):
            if experiment in found:
                _curve(axes[0], found[experiment], who, "right", 1.0, color, line)
                _curve(axes[1], found[experiment], who, "confidence", 100.0, color, line)
    for name, level in options.levels.items():
        axes[1].axhline(100 * level, color=GREY, linewidth=1, linestyle=":", zorder=1)
        axes[1].annotate(name, (0.01, 100 * level), (0, 2), fontsize=8.5, color=GREY,
                         xycoords=("axes fraction", "data"), textcoords="offset points")  # fmt: skip
    axes[0].set(title="what labels are worth", ylabel="labels that are right (%)")
    axes[1].set(title="how sure the teacher is", ylabel="threshold that keeps so many (%)")
    for axis in axes:
        axis.set(xlabel="objects with a kept label (%)", xlim=(0, 102), ylim=(0, 102))
    entries = {name: Line2D([], [], color=color) for color, name in zip(COLORS, options.votes.values(), strict=False)}
    entries |= {
        label: Line2D([], [], color=GREY, linestyle=line)
        for line, (experiment, label) in zip(LINES, options.experiments.items(), strict=False)
        if experiment in found
    }
    shared_legend(figure, entries, len(options.votes))
    absent = [label for experiment, label in options.experiments.items() if experiment not in found]
    kinds = sorted_kinds(each.data_kind for evaluations in found.values() for each in evaluations)
    return Drawing(figure, kinds, note=not_run_note(absent))


def _evaluations(context: FigureContext, options: Options, experiment: str) -> list[Evaluation]:
    """Return the evaluations of an experiment that tell of labels, by seed."""
    found = context.results.select(experiment, options.dataset, options.protocol)
    return [each for each in found if options.votes.keys() <= each.details.get(CURVES, {}).keys()]


def _curve(axis: Axes, found: list[Evaluation], who: str, what: str, scale: float, color: str, line: str) -> None:
    def mean(key: str) -> NDArray[np.float64]:
        values: NDArray[np.float64] = np.mean([each.details[CURVES][who][key] for each in found], axis=0)
        return values

    axis.plot(mean("coverage"), scale * mean(what), line, marker="o", markersize=3.5, color=color)

"""What two branches know before an adaptation, and what becomes of it: which one taught, which one misled."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    Drawing,
    FigureContext,
    named,
    options_of,
    panels,
    placard,
    shared_legend,
    sorted_kinds,
    words,
)

_BAR_HEIGHT = 0.66


class Branch(StrictModel):
    """One of both branches.

    Attributes:
        name: What figures call it.
        metric: Whether it names a test object rightly.
    """

    name: str
    metric: str


class Control(StrictModel):
    """Another adaptation to compare with.

    Attributes:
        experiment: Its experiment.
        label: What the legend calls what is right after it.
    """

    experiment: str
    label: str


class Options(StrictModel):
    """Options of ``branch_outcomes``.

    Attributes:
        before: Experiment before the adaptation.
        after: Experiment after it.
        control: Another adaptation, marked on each bar where it was run with the same seeds.
        dataset: What is measured on.
        protocol: What is measured.
        branches: Both of them.
    """

    before: str
    after: str
    control: Control | None = None
    dataset: str
    protocol: str
    branches: tuple[Branch, Branch]


def draw(context: FigureContext) -> Drawing:
    """Draw one bar per group of test objects in a panel of each branch; shares are means over seeds.

    The groups are what both, the first, the second and neither branch names rightly before the adaptation.
    """
    options = options_of(context, Options)
    pairs = _pairs(context, options, options.after)
    if not pairs:
        both = named(context, (options.before, options.after))
        return placard(context, f"{words(options.protocol)} of {both}, with the same seed")
    shares = _mean_shares(options, pairs)
    first, second = (branch.name for branch in options.branches)
    groups = ["both", f"{first} alone", f"{second} alone", "neither"]
    figure, axes = panels(2, width=5.2, height=2.7, legend_rows=1)
    for axis, branch, right in zip(axes, options.branches, shares[1:], strict=True):
        _panel(axis, groups, 100 * shares[0], 100 * right)
        axis.set_title(f"{branch.name}, afterwards")
    axes[0].set_ylabel("right before")
    axes[1].tick_params(labelleft=False)
    entries: dict[str, Artist] = {
        "right afterwards": Patch(color=COLORS[0]),
        "wrong afterwards": Patch(color=COLORS[1]),
    }
    if options.control and len(beside := _pairs(context, options, options.control.experiment)) == len(pairs):
        for axis, right in zip(axes, _mean_shares(options, beside)[1:], strict=True):
            entries[options.control.label] = _mark(axis, 100 * right)
    shared_legend(figure, entries, len(entries))
    return Drawing(figure, sorted_kinds(after.data_kind for _, after in pairs))


def _pairs(context: FigureContext, options: Options, adapted: str) -> list[tuple[Evaluation, Evaluation]]:
    """Return the evaluations before and after of each seed that has both, on the same test objects in one order."""
    before, after = (
        {found.job.seed: found for found in context.results.select(name, options.dataset, options.protocol)}
        for name in (options.before, adapted)
    )
    keys = [_key(branch) for branch in options.branches]
    return [
        (before[seed], after[seed])
        for seed in sorted(before.keys() & after.keys())
        if before[seed].item_names == after[seed].item_names
        and all(key in found.items for found in (before[seed], after[seed]) for key in keys)
    ]


def _key(branch: Branch) -> str:
    return f"{branch.metric}__last"


def _mean_shares(options: Options, pairs: list[tuple[Evaluation, Evaluation]]) -> NDArray[np.float64]:
    return np.asarray(np.mean([_shares(options, before, after) for before, after in pairs], axis=0))


def _shares(options: Options, before: Evaluation, after: Evaluation) -> NDArray[np.float64]:
    """Return (3, 4) shares of all test objects: of each group, and those that either branch names rightly after it."""
    first, second = (_is_right(before, branch) for branch in options.branches)
    groups = np.stack([first & second, first & ~second, ~first & second, ~first & ~second])
    right = [groups & _is_right(after, branch) for branch in options.branches]
    return np.stack([groups, *right]).mean(-1)


def _is_right(evaluation: Evaluation, branch: Branch) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = evaluation.items[_key(branch)] > 0
    return right


def _panel(axis: Axes, groups: list[str], shares: NDArray[np.float64], right: NDArray[np.float64]) -> None:
    places = range(len(groups))
    axis.barh(places, right, _BAR_HEIGHT, color=COLORS[0])
    axis.barh(places, shares - right, _BAR_HEIGHT, left=right, color=COLORS[1])
    for place, (share, known) in enumerate(zip(shares, right, strict=True)):
        told = f"{100 * known / share:.0f} % right" if share else "no object"
        axis.text(share + 1, place, told, va="center", fontsize=8.5, color=GREY)
    axis.set_yticks(places, groups)
    axis.set(ylim=(len(groups) - 0.5, -0.5), xlim=(0, 1.3 * shares.max()), xlabel="test objects (%)")
    axis.grid(False, axis="y")


def _mark(axis: Axes, right: NDArray[np.float64]) -> Line2D:
    """Mark a place on each bar, and return what a legend shows of it."""
    half = _BAR_HEIGHT / 2
    axis.vlines(right, np.arange(len(right)) - half, np.arange(len(right)) + half, color="black", linewidth=2)
    return Line2D([], [], color="black", linewidth=2)

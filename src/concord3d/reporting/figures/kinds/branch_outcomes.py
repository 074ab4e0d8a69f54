"""What two branches know before an adaptation, and what becomes of it: which one taught, which one misled."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
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


class Options(StrictModel):
    """Options of ``branch_outcomes``.

    Attributes:
        before: Experiment before the adaptation.
        after: Experiment after it.
        dataset: What is measured on.
        protocol: What is measured.
        branches: Both of them.
    """

    before: str
    after: str
    dataset: str
    protocol: str
    branches: tuple[Branch, Branch]


def draw(context: FigureContext) -> Drawing:
    """Draw one bar per group of test objects in a panel of each branch; shares are means over seeds.

    The groups are what both, the first, the second and neither branch names rightly before the adaptation.
    """
    options = options_of(context, Options)
    pairs = _pairs(context, options)
    if not pairs:
        both = named(context, (options.before, options.after))
        return placard(context, f"{words(options.protocol)} of {both}, with the same seed")
    shares = np.mean([_shares(options, before, after) for before, after in pairs], axis=0)
    first, second = (branch.name for branch in options.branches)
    groups = ["both", f"{first} alone", f"{second} alone", "neither"]
    figure, axes = panels(2, width=5.2, height=2.7, legend_rows=1)
    for axis, branch, right in zip(axes, options.branches, shares[1:], strict=True):
        _panel(axis, groups, 100 * shares[0], 100 * right)
        axis.set_title(f"{branch.name}, afterwards")
    axes[0].set_ylabel("right before")
    axes[1].tick_params(labelleft=False)
    shared_legend(figure, {"right afterwards": Patch(color=COLORS[0]), "wrong afterwards": Patch(color=COLORS[1])}, 2)
    return Drawing(figure, sorted_kinds(after.data_kind for _, after in pairs))


def _pairs(context: FigureContext, options: Options) -> list[tuple[Evaluation, Evaluation]]:
    """Return the evaluations before and after of each seed that has both, on the same test objects in one order."""
    before, after = (
        {found.job.seed: found for found in context.results.select(name, options.dataset, options.protocol)}
        for name in (options.before, options.after)
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

"""What two branches know before an adaptation, and what becomes of it: which one taught, which one misled."""

from __future__ import annotations

from typing import NamedTuple

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


class _Group(NamedTuple):
    """Test objects that both branches name alike well before the adaptation.

    Attributes:
        name: Of the group.
        share: Of all test objects.
        right: For each branch the share of all test objects that are in the group and that it names rightly after.
    """

    name: str
    share: float
    right: tuple[float, float]


def draw(context: FigureContext) -> Drawing:
    """Draw one bar per group of test objects in a panel of each branch; shares are means over seeds."""
    options = options_of(context, Options)
    pairs = _pairs(context, options)
    if not pairs:
        both = named(context, (options.before, options.after))
        return placard(context, f"{words(options.protocol)} of {both}, with the same seed")
    by_seed = [_groups(options, before, after) for before, after in pairs]
    groups = [_mean(of_one_group) for of_one_group in zip(*by_seed, strict=True)]
    figure, axes = panels(2, width=5.2, height=2.7, legend_rows=1)
    for which, (axis, branch) in enumerate(zip(axes, options.branches, strict=True)):
        _panel(axis, groups, which)
        axis.set_title(f"{branch.name}, afterwards")
    axes[0].set_ylabel("right before")
    axes[1].tick_params(labelleft=False)
    shared_legend(figure, {"right afterwards": Patch(color=COLORS[0]), "wrong afterwards": Patch(color=COLORS[1])}, 2)
    return Drawing(figure, sorted_kinds(after.data_kind for _, after in pairs))


def _pairs(context: FigureContext, options: Options) -> list[tuple[Evaluation, Evaluation]]:
    """Return the evaluations before and after of each seed that has both, on the same test objects."""
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


def _groups(options: Options, before: Evaluation, after: Evaluation) -> list[_Group]:
    first, second = options.branches
    knew = [_is_right(before, branch) for branch in options.branches]
    knows = [_is_right(after, branch) for branch in options.branches]
    members = {
        "both": knew[0] & knew[1],
        f"{first.name} alone": knew[0] & ~knew[1],
        f"{second.name} alone": ~knew[0] & knew[1],
        "neither": ~knew[0] & ~knew[1],
    }
    return [
        _Group(name, float(mask.mean()), (float((mask & knows[0]).mean()), float((mask & knows[1]).mean())))
        for name, mask in members.items()
    ]


def _is_right(evaluation: Evaluation, branch: Branch) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = evaluation.items[_key(branch)] > 0
    return right


def _mean(seeds: tuple[_Group, ...]) -> _Group:
    right = np.mean([group.right for group in seeds], axis=0)
    return _Group(seeds[0].name, float(np.mean([group.share for group in seeds])), (float(right[0]), float(right[1])))


def _panel(axis: Axes, groups: list[_Group], which: int) -> None:
    for place, group in enumerate(groups):
        right, share = 100 * group.right[which], 100 * group.share
        axis.barh(place, right, _BAR_HEIGHT, color=COLORS[0])
        axis.barh(place, share - right, _BAR_HEIGHT, left=right, color=COLORS[1])
        kept = f"{100 * right / share:.0f} % right" if share else "no object"
        axis.text(share + 1, place, kept, va="center", fontsize=8.5, color=GREY)
    axis.set_yticks(range(len(groups)), [group.name for group in groups])
    longest = max(100 * group.share for group in groups)
    axis.set(ylim=(len(groups) - 0.5, -0.5), xlim=(0, 1.3 * longest), xlabel="test objects (%)")
    axis.grid(False, axis="y")

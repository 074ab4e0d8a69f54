"""What an adaptation changes in the accuracy of each class, classes in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from pydantic import Field

from concord3d.config.validation import StrictModel
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    Drawing,
    FigureContext,
    named,
    options_of,
    panels,
    placard,
    sorted_kinds,
    words,
)


class Change(StrictModel):
    """Experiments before and after an adaptation, and where their accuracies are.

    Attributes:
        before: An experiment.
        after: Another.
        details: Keys that lead to accuracies in percent by class in the protocol's details.
    """

    before: str
    after: str
    details: list[str] = Field(min_length=1)


class Pretraining(StrictModel):
    """The training before, which may or may not have seen a group.

    Attributes:
        experiment: Its name.
        complete: Data sets that hold all classes. On one of them a class is seen unless the training leaves it out.
        seen: What a group is called where it is seen, by the group's name.
    """

    experiment: str
    complete: list[str]
    seen: dict[str, str]


class Options(StrictModel):
    """Options of ``class_changes``.

    Attributes:
        changes: By heading, one panel each.
        groups: Classes by the name of their group; all others are the last group.
        others: Name of the last group.
        pretraining: What decides on the names of groups; null for none.
        dataset: What is measured on.
        protocol: What is measured.
        label: Of the axis.
    """

    changes: dict[str, Change] = Field(min_length=1)
    groups: dict[str, list[str]] = Field(min_length=1)
    others: str
    pretraining: Pretraining | None = None
    dataset: str
    protocol: str
    label: str


def draw(context: FigureContext) -> Drawing:
    """Draw one line per class from its accuracy before to that after, sorted within each group by the change."""
    options = options_of(context, Options)
    found = {}
    for title, change in options.changes.items():
        before, after = (_accuracies(context, options, name, change.details) for name in (change.before, change.after))
        if before and after:
            found[title] = (before, after)
    if not found:
        tried = [name for change in options.changes.values() for name in (change.before, change.after)]
        return placard(context, f"{words(options.protocol)} of {named(context, tried)}")
    most = max(len(before) for before, _ in found.values())
    height = 1.2 + 0.17 * (most + 2 * len(options.groups) + 2)
    figure, axes = panels(len(found), 5.4, height)
    heading_of = _headings(context, options)
    for axis, (title, (before, after)) in zip(axes, found.items(), strict=True):
        _panel(axis, options, heading_of, before, after)
        axis.set_title(title)
    kinds = [
        evaluation.data_kind
        for title in found
        for evaluation in context.results.select(options.changes[title].after, options.dataset, options.protocol)
    ]
    return Drawing(figure, sorted_kinds(kinds))


def _accuracies(context: FigureContext, options: Options, experiment: str, details: Sequence[str]) -> dict[str, float]:
    """Return the mean over seeds by class."""
    by_seed = []
    for evaluation in context.results.select(experiment, options.dataset, options.protocol):
        value = evaluation.details
        for key in details:
            value = value.get(key, {}) if isinstance(value, Mapping) else {}
        if value:
            by_seed.append(value)
    return {name: float(np.mean([seed[name] for seed in by_seed if name in seed])) for name in (by_seed or [{}])[0]}


def _headings(context: FigureContext, options: Options) -> dict[str, str]:
    """Return what each group is called at this scale, by what the training before has seen."""
    headings = {group: group for group in (*options.groups, options.others)}
    if options.pretraining is None:
        return headings
    run = context.inputs.runs.get(options.pretraining.experiment, {})
    if (run.get("pretrain") or {}).get("dataset") not in options.pretraining.complete:
        return headings
    left_out = set(run.get("data", {}).get("without_classes") or ())
    for group, seen in options.pretraining.seen.items():
        if left_out.isdisjoint(options.groups.get(group, ())):
            headings[group] = seen
    return headings


def _panel(
    axis: Axes,
    options: Options,
    heading_of: Mapping[str, str],
    before: Mapping[str, float],
    after: Mapping[str, float],
) -> None:
    of_group = {name: group for group, names in options.groups.items() for name in names}
    groups = [*options.groups, options.others]
    place, ticks = 0, []
    for group in groups:
        classes = [name for name in before if name in after and of_group.get(name, options.others) == group]
        if not classes:
            continue
        classes.sort(key=lambda name: (after[name] - before[name], name), reverse=True)
        mean = float(np.mean([after[name] - before[name] for name in classes]))
        heading = f"{heading_of[group]}: {len(classes)} classes, {mean:+.1f} points on average"
        axis.text(0, -place, heading, fontsize=8.5, fontweight="bold", va="center")
        place += 1
        for name in classes:
            color = COLORS[0] if after[name] >= before[name] else COLORS[1]
            axis.plot([before[name], after[name]], [-place, -place], color=color, linewidth=2, zorder=2)
            axis.plot(before[name], -place, "o", color="white", markeredgecolor=GREY, markersize=4, zorder=3)
            axis.plot(after[name], -place, "o", color=color, markersize=4.5, zorder=4)
            ticks.append((-place, words(name)))
            place += 1
        place += 1
    axis.set_yticks([y for y, _ in ticks], [name for _, name in ticks], fontsize=7.5)
    axis.set(xlim=(-3, 103), ylim=(-place + 0.5, 0.8), xlabel=options.label)
    axis.grid(False, axis="y")

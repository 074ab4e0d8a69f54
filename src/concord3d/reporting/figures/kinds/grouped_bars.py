"""Means as bars: groups of data sets, one panel per metric, or groups of metrics, one panel per data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from pydantic import Field

from concord3d.config.validation import StrictModel
from concord3d.reporting.figures.measured_points import estimates_of, seed_values
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
    spread_dots,
    words,
)

WIDTH = 0.8


class Options(StrictModel):
    """Options of ``grouped_bars``.

    Attributes:
        series: Experiments per label; of several, the first that is measured on a data set is shown there.
        datasets: In the order of the groups.
        protocol: What is measured.
        metrics: Heading by metric.
        label: Of the axis.
        groups: Whether the bars of a data set stand together, in a panel of each metric, or those of a metric, in a
            panel of each data set.
    """

    series: dict[str, list[str]] = Field(min_length=1)
    datasets: list[str]
    protocol: str
    metrics: dict[str, str] = Field(min_length=1)
    label: str
    groups: Literal["datasets", "metrics"] = "datasets"


class _Group(NamedTuple):
    """Bars that stand together: their name, and what is measured on what."""

    name: str
    dataset: str
    metric: str


def draw(context: FigureContext) -> Drawing:
    """Draw one bar per series and group, with seeds as dots and 95 % intervals."""
    options = options_of(context, Options)
    experiments = [name for names in options.series.values() for name in names]
    datasets = [
        dataset
        for dataset in options.datasets
        if any(estimates_of(context, experiments, dataset, options.protocol, metric) for metric in options.metrics)
    ]
    if not datasets:
        return placard(context, f"{words(options.protocol)} of {named(context, experiments)}")
    of_panels = _panels(context, options, datasets)
    widest = max(len(groups) for groups in of_panels.values())
    figure, axes = panels(len(of_panels), max(6.0, 1.5 * widest), 3.0, columns=1, legend_rows=1)
    kinds: list[str] = []
    for axis, (title, groups) in zip(axes, of_panels.items(), strict=True):
        for number, label in enumerate(options.series):
            kinds += _series(context, axis, options, label, number, groups)
        axis.set_xticks(range(len(groups)), [group.name.replace(" ", "\n", 1) for group in groups], fontsize=8.5)
        axis.set_xlim(-0.6, len(groups) - 0.4)
        axis.set_ylim(0, 108)
        axis.set(title=title, ylabel=options.label)
        axis.grid(False, axis="x")
    colors = {label: Patch(color=COLORS[n % len(COLORS)], alpha=0.85) for n, label in enumerate(options.series)}
    shared_legend(figure, colors, columns=len(colors))
    return Drawing(figure, sorted_kinds(kinds))


def _panels(context: FigureContext, options: Options, datasets: list[str]) -> dict[str, list[_Group]]:
    """Return the groups of each panel by its title."""
    name = context.report.dataset_name
    if options.groups == "datasets":
        return {
            title: [_Group(name(dataset), dataset, metric) for dataset in datasets]
            for metric, title in options.metrics.items()
        }
    return {
        name(dataset): [_Group(title, dataset, metric) for metric, title in options.metrics.items()]
        for dataset in datasets
    }


def _series(
    context: FigureContext, axis: Axes, options: Options, label: str, number: int, groups: Sequence[_Group]
) -> list[str]:
    width, color, kinds = WIDTH / len(options.series), COLORS[number % len(COLORS)], []
    for position, group in enumerate(groups):
        place = position + width * (number - (len(options.series) - 1) / 2)
        found = estimates_of(context, options.series[label], group.dataset, options.protocol, group.metric)
        if not found:
            axis.text(place, 1, "not run", rotation=90, ha="center", va="bottom", color=GREY, fontsize=7.5)
            continue
        experiment, estimate = next(iter(found.items()))
        interval = estimate.interval
        axis.bar(place, interval.value, 0.92 * width, color=color, alpha=0.85)
        axis.vlines(place, interval.low, interval.high, color="black", linewidth=1.2, zorder=3)
        values = seed_values(context, experiment, group.dataset, options.protocol, group.metric)
        offsets = [place + offset for offset in spread_dots(len(values), 0.5 * width)]
        axis.plot(offsets, values, "o", color="white", markeredgecolor="black", markersize=3.2, zorder=4)
        axis.text(place, interval.high + 1.2, f"{interval.value:.0f}", ha="center", va="bottom", fontsize=7.5)
        kinds.append(estimate.data_kind)
    return kinds

"""Means as bars, grouped by data set, one panel per metric; or the other way round."""

from __future__ import annotations

from typing import Literal

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
        datasets: In order.
        protocol: What is measured.
        metrics: What it is called, by metric.
        groups: What stands side by side in a panel; each of the others has a panel.
        label: Of the axis.
    """

    series: dict[str, list[str]] = Field(min_length=1)
    datasets: list[str]
    protocol: str
    metrics: dict[str, str] = Field(min_length=1)
    groups: Literal["datasets", "metrics"] = "datasets"
    label: str


def draw(context: FigureContext) -> Drawing:
    """Draw one bar per series, data set and metric, with seeds as dots and 95 % intervals."""
    options = options_of(context, Options)
    experiments = [name for names in options.series.values() for name in names]
    datasets = [
        dataset
        for dataset in options.datasets
        if any(estimates_of(context, experiments, dataset, options.protocol, metric) for metric in options.metrics)
    ]
    if not datasets:
        return placard(context, f"{words(options.protocol)} of {named(context, experiments)}")
    names = {dataset: context.report.dataset_name(dataset) for dataset in datasets}
    if options.groups == "datasets":
        grid = {
            title: {names[dataset].replace(" ", "\n", 1): (dataset, metric) for dataset in datasets}
            for metric, title in options.metrics.items()
        }
    else:
        grid = {
            names[dataset]: {title: (dataset, metric) for metric, title in options.metrics.items()}
            for dataset in datasets
        }
    widest = max(len(groups) for groups in grid.values())
    figure, axes = panels(len(grid), max(6.0, 1.5 * widest), 3.0, columns=1, legend_rows=1)
    kinds: list[str] = []
    for axis, (title, groups) in zip(axes, grid.items(), strict=True):
        for number, label in enumerate(options.series):
            kinds += _series(context, axis, options, label, number, list(groups.values()))
        axis.set_xticks(range(len(groups)), list(groups), fontsize=8.5)
        axis.set_xlim(-0.6, len(groups) - 0.4)
        axis.set_ylim(0, 108)
        axis.set(title=title, ylabel=options.label)
        axis.grid(False, axis="x")
    colors = {label: Patch(color=COLORS[n % len(COLORS)], alpha=0.85) for n, label in enumerate(options.series)}
    shared_legend(figure, colors, columns=len(colors))
    return Drawing(figure, sorted_kinds(kinds))


def _series(
    context: FigureContext, axis: Axes, options: Options, label: str, number: int, groups: list[tuple[str, str]]
) -> list[str]:
    width, color, kinds = WIDTH / len(options.series), COLORS[number % len(COLORS)], []
    for group, (dataset, metric) in enumerate(groups):
        place = group + width * (number - (len(options.series) - 1) / 2)
        found = estimates_of(context, options.series[label], dataset, options.protocol, metric)
        if not found:
            axis.text(place, 1, "not run", rotation=90, ha="center", va="bottom", color=GREY, fontsize=7.5)
            continue
        experiment, estimate = next(iter(found.items()))
        interval = estimate.interval
        axis.bar(place, interval.value, 0.92 * width, color=color, alpha=0.85)
        axis.vlines(place, interval.low, interval.high, color="black", linewidth=1.2, zorder=3)
        values = seed_values(context, experiment, dataset, options.protocol, metric)
        offsets = [place + offset for offset in spread_dots(len(values), 0.5 * width)]
        axis.plot(offsets, values, "o", color="white", markeredgecolor="black", markersize=3.2, zorder=4)
        axis.text(place, interval.high + 1.2, f"{interval.value:.0f}", ha="center", va="bottom", fontsize=7.5)
        kinds.append(estimate.data_kind)
    return kinds

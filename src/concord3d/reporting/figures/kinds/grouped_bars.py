"""Means as bars: groups of data sets, one panel per metric, or groups of metrics, one panel per data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from pydantic import Field

from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.figures.arms import ArmOptions, Entry, Look, looks_of
from concord3d.reporting.figures.measured_points import estimates_of, seed_values
from concord3d.reporting.figures.style import (
    Drawing,
    FigureContext,
    named,
    not_run_note,
    options_of,
    panels,
    placard,
    shared_legend,
    sorted_kinds,
    spread_dots,
    top_of_percents,
    words,
)

WIDTH = 0.8
MOST_WITH_DECIMALS = 4


class Options(ArmOptions):
    """Options of ``grouped_bars``.

    Attributes:
        series: Experiments per label; of several, the first that is measured on a data set is shown there.
        datasets: In the order of the groups.
        protocol: What is measured.
        metrics: Heading by metric.
        label: Of the axis.
        groups: Whether the bars of a data set stand together, in a panel of each metric, or those of a metric, in a
            panel of each data set.
        reasons: Why a data set has no bars of some metrics, by data set.
    """

    series: dict[str, list[str]] = Field(min_length=1)
    datasets: list[str]
    protocol: str
    metrics: dict[str, str] = Field(min_length=1)
    label: str
    groups: Literal["datasets", "metrics"] = "datasets"
    reasons: dict[str, str] = {}

    def arms(self) -> list[Entry]:
        """Return the label of each series and its first experiment."""
        return [(label, experiments[0]) for label, experiments in self.series.items()]


class _Group(NamedTuple):
    """Bars that stand together: their name, and what is measured on what."""

    name: str
    dataset: str
    metric: str

    def bars(self, context: FigureContext, options: Options) -> dict[str, tuple[str, Estimate]]:
        """Return the experiment of each series that is shown here and what it measured, by label."""
        found = {
            label: estimates_of(context, experiments, self.dataset, options.protocol, self.metric)
            for label, experiments in options.series.items()
        }
        return {label: next(iter(estimates.items())) for label, estimates in found.items() if estimates}


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
    of_panels = {
        title: {group: group.bars(context, options) for group in groups}
        for title, groups in _panels(context, options, datasets).items()
    }
    all_bars = [bars for groups in of_panels.values() for bars in groups.values()]
    ran = [label for label in options.series if any(label in bars for bars in all_bars)]
    looks = looks_of(context)
    drawn = {title: {group: bars for group, bars in groups.items() if bars} for title, groups in of_panels.items()}
    drawn = {title: groups for title, groups in drawn.items() if groups}
    widest = max(len(groups) for groups in drawn.values())
    figure, axes = panels(len(drawn), max(6.0, 1.5 * widest), 3.0, columns=1, legend_rows=1)
    highest = []
    for axis, (title, shown) in zip(axes, drawn.items(), strict=True):
        for position, (group, bars) in enumerate(shown.items()):
            highest += _bars_of_group(context, axis, options, position, group, bars, WIDTH / len(ran), looks)
        names = [group.name.replace(" ", "\n", 1) for group in shown]
        axis.set_xticks(range(len(shown)), names, fontsize=8.5)
        axis.set_xlim(-0.6, len(shown) - 0.4)
        axis.set(title=title, ylabel=options.label)
        axis.grid(False, axis="x")
    for axis in axes:
        # One scale: panels are compared.
        axis.set_ylim(0, top_of_percents(highest))
    shared_legend(figure, {label: Patch(color=looks[label].color, alpha=0.85) for label in ran}, columns=len(ran))
    kinds = sorted_kinds(estimate.data_kind for bars in all_bars for _, estimate in bars.values())
    return Drawing(figure, kinds, note=_note(context, options, of_panels, ran))


def _note(
    context: FigureContext,
    options: Options,
    of_panels: Mapping[str, Mapping[_Group, Mapping[str, tuple[str, Estimate]]]],
    ran: Sequence[str],
) -> str:
    """Name the bars that are left out; groups without bars with the reason where there is one."""
    absent: list[str | tuple[str, str]] = [label for label in options.series if label not in ran]
    because: dict[str, list[str]] = {}
    several = len(of_panels) > 1
    for title, groups in of_panels.items():
        for group, bars in groups.items():
            name = " ".join(group.name.split())
            place = f"{name} ({' '.join(title.split())})" if several else name
            if bars:
                absent += [(label, place) for label in ran if label not in bars]
            elif reason := options.reasons.get(group.dataset):
                because.setdefault(reason, []).append(name)
            else:
                absent.append(place)
    reasons = [f"{reason}: no bars of {', '.join(dict.fromkeys(names))}." for reason, names in because.items()]
    return " ".join(filter(None, (not_run_note(absent), *reasons)))


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


def _bars_of_group(
    context: FigureContext,
    axis: Axes,
    options: Options,
    position: int,
    group: _Group,
    bars: Mapping[str, tuple[str, Estimate]],
    width: float,
    looks: Mapping[str, Look],
) -> list[float]:
    """Draw the bars of one group side by side, and return how high each goes."""
    highest = []
    for number, (label, (experiment, estimate)) in enumerate(bars.items()):
        place, interval = position + width * (number - (len(bars) - 1) / 2), estimate.interval
        axis.bar(place, interval.value, 0.92 * width, color=looks[label].color, alpha=0.85)
        # White behind the line: a bar may be black.
        axis.vlines(place, interval.low, interval.high, color="white", linewidth=2.6, zorder=3)
        axis.vlines(place, interval.low, interval.high, color="black", linewidth=1.2, zorder=3)
        values = seed_values(context, experiment, group.dataset, options.protocol, group.metric)
        offsets = [place + offset for offset in spread_dots(len(values), 0.5 * width)]
        axis.plot(offsets, values, "o", color="white", markeredgecolor="black", markersize=3.2, zorder=4)
        highest.append(max(interval.high, *values))
        # A decimal fits over a bar as long as not many share the place of a group.
        decimals = int(len(options.series) <= MOST_WITH_DECIMALS)
        axis.annotate(f"{interval.value:.{decimals}f}", (place, highest[-1]), (0, 4), textcoords="offset points",
                      ha="center", va="bottom", fontsize=7.5)  # fmt: skip
    return highest

"""Means as bars, with paired differences to the first that ran beside them (MM-Point spec 9, F6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.figures.arms import ExperimentArms, Look, looks_of
from concord3d.reporting.figures.measured_points import (
    datasets_with,
    estimates_of,
    measure_label,
    paired_difference,
    seed_values,
)
from concord3d.reporting.figures.style import (
    GREY,
    Drawing,
    FigureContext,
    named,
    not_run_note,
    options_of,
    panels,
    placard,
    sorted_kinds,
    spread_dots,
    top_of_percents,
    words,
)

# Letters that fit below a panel side by side; where bars would need more, their labels are slanted.
MOST_LEVEL = 50


class Options(ExperimentArms):
    """Options of ``bars``: label per experiment (the first that ran is the reference), data sets, what is measured."""

    experiments: dict[str, str]
    datasets: list[str]
    protocol: str
    metric: str
    label: str = ""


def draw(context: FigureContext) -> Drawing:
    """Draw means as bars from zero and, beside them, paired differences to the first that ran (MM-Point spec 9, F6)."""
    options = options_of(context, Options)
    experiments = list(options.experiments)
    datasets = datasets_with(context, experiments, options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"{words(options.protocol)} of {named(context, experiments)}")
    figure, axes = panels(2 * len(datasets), columns=2)
    kinds, absent, looks = [], [], looks_of(context)
    for number, dataset in enumerate(datasets):
        found = estimates_of(context, experiments, dataset, options.protocol, options.metric)
        kinds += [estimate.data_kind for estimate in found.values()]
        shown = {experiment: found[experiment] for experiment in experiments if experiment in found}
        _bars(context, axes[2 * number], options, shown, dataset, looks)
        _differences(context, axes[2 * number + 1], options, list(shown), dataset, looks)
        place = context.report.dataset_name(dataset)
        absent += [(label, place) for experiment, label in options.experiments.items() if experiment not in shown]
    note = not_run_note(absent, [context.report.dataset_name(dataset) for dataset in datasets])
    return Drawing(figure, sorted_kinds(kinds), note=note)


def _bars(
    context: FigureContext,
    axis: Axes,
    options: Options,
    found: Mapping[str, Estimate],
    dataset: str,
    looks: Mapping[str, Look],
) -> None:
    labels = [options.experiments[experiment] for experiment in found]
    highest = []
    for place, (experiment, estimate) in enumerate(found.items()):
        interval = estimate.interval
        axis.bar(place, interval.value, 0.62, color=looks[labels[place]].color, alpha=0.85)
        # White behind the line: a bar may be black.
        axis.vlines(place, interval.low, interval.high, color="white", linewidth=3, zorder=3)
        axis.vlines(place, interval.low, interval.high, color="black", linewidth=1.5, zorder=3)
        values = seed_values(context, experiment, dataset, options.protocol, options.metric)
        offsets = [place + offset for offset in spread_dots(len(values), 0.3)]
        axis.plot(offsets, values, "o", color="white", markeredgecolor="black", markersize=4, zorder=4)
        highest.append(max(interval.high, *values))
        axis.annotate(f"{interval.value:.1f}", (place, highest[-1]), (0, 4), textcoords="offset points", ha="center",
                      va="bottom", fontsize=9)  # fmt: skip
    axis.set_xticks(range(len(labels)), labels)
    if max(map(len, labels)) * len(labels) > MOST_LEVEL:
        axis.tick_params("x", rotation=35)
        for text in axis.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
    axis.set_xlim(-0.6, len(labels) - 0.4)
    axis.set_ylim(0, top_of_percents(highest))
    axis.set(title=context.report.dataset_name(dataset), ylabel=measure_label(options.label, options.metric))
    axis.grid(False, axis="x")


def _differences(
    context: FigureContext,
    axis: Axes,
    options: Options,
    shown: Sequence[str],
    dataset: str,
    looks: Mapping[str, Look],
) -> None:
    reference, *others = shown
    names = [options.experiments[experiment] for experiment in others]
    axis.axvline(0, color="black", linewidth=0.9)
    for place, experiment in enumerate(others):
        found = paired_difference(context, experiment, reference, dataset, options.protocol, options.metric)
        color = looks[names[place]].color
        if found.difference is None or found.low is None or found.high is None:
            axis.text(0, place, " not paired", va="center", color=GREY)
            continue
        axis.hlines(place, found.low, found.high, color=color, linewidth=2)
        axis.plot(found.difference, place, "o", color=color)
        axis.annotate(f"{found.difference:+.1f}", (found.difference, place), (0, 6), textcoords="offset points",
                      ha="center", fontsize=9)  # fmt: skip
    axis.set_yticks(range(len(others)), names)
    axis.set_ylim(-0.6, max(len(others), 1) - 0.4)
    axis.set(
        title=f"{context.report.dataset_name(dataset)}: paired difference",
        xlabel=f"points above '{options.experiments[reference]}'",
    )
    axis.grid(False, axis="y")

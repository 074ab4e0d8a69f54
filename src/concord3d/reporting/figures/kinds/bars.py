"""Means as bars, with paired differences to the first that ran beside them (MM-Point spec 9, F6)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from concord3d.config.validation import StrictModel
from concord3d.reporting.claims.comparisons import Comparison, compare
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.measured_points import (
    datasets_with,
    estimates_of,
    measure_label,
    seed_values,
)
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
    spread_dots,
    words,
)
from concord3d.reporting.specs.claim_spec import ClaimPart, Term

# Labels of more bars than this are slanted.
MOST_LEVEL = 5


class Options(StrictModel):
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
    kinds = []
    for number, dataset in enumerate(datasets):
        found = estimates_of(context, experiments, dataset, options.protocol, options.metric)
        kinds += [estimate.data_kind for estimate in found.values()]
        _bars(context, axes[2 * number], options, found, dataset)
        reference = next(experiment for experiment in experiments if experiment in found)
        _differences(context, axes[2 * number + 1], options, reference, dataset)
    return Drawing(figure, sorted_kinds(kinds))


def _bars(context: FigureContext, axis: Axes, options: Options, found: Mapping[str, Estimate], dataset: str) -> None:
    for place, (experiment, label) in enumerate(options.experiments.items()):
        if experiment not in found:
            axis.text(place, 1, "not run", rotation=90, ha="center", va="bottom", color=GREY)
            continue
        interval = found[experiment].interval
        axis.bar(place, interval.value, 0.62, color=COLORS[place % len(COLORS)], alpha=0.85, label=in_legend(label))
        axis.vlines(place, interval.low, interval.high, color="black", linewidth=1.5, zorder=3)
        values = seed_values(context, experiment, dataset, options.protocol, options.metric)
        offsets = [place + offset for offset in spread_dots(len(values), 0.3)]
        axis.plot(offsets, values, "o", color="white", markeredgecolor="black", markersize=4, zorder=4)
        axis.text(place, interval.high + 1.2, f"{interval.value:.1f}", ha="center", va="bottom", fontsize=9)
    axis.set_xticks(range(len(options.experiments)), list(options.experiments.values()))
    if len(options.experiments) > MOST_LEVEL:
        axis.tick_params("x", rotation=35)
        for text in axis.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
    axis.set_xlim(-0.6, len(options.experiments) - 0.4)
    axis.set_ylim(0, 108)
    axis.set(title=context.report.dataset_name(dataset), ylabel=measure_label(options.label, options.metric))
    axis.grid(False, axis="x")


def _differences(context: FigureContext, axis: Axes, options: Options, reference: str, dataset: str) -> None:
    others = [experiment for experiment in options.experiments if experiment != reference]
    axis.axvline(0, color="black", linewidth=0.9)
    for place, experiment in enumerate(others):
        found = _difference(context, experiment, reference, options, dataset)
        color = COLORS[list(options.experiments).index(experiment) % len(COLORS)]
        if found.difference is None or found.low is None or found.high is None:
            axis.text(0, place, " not run", va="center", color=GREY)
            continue
        axis.hlines(place, found.low, found.high, color=color, linewidth=2)
        axis.plot(found.difference, place, "o", color=color)
        axis.annotate(f"{found.difference:+.1f}", (found.difference, place), (0, 6), textcoords="offset points",
                      ha="center", fontsize=9)  # fmt: skip
    axis.set_yticks(range(len(others)), [options.experiments[experiment] for experiment in others])
    axis.set_ylim(-0.6, len(others) - 0.4)
    axis.set(
        title=f"{context.report.dataset_name(dataset)}: paired difference",
        xlabel=f"points above '{options.experiments[reference]}'",
    )
    axis.grid(False, axis="y")


def _difference(context: FigureContext, experiment: str, reference: str, options: Options, dataset: str) -> Comparison:
    part = ClaimPart(
        name=experiment,
        lhs=Term(experiment=experiment),
        rhs=Term(experiment=reference),
        dataset=dataset,
        protocol=options.protocol,
        metric=options.metric,
    )
    return compare(context.results, part)

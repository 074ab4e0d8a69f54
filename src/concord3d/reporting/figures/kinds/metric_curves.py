"""The metrics of one protocol as a curve per experiment."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from pydantic import Field

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.figures.measured_points import (
    draw_curve,
    draw_seed_dots,
    estimates_of,
    seed_values,
)
from concord3d.reporting.figures.style import (
    COLORS,
    MARKERS,
    Drawing,
    FigureContext,
    legend_entries,
    options_of,
    panels,
    placard,
    shared_legend,
    sorted_kinds,
)


class Options(StrictModel):
    """Options of ``metric_curves``: label per experiment, data sets, and the metric of the protocol at each x."""

    experiments: dict[str, str]
    datasets: list[str]
    protocol: str
    metrics: dict[float, str] = Field(min_length=2)
    x_label: str
    y_label: str
    log_x: bool = False


def draw(context: FigureContext) -> Drawing:
    """Draw the metrics of one protocol as a curve per experiment, one panel per data set."""
    options = options_of(context, Options)
    names = list(options.experiments)
    datasets = [
        dataset
        for dataset in options.datasets
        if any(estimates_of(context, names, dataset, options.protocol, m) for m in options.metrics.values())
    ]
    if not datasets:
        return placard(context, f"{options.protocol} of {', '.join(names)}")
    columns = 2 * len(datasets)
    figure, axes = panels(len(datasets), legend_rows=-(-len(names) // columns))
    kinds: list[str] = []
    for axis, dataset in zip(axes, datasets, strict=True):
        for number, experiment in enumerate(names):
            kinds += _metric_curve(context, axis, options, experiment, number, dataset)
        if options.log_x:
            axis.set_xscale("log", base=2)
        axis.set_xticks(sorted(options.metrics), [f"{x:g}" for x in sorted(options.metrics)], minor=False)
        axis.minorticks_off()
        axis.set(title=dataset, xlabel=options.x_label, ylabel=options.y_label)
    drawn = legend_entries(axes)
    nothing = Line2D([], [], linestyle="")
    entries = {n if n in drawn else f"{n} (not run)": drawn.get(n, nothing) for n in options.experiments.values()}
    shared_legend(figure, entries, columns=columns)
    return Drawing(figure, sorted_kinds(kinds))


def _metric_curve(
    context: FigureContext, axis: Axes, options: Options, experiment: str, number: int, dataset: str
) -> list[str]:
    points: list[tuple[float, Estimate]] = []
    for x, metric in sorted(options.metrics.items()):
        estimate = context.results.estimate(Address(experiment, dataset, options.protocol, metric))
        points += [(x, estimate)] if estimate is not None else []
    label, color = options.experiments[experiment], COLORS[number % len(COLORS)]
    if not points:
        return []
    draw_curve(axis, points, color, MARKERS[number % len(MARKERS)], label)
    for x, _ in points:
        # No width: on an axis of logarithms equal offsets would not look equal, and the values differ visibly.
        values = seed_values(context, experiment, dataset, options.protocol, options.metrics[x])
        draw_seed_dots(axis, x, values, color, 0.0)
    return [estimate.data_kind for _, estimate in points]

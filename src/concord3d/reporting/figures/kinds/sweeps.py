"""A number against each of several settings."""

from __future__ import annotations

from matplotlib.axes import Axes
from pydantic import Field

from concord3d.config.validation import StrictModel
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.measured_points import (
    datasets_with,
    draw_curve,
    draw_seed_dots,
    estimates_of,
    measure_label,
    one_point,
    seed_values,
)
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    MARKERS,
    Drawing,
    FigureContext,
    legend_entries,
    named,
    options_of,
    panels,
    placard,
    shared_legend,
    sorted_kinds,
    words,
)


class Sweep(StrictModel):
    """One setting and the experiment at each of its values."""

    x_label: str
    experiments: dict[float, str] = Field(min_length=2)


class Options(StrictModel):
    """Options of ``sweeps``.

    Attributes:
        sweeps: Settings, across; one that a scale runs nothing of is left out.
        datasets: Down.
        references: Label per experiment that is drawn as a level line to compare with.
        curve: What the legend calls the curve, where there are references.
        protocol: What is measured.
        metric: Likewise.
        label: Of the axis.
    """

    sweeps: list[Sweep] = Field(min_length=1)
    datasets: list[str]
    references: dict[str, str] = {}
    curve: str = ""
    protocol: str
    metric: str
    label: str = ""


def draw(context: FigureContext) -> Drawing:
    """Draw a number against each setting, one column per setting, one row per data set."""
    options = options_of(context, Options)
    experiments = [experiment for sweep in options.sweeps for experiment in sweep.experiments.values()]
    datasets = datasets_with(context, experiments, options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"{words(options.protocol)} of {named(context, experiments)}")
    if alone := one_point(context, experiments, datasets, options.protocol, options.metric):
        return alone
    sweeps = [
        sweep
        for sweep in options.sweeps
        if datasets_with(context, list(sweep.experiments.values()), datasets, options.protocol, options.metric)
    ]
    columns = len(sweeps)
    figure, axes = panels(len(datasets) * columns, columns=columns, legend_rows=1 if options.references else 0)
    kinds: list[str] = []
    for index, axis in enumerate(axes):
        dataset, sweep = datasets[index // columns], sweeps[index % columns]
        kinds += _sweep_panel(context, axis, options, sweep, dataset)
        name = context.report.dataset_name(dataset)
        axis.set(title=name, xlabel=sweep.x_label, ylabel=measure_label(options.label, options.metric))
    if options.references:
        entries = legend_entries(axes)
        shared_legend(figure, entries, columns=len(entries))
    return Drawing(figure, sorted_kinds(kinds))


def _sweep_panel(context: FigureContext, axis: Axes, options: Options, sweep: Sweep, dataset: str) -> list[str]:
    measured = (dataset, options.protocol, options.metric)
    found = estimates_of(context, list(sweep.experiments.values()), *measured)
    points = [(x, found[experiment]) for x, experiment in sorted(sweep.experiments.items()) if experiment in found]
    absent = [x for x, experiment in sorted(sweep.experiments.items()) if experiment not in found]
    if points:
        draw_curve(axis, points, COLORS[0], MARKERS[0], options.curve)
        width = 0.03 * (max(sweep.experiments) - min(sweep.experiments))
        for x, _ in points:
            draw_seed_dots(axis, x, seed_values(context, sweep.experiments[x], *measured), COLORS[0], width)
    levels = estimates_of(context, list(options.references), *measured)
    for number, (experiment, estimate) in enumerate(levels.items(), start=1):
        color = COLORS[number % len(COLORS)]
        axis.axhspan(estimate.interval.low, estimate.interval.high, color=color, alpha=0.12, linewidth=0)
        axis.axhline(
            estimate.interval.value, color=color, linestyle="--", label=in_legend(options.references[experiment])
        )
    places = sorted(sweep.experiments)
    margin = 0.06 * (places[-1] - places[0])
    axis.set_xticks(places, [f"{x:g}" for x in places])
    axis.set_xlim(places[0] - margin, places[-1] + margin)
    for x in absent:
        axis.text(x, 0.02, "not run", rotation=90, ha="center", va="bottom", color=GREY, fontsize=8,
                  transform=axis.get_xaxis_transform())  # fmt: skip
    return [estimate.data_kind for estimate in (*found.values(), *levels.values())]

"""Figures of one number over a setting: sweeps, curves over the metrics of a protocol, accuracy over training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from pydantic import Field

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.estimates import Address, Estimate
from concord3d.reporting.figures.measured_points import (
    datasets_with,
    draw_curve,
    draw_seed_dots,
    estimates_of,
    measure_label,
    seed_values,
)
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
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


class Sweep(StrictModel):
    """One setting and the experiment at each of its values."""

    x_label: str
    experiments: dict[float, str] = Field(min_length=2)


class SweepOptions(StrictModel):
    """Options of ``sweeps``: settings across, data sets down, and experiments to compare with as level lines."""

    sweeps: list[Sweep] = Field(min_length=1)
    datasets: list[str]
    references: dict[str, str] = {}
    protocol: str = ""
    metric: str = ""
    label: str = ""


class MetricCurveOptions(StrictModel):
    """Options of ``metric_curves``: label per experiment, data sets, and the metric of the protocol at each x."""

    experiments: dict[str, str]
    datasets: list[str]
    protocol: str
    metrics: dict[float, str] = Field(min_length=2)
    x_label: str
    y_label: str
    log_x: bool = False


class BudgetOptions(StrictModel):
    """Options of ``training_budget``: experiments in the order of training per label, data sets, what is measured."""

    paths: dict[str, list[str]]
    datasets: list[str]
    protocol: str = ""
    metric: str = ""
    label: str = ""


def draw_sweeps(context: FigureContext) -> Drawing:
    """Draw a number against each setting, one column per setting, one row per data set."""
    options = options_of(context, SweepOptions)
    experiments = [experiment for sweep in options.sweeps for experiment in sweep.experiments.values()]
    datasets = datasets_with(context, experiments, options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"{options.protocol} of {', '.join(dict.fromkeys(experiments))}")
    columns = len(options.sweeps)
    figure, axes = panels(len(datasets) * columns, columns=columns, legend_rows=1 if options.references else 0)
    kinds: list[str] = []
    for index, axis in enumerate(axes):
        dataset, sweep = datasets[index // columns], options.sweeps[index % columns]
        kinds += _sweep_panel(context, axis, options, sweep, dataset)
        axis.set(title=dataset, xlabel=sweep.x_label, ylabel=measure_label(options.label, options.metric))
    if options.references:
        entries = legend_entries(axes)
        shared_legend(figure, entries, columns=len(entries))
    return Drawing(figure, sorted_kinds(kinds))


def _sweep_panel(context: FigureContext, axis: Axes, options: SweepOptions, sweep: Sweep, dataset: str) -> list[str]:
    measured = (dataset, options.protocol, options.metric)
    found = estimates_of(context, list(sweep.experiments.values()), *measured)
    points = [(x, found[experiment]) for x, experiment in sorted(sweep.experiments.items()) if experiment in found]
    absent = [x for x, experiment in sorted(sweep.experiments.items()) if experiment not in found]
    if points:
        draw_curve(axis, points, COLORS[0], MARKERS[0], "with mixing" if options.references else "")
        width = 0.03 * (max(sweep.experiments) - min(sweep.experiments))
        for x, _ in points:
            draw_seed_dots(axis, x, seed_values(context, sweep.experiments[x], *measured), COLORS[0], width)
    levels = estimates_of(context, list(options.references), *measured)
    for number, (experiment, estimate) in enumerate(levels.items(), start=1):
        color = COLORS[number % len(COLORS)]
        axis.axhspan(estimate.interval.low, estimate.interval.high, color=color, alpha=0.12, linewidth=0)
        axis.axhline(estimate.interval.value, color=color, linestyle="--", label=options.references[experiment])
    places = sorted(sweep.experiments)
    margin = 0.06 * (places[-1] - places[0])
    axis.set_xticks(places, [f"{x:g}" for x in places])
    axis.set_xlim(places[0] - margin, places[-1] + margin)
    for x in absent:
        axis.text(x, 0.02, "not run", rotation=90, ha="center", va="bottom", color=GREY, fontsize=8,
                  transform=axis.get_xaxis_transform())  # fmt: skip
    return [estimate.data_kind for estimate in (*found.values(), *levels.values())]


def draw_metric_curves(context: FigureContext) -> Drawing:
    """Draw the metrics of one protocol as a curve per experiment, one panel per data set."""
    options = options_of(context, MetricCurveOptions)
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
    context: FigureContext, axis: Axes, options: MetricCurveOptions, experiment: str, number: int, dataset: str
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


def clouds_seen(context: FigureContext, experiment: str) -> float | None:
    """Return how many clouds the trainings behind an experiment saw, its teachers' included; mean over seeds.

    None where a training has no record. Clouds, not hours: they are the same on every machine.
    """
    seeds = sorted({seed for name, seed in context.results.steps if name == experiment})
    totals = []
    for seed in seeds:
        parts = []
        for name in context.inputs.lineage(experiment):
            steps = context.results.steps.get((name, seed))
            batch = context.inputs.runs.get(name, {}).get("training", {}).get("batch_size")
            parts.append(None if steps is None or batch is None else steps * int(batch))
        known = [part for part in parts if part is not None]
        totals += [sum(known)] if len(known) == len(parts) else []
    return float(np.mean(totals)) if totals else None


def draw_training_budget(context: FigureContext) -> Drawing:
    """Draw accuracy against the clouds seen in all trainings behind it, one line per way of spending them."""
    options = options_of(context, BudgetOptions)
    experiments = [experiment for path in options.paths.values() for experiment in path]
    seen = {experiment: clouds_seen(context, experiment) for experiment in experiments}
    spent = {experiment: clouds for experiment, clouds in seen.items() if clouds}
    datasets = datasets_with(context, list(spent), options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"{options.protocol} and the trainings of {', '.join(dict.fromkeys(experiments))}")
    unit, word = (1e6, "million clouds") if max(spent.values()) >= 1e6 else (1e3, "thousand clouds")
    columns = min(len(datasets), 2)
    figure, axes = panels(len(datasets), width=5.0, legend_rows=-(-len(options.paths) // columns))
    kinds: list[str] = []
    for axis, dataset in zip(axes, datasets, strict=True):
        for number, (label, path) in enumerate(options.paths.items()):
            found = estimates_of(context, [e for e in path if e in spent], dataset, options.protocol, options.metric)
            kinds += [estimate.data_kind for estimate in found.values()]
            _budget_line(axis, found, {e: spent[e] / unit for e in found}, number, label)
        axis.margins(x=0.18)
        axis.set_xlim(left=0)
        axis.set(title=dataset, xlabel=f"{word} seen, teachers included",
                 ylabel=measure_label(options.label, options.metric))  # fmt: skip
    shared_legend(figure, legend_entries(axes), columns=columns)
    return Drawing(figure, sorted_kinds(kinds))


def _budget_line(
    axis: Axes,
    found: Mapping[str, Estimate],
    clouds: Mapping[str, float],
    number: int,
    label: str,
) -> None:
    color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
    if not found:
        axis.plot([], [], color=color, label=f"{label} (not run)")
        return
    # Equal budgets are moved apart, so that their intervals can be told apart.
    points = [(clouds[experiment] * (1 + 0.02 * number), estimate) for experiment, estimate in found.items()]
    draw_curve(axis, points, color, marker, label)

"""Accuracy against the clouds seen in all trainings behind it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.measured_points import (
    datasets_with,
    draw_curve,
    estimates_of,
    measure_label,
)
from concord3d.reporting.figures.style import (
    COLORS,
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


class Options(StrictModel):
    """Options of ``training_budget``: experiments in the order of training per label, data sets, what is measured."""

    paths: dict[str, list[str]]
    datasets: list[str]
    protocol: str
    metric: str
    label: str = ""


def draw(context: FigureContext) -> Drawing:
    """Draw accuracy against the clouds seen in all trainings behind it, one line per way of spending them."""
    options = options_of(context, Options)
    experiments = [experiment for path in options.paths.values() for experiment in path]
    seen = {experiment: clouds_seen(context, experiment) for experiment in experiments}
    spent = {experiment: clouds for experiment, clouds in seen.items() if clouds}
    datasets = datasets_with(context, list(spent), options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"{words(options.protocol)} and the trainings of {named(context, experiments)}")
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
        axis.set(title=context.report.dataset_name(dataset), xlabel=f"{word} seen, teachers included",
                 ylabel=measure_label(options.label, options.metric))  # fmt: skip
    shared_legend(figure, legend_entries(axes), columns=columns)
    return Drawing(figure, sorted_kinds(kinds))


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


def _budget_line(
    axis: Axes,
    found: Mapping[str, Estimate],
    clouds: Mapping[str, float],
    number: int,
    label: str,
) -> None:
    color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
    if not found:
        axis.plot([], [], color=color, label=in_legend(f"{label} (not run)"))
        return
    # Equal budgets are moved apart, so that their intervals can be told apart.
    points = [(clouds[experiment] * (1 + 0.02 * number), estimate) for experiment, estimate in found.items()]
    draw_curve(axis, points, color, marker, label)

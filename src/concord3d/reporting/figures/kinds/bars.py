"""Figures of measured numbers: view curves, component bars, mutual information, all seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from concord3d.config.validation import StrictModel
from concord3d.reporting.claims.comparisons import Comparison, compare
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.evidence.published_values import chosen_cells
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
    options_of,
    panels,
    placard,
    sorted_kinds,
    spread_dots,
)
from concord3d.reporting.specs.claim_spec import ClaimPart, Selector, Term


class CurveOptions(StrictModel):
    """Options of ``views_curve``: per curve, the experiment at each x; data sets; what is measured."""

    curves: dict[str, dict[float, str]]
    datasets: list[str]
    protocol: str = ""
    metric: str = ""
    x_label: str = "views per object"


class BarOptions(StrictModel):
    """Options of ``bars``: label per experiment (the first that ran is the reference), data sets, what is measured."""

    experiments: dict[str, str]
    datasets: list[str]
    protocol: str = ""
    metric: str = ""
    label: str = ""


class HistoryOptions(StrictModel):
    """Options of ``mutual_information``: label per experiment, and the keys of the training history."""

    experiments: dict[str, str]
    key: str
    count: str


class SeedOptions(StrictModel):
    """Options of ``seeds``: what is measured, data sets, and the published value to draw as a line."""

    protocol: str
    metric: str
    datasets: list[str]
    reference: Selector | None = None
    label: str = ""


def draw_views_curve(context: FigureContext) -> Drawing:
    """Draw accuracy against a setting, one panel per data set (MM-Point spec 9, F4)."""
    options = options_of(context, CurveOptions)
    experiments = [experiment for curve in options.curves.values() for experiment in curve.values()]
    datasets = datasets_with(context, experiments, options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"{options.protocol} of {', '.join(dict.fromkeys(experiments))}")
    figure, axes = panels(len(datasets))
    kinds = []
    for axis, dataset in zip(axes, datasets, strict=True):
        shown: set[float] = set()
        for number, (label, curve) in enumerate(options.curves.items()):
            found = estimates_of(context, list(curve.values()), dataset, options.protocol, options.metric)
            points = [(x, found[experiment]) for x, experiment in sorted(curve.items()) if experiment in found]
            if not points:
                continue
            kinds += [estimate.data_kind for _, estimate in points]
            shown |= {x for x, _ in points}
            color, shift = COLORS[number], 0.06 * (number - (len(options.curves) - 1) / 2)
            draw_curve(axis, [(x + shift, estimate) for x, estimate in points], color, MARKERS[number], label)
            for x, _ in points:
                values = seed_values(context, curve[x], dataset, options.protocol, options.metric)
                draw_seed_dots(axis, x + shift, values, color, 0.1)
        axis.set_xticks(sorted(shown), [f"{x:g}" for x in sorted(shown)])
        axis.set(title=dataset, xlabel=options.x_label, ylabel=f"{options.metric.replace('_', ' ')} (%)")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=len(options.curves))
    return Drawing(figure, sorted_kinds(kinds))


def draw_bars(context: FigureContext) -> Drawing:
    """Draw means as bars from zero and, beside them, paired differences to the first that ran (MM-Point spec 9, F6)."""
    options = options_of(context, BarOptions)
    experiments = list(options.experiments)
    datasets = datasets_with(context, experiments, options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"{options.protocol} of {', '.join(experiments)}")
    figure, axes = panels(2 * len(datasets), columns=2)
    kinds = []
    for number, dataset in enumerate(datasets):
        found = estimates_of(context, experiments, dataset, options.protocol, options.metric)
        kinds += [estimate.data_kind for estimate in found.values()]
        _bars(context, axes[2 * number], options, found, dataset)
        reference = next(experiment for experiment in experiments if experiment in found)
        _differences(context, axes[2 * number + 1], options, reference, dataset)
    return Drawing(figure, sorted_kinds(kinds))


def _bars(context: FigureContext, axis: Axes, options: BarOptions, found: Mapping[str, Estimate], dataset: str) -> None:
    for place, (experiment, label) in enumerate(options.experiments.items()):
        if experiment not in found:
            axis.text(place, 1, "not run", rotation=90, ha="center", va="bottom", color=GREY)
            continue
        interval = found[experiment].interval
        axis.bar(place, interval.value, 0.62, color=COLORS[place % len(COLORS)], alpha=0.85, label=label)
        axis.vlines(place, interval.low, interval.high, color="black", linewidth=1.5, zorder=3)
        values = seed_values(context, experiment, dataset, options.protocol, options.metric)
        offsets = [place + offset for offset in spread_dots(len(values), 0.3)]
        axis.plot(offsets, values, "o", color="white", markeredgecolor="black", markersize=4, zorder=4)
        axis.text(place, interval.high + 1.2, f"{interval.value:.1f}", ha="center", va="bottom", fontsize=9)
    axis.set_xticks(range(len(options.experiments)), list(options.experiments.values()))
    axis.set_xlim(-0.6, len(options.experiments) - 0.4)
    axis.set_ylim(0, 108)
    axis.set(title=dataset, ylabel=measure_label(options.label, options.metric))
    axis.grid(False, axis="x")


def _differences(context: FigureContext, axis: Axes, options: BarOptions, reference: str, dataset: str) -> None:
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
    axis.set(title=f"{dataset}: paired difference", xlabel=f"points above '{options.experiments[reference]}'")
    axis.grid(False, axis="y")


def _difference(
    context: FigureContext, experiment: str, reference: str, options: BarOptions, dataset: str
) -> Comparison:
    part = ClaimPart(
        name=experiment,
        lhs=Term(experiment=experiment),
        rhs=Term(experiment=reference),
        dataset=dataset,
        protocol=options.protocol,
        metric=options.metric,
    )
    return compare(context.results, part)


def draw_mutual_information(context: FigureContext) -> Drawing:
    """Draw the bound on mutual information over training (MM-Point spec 9, F3)."""
    options = options_of(context, HistoryOptions)
    figure, (axis,) = panels(1, width=6.4)
    kinds, counts = [], set()
    for number, (experiment, label) in enumerate(options.experiments.items()):
        curves = defaultdict(list)
        for (name, _), history in sorted(context.results.histories.items()):
            for entry in history if name == experiment else []:
                held_out = entry.get("held_out", {})
                if options.key in held_out:
                    curves[int(entry["epoch"])].append(float(held_out[options.key]))
                    counts.add(int(held_out.get(options.count, 0)))
        if not curves:
            continue
        color, epochs = COLORS[number % len(COLORS)], sorted(curves)
        pretrain = context.inputs.runs.get(experiment, {}).get("pretrain") or {}
        kinds.append(str(pretrain.get("data_kind", "")))
        means = [float(np.mean(curves[epoch])) for epoch in epochs]
        axis.plot(epochs, means, marker=MARKERS[number % len(MARKERS)], color=color, label=label)
        for epoch in epochs:
            axis.plot([epoch] * len(curves[epoch]), curves[epoch], ".", color=color, alpha=0.5, markersize=6)
    if not axis.lines:
        return placard(context, f"trainings of {', '.join(options.experiments)}")
    for count in sorted(counts - {0}):
        bound = float(np.log(2 * count - 1))
        axis.axhline(bound, color=GREY, linestyle="--", linewidth=1)
        axis.annotate(f"log(2N - 1), N = {count}", (0, bound), (4, -11), xycoords=("axes fraction", "data"),
                      textcoords="offset points", fontsize=8.5, color=GREY)  # fmt: skip
    axis.set(xlabel="epoch", ylabel="lower bound (nat), held-out objects")
    axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))
    axis.set_xlim(axis.dataLim.x0 - 0.5, axis.dataLim.x1 + 0.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.legend(loc="best")
    return Drawing(figure, sorted_kinds(kinds))


def draw_seeds(context: FigureContext) -> Drawing:
    """Draw every seed of every experiment as a dot, with intervals and the published value as a line."""
    options = options_of(context, SeedOptions)
    experiments = list(context.labels)
    datasets = datasets_with(context, experiments, options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"any {options.protocol} result")
    present = [
        e for e in experiments if any(seed_values(context, e, d, options.protocol, options.metric) for d in datasets)
    ]
    longest = max(len(context.labels[experiment]) for experiment in present)
    width = max(5.6, 4.0 + 0.08 * longest / len(datasets))
    figure, axes = panels(len(datasets), width=width, height=max(2.2, 0.34 * len(present) + 1.0))
    kinds = []
    for panel, (axis, dataset) in enumerate(zip(axes, datasets, strict=True)):
        found = estimates_of(context, present, dataset, options.protocol, options.metric)
        kinds += [estimate.data_kind for estimate in found.values()]
        for place, experiment in enumerate(present):
            if experiment not in found:
                axis.text(0.02, place, "not run", va="center", color=GREY, transform=axis.get_yaxis_transform())
                continue
            values = seed_values(context, experiment, dataset, options.protocol, options.metric)
            interval = found[experiment].interval
            axis.hlines(place, interval.low, interval.high, color=COLORS[0], linewidth=1.6)
            axis.plot(values, [place + o for o in spread_dots(len(values), 0.3)], "o", color=COLORS[1], markersize=5)
        axis.set_yticks(
            range(len(present)), [context.labels[e] for e in present] if panel == 0 else [""] * len(present)
        )
        axis.set_ylim(len(present) - 0.5, -0.5)
        axis.set(title=dataset, xlabel=measure_label(options.label, options.metric))
        _reference_line(context, axis, options, dataset, found)
    return Drawing(figure, sorted_kinds(kinds))


def _reference_line(
    context: FigureContext, axis: Axes, options: SeedOptions, dataset: str, found: Mapping[str, Estimate]
) -> None:
    # A published value says nothing about synthetic data, so it is drawn beside real results only.
    if options.reference is None or not all(estimate.data_kind == "real" for estimate in found.values()):
        return
    for cell in chosen_cells(context.published, options.reference.model_dump(exclude_none=True)):
        if cell.value is not None and dataset in context.report.datasets.get(cell.dataset, ()):
            axis.axvline(cell.value, color=GREY, linestyle="--", linewidth=1.2)
            axis.set_title(f"{dataset}\n(dashed: published {cell.method}, {cell.text})", fontsize=9.5)
            return

"""Printed values against reruns by others and by us (MM-Point spec 9, F8)."""

from __future__ import annotations

from typing import Any, NamedTuple

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.audit import candidate_sets
from concord3d.reporting.evidence.published_values import PublishedCell, chosen_cells
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    Drawing,
    FigureContext,
    options_of,
    panels,
)
from concord3d.reporting.specs.claim_spec import Selector
from concord3d.reporting.tables.cells import build_cells
from concord3d.reporting.tables.table_files import SELECTION_WORDS
from concord3d.statistics.intervals import binomial_interval


class RerunPair(StrictModel):
    """A printed value and a rerun of it by others."""

    label: str
    printed: Selector
    rerun: Selector


class Options(StrictModel):
    """Options of ``rerun_scatter``: tables whose cells we re-ran, and reruns by others."""

    tables: list[str]
    pairs: list[RerunPair] = []


class ScatterPoint(NamedTuple):
    """A printed value, its rerun, and the rerun's interval."""

    label: str
    dataset: str
    printed: float
    rerun: float
    low: float
    high: float
    ours: bool


def draw(context: FigureContext) -> Drawing:
    """Draw printed values against reruns by others and by us, with intervals of the test set (MM-Point spec 9, F8)."""
    options = options_of(context, Options)
    points = [*_rerun_points(context, options), *_our_points(context, options)]
    figure, (axis, forest) = panels(2, width=6.0, height=max(4.4, 0.27 * len(points) + 1.2))
    places: dict[str, int] = {}
    for row, point in enumerate(points):
        color = COLORS[places.setdefault(point.dataset, len(places)) % len(COLORS)]
        marker, size = ("s", 7) if point.ours else ("o", 5)
        look: dict[str, Any] = {"marker": marker, "markersize": size, "color": color}
        axis.vlines(point.printed, point.low, point.high, color=color, linewidth=1.3, alpha=0.8)
        axis.plot(point.printed, point.rerun, **look)
        forest.hlines(row, point.low - point.printed, point.high - point.printed, color=color, linewidth=1.6)
        forest.plot(point.rerun - point.printed, row, **look)
    low = min([min(point.low, point.printed) for point in points], default=1.0) - 1
    high = max([max(point.high, point.printed) for point in points], default=99.0) + 1
    axis.plot([low, high], [low, high], color=GREY, linestyle="--", linewidth=1)
    for dataset, index in places.items():
        axis.plot([], [], "o", color=COLORS[index % len(COLORS)], label=in_legend(dataset))
    if any(point.ours for point in points):
        axis.plot([], [], "s", color=GREY, label="rerun here")
    axis.plot([], [], "o", color=GREY, label="rerun by others", markersize=5)
    axis.set(xlabel="printed (%)", ylabel="rerun (%), 95 % interval")
    axis.legend(loc="upper left")
    forest.axvline(0, color="black", linewidth=0.9)
    names = [f"{point.label}: {point.printed:.1f} -> {point.rerun:.1f}" for point in points]
    forest.set_yticks(range(len(points)), names, fontsize=8.5)
    forest.set_ylim(len(points) - 0.4, -0.6)
    forest.set(xlabel="rerun minus printed (points)", title="the same, as differences")
    forest.grid(False, axis="y")
    if any(evaluation.data_kind == "synthetic" for evaluation in context.results.evaluations):
        axis.set_title("ours at this scale is synthetic, not comparable and not shown", fontsize=9, color=GREY)
    shown = any(point.ours for point in points)
    return Drawing(figure, ("real",) if shown else ("none of ours (published values and reruns only)",))


def _rerun_points(context: FigureContext, options: Options) -> list[ScatterPoint]:
    points: list[ScatterPoint] = []
    for pair in options.pairs:
        printed, rerun = _one(context, pair.printed), _one(context, pair.rerun)
        if printed is None or rerun is None or printed.value is None or rerun.value is None:
            continue
        candidates = candidate_sets(rerun, context.report.audit)
        low = high = rerun.value
        if candidates:
            num = candidates[0].size
            interval = binomial_interval(round(rerun.value * num / 100), num).scaled(100)
            low, high = interval.low, interval.high
        points.append(ScatterPoint(pair.label, rerun.dataset, printed.value, rerun.value, low, high, False))
    return points


def _our_points(context: FigureContext, options: Options) -> list[ScatterPoint]:
    points: list[ScatterPoint] = []
    for name in options.tables:
        spec = context.report.table(name)
        table = build_cells(context.report, spec, context.published, context.results, context.inputs, context.labels)
        for cell in table.cells:
            selection = spec.selections[0]
            if cell.published is None or cell.published.value is None or cell.difference(selection) is None:
                continue
            interval = cell.estimates[selection].interval
            rule = "" if selection == "last" else f", {SELECTION_WORDS[selection]}"
            label = f"{cell.method.split(' (')[0]} here ({cell.experiment}{rule})"
            numbers = (cell.published.value, interval.value, interval.low, interval.high)
            points.append(ScatterPoint(label, cell.dataset, *numbers, True))
    return points


def _one(context: FigureContext, selector: Selector) -> PublishedCell | None:
    found = chosen_cells(context.published, selector.model_dump(exclude_none=True))
    return next((cell for cell in found if cell.value is not None), None)

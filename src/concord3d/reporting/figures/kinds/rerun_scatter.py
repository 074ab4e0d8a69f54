"""Printed values against reruns by others and by us (MM-Point spec 9, F8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.audit import candidate_sets
from concord3d.reporting.evidence.published_values import PublishedCell, chosen_cells
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    Drawing,
    FigureContext,
    named,
    options_of,
    panels,
)
from concord3d.reporting.specs.claim_spec import Selector
from concord3d.reporting.tables.cells import build_cells
from concord3d.reporting.tables.table_files import SELECTION_WORDS
from concord3d.statistics.intervals import binomial_interval

# Percentage points. A difference above this would squeeze all others.
FAR = 10.0
# In points of print: a digit's width and height, how far beside its point a number stands, and farther places to try.
_LETTER, _BESIDE = (4.8, 8.0), 10.0
_OFFSETS = [
    (radius * np.cos(angle), radius * np.sin(angle))
    for radius in (_BESIDE, 17.0, 25.0, 33.0)
    for angle in np.deg2rad([0, 180, 30, -30, 150, -150, 60, -60, 120, -120])
]


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
    far = {number for number, point in enumerate(points) if abs(point.rerun - point.printed) > FAR}
    if len(far) == len(points):
        far = set()
    figure, (axis, forest) = panels(2, width=6.4, height=max(4.4, 0.27 * len(points) + 1.2))
    places = {dataset: number for number, dataset in enumerate(dict.fromkeys(point.dataset for point in points))}
    looks = [_look(point, COLORS[places[point.dataset] % len(COLORS)]) for point in points]
    _scatter(axis, points, looks, far)
    for dataset, number in places.items():
        axis.plot([], [], "o", color=COLORS[number % len(COLORS)], label=in_legend(dataset))
    if any(point.ours for point in points):
        axis.plot([], [], "s", color=GREY, label="rerun here")
    axis.plot([], [], "o", color=GREY, label="rerun by others", markersize=5)
    axis.legend(loc="upper left")
    _forest(forest, points, looks, far)
    if any(evaluation.data_kind == "synthetic" for evaluation in context.results.evaluations):
        axis.set_title("ours at this scale is synthetic, not comparable and not shown", fontsize=9, color=GREY)
    _number(axis, {number + 1: point for number, point in enumerate(points) if number not in far})
    shown = any(point.ours for point in points)
    numbers = ", ".join(str(number + 1) for number in sorted(far))
    note = f"More than {FAR:g} points from the printed value, on the right alone and beyond its axis: {numbers}."
    kinds = ("real",) if shown else ("none of ours (published values and reruns only)",)
    return Drawing(figure, kinds, note=note if far else "")


def _look(point: ScatterPoint, color: str) -> dict[str, Any]:
    marker, size = ("s", 7) if point.ours else ("o", 5)
    return {"marker": marker, "markersize": size, "color": color}


def _scatter(axis: Axes, points: Sequence[ScatterPoint], looks: Sequence[dict[str, Any]], far: set[int]) -> None:
    near = [(number, point) for number, point in enumerate(points) if number not in far]
    for number, point in near:
        axis.vlines(point.printed, point.low, point.high, color=looks[number]["color"], linewidth=1.3, alpha=0.8)
        axis.plot(point.printed, point.rerun, **looks[number])
    low = min([min(point.low, point.printed) for _, point in near], default=1.0) - 1
    high = max([max(point.high, point.printed) for _, point in near], default=99.0) + 1
    axis.plot([low, high], [low, high], color=GREY, linestyle="--", linewidth=1)
    axis.set(xlabel="printed (%)", ylabel="rerun (%), 95 % interval")


def _number(axis: Axes, points: Mapping[int, ScatterPoint]) -> None:
    """Write each point's number where it covers no marker and no other number, with a line from where it stands off."""
    # Where points lie on the page is known once the layout is.
    figure = axis.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    spots = {n: scale * axis.transData.transform((point.printed, point.rerun)) for n, point in points.items()}
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in spots.values()]
    for number, (left, low) in spots.items():
        width = _LETTER[0] * len(str(number))
        for x, y in _OFFSETS:
            box = Bbox.from_bounds(left + x - width / 2, low + y - _LETTER[1] / 2, width, _LETTER[1])
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)
        line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2}
        axis.annotate(str(number), (points[number].printed, points[number].rerun), (x, y), ha="center", va="center",
                      textcoords="offset points", fontsize=7.5,
                      arrowprops=line if np.hypot(x, y) > _BESIDE else None)  # fmt: skip


def _forest(axis: Axes, points: Sequence[ScatterPoint], looks: Sequence[dict[str, Any]], far: set[int]) -> None:
    """Draw differences a row each, on an axis that holds those that are near; of others an arrow and the number."""
    near = [point for number, point in enumerate(points) if number not in far]
    low = min([0.0, *(point.low - point.printed for point in near)]) - 1
    high = max([0.0, *(point.high - point.printed for point in near)]) + 1
    for row, point in enumerate(points):
        difference = point.rerun - point.printed
        if row in far:
            place, arrow, align, step = (high, ">", "right", -8) if difference > 0 else (low, "<", "left", 8)
            axis.plot(place, row, arrow, color=looks[row]["color"], markersize=8, clip_on=False)
            axis.annotate(f"{difference:+.1f}", (place, row), (step, 0), textcoords="offset points", ha=align,
                          va="center", fontsize=8.5)  # fmt: skip
            continue
        axis.hlines(
            row, point.low - point.printed, point.high - point.printed, color=looks[row]["color"], linewidth=1.6
        )
        axis.plot(difference, row, **looks[row])
    axis.axvline(0, color="black", linewidth=0.9)
    names = [f"{p.label}: {p.printed:.1f} -> {p.rerun:.1f}  {number}" for number, p in enumerate(points, start=1)]
    axis.set_yticks(range(len(points)), names, fontsize=8.5)
    axis.set(xlim=(low, high), ylim=(len(points) - 0.4, -0.6))
    axis.set(xlabel="rerun minus printed (points)", title="the same, as differences")
    axis.grid(False, axis="y")


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
            label = f"{named(context, [cell.experiment])}, here{rule}"
            numbers = (cell.published.value, interval.value, interval.low, interval.high)
            points.append(ScatterPoint(label, cell.dataset, *numbers, True))
    return points


def _one(context: FigureContext, selector: Selector) -> PublishedCell | None:
    found = chosen_cells(context.published, selector.model_dump(exclude_none=True))
    return next((cell for cell in found if cell.value is not None), None)

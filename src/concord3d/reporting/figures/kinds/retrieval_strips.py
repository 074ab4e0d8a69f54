"""A query and the first scans that each method finds for it, seen from above (CrossOver spec 10, Fig. 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from pydantic import PositiveInt

from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.figures.examples import ExampleOptions, examples_with, show_picture, without_scales
from concord3d.reporting.figures.style import (
    COLORS,
    Drawing,
    FigureContext,
    named,
    not_run_note,
    options_of,
    panels,
    placard,
    shortened,
    sorted_kinds,
    words,
)

# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True
TICK, CROSS, RIGHT, WRONG = "\u2713", "\u2717", COLORS[2], COLORS[1]
NUM_FOUND = 4
_NAME_WIDTH = 16


class Options(ExampleOptions):
    """Options of ``retrieval_strips``; experiments are the rows below every query.

    Attributes:
        num_queries: Queries that are shown.
        query_title: Above the query's picture.
    """

    num_queries: PositiveInt = 2
    query_title: str = "query"


def draw(context: FigureContext) -> Drawing:
    """Draw each query with its floorplan, and a row of the four best scans for each experiment."""
    options = options_of(context, Options)
    found = examples_with(context, options.experiments, options.dataset, options.protocol, "strip_found")
    if not found:
        return placard(context, f"scans found by {named(context, options.experiments)}")
    queries = _common_queries(list(found.values()))[: options.num_queries]
    if not queries:
        return placard(context, "queries that all these experiments have")
    # The floorplan stands below the query where there is a second row, else beside it.
    lead = 1 if len(found) > 1 else 2
    columns = lead + NUM_FOUND
    figure, axes = panels(len(queries) * len(found) * columns, 1.3, 1.5, columns=columns)
    for number, query in enumerate(queries):
        for row, (experiment, evaluation) in enumerate(found.items()):
            start = (number * len(found) + row) * columns
            strip = axes[start : start + columns]
            for axis in strip:
                without_scales(axis)
            if row == 0:
                floorplan = axes[start + columns] if lead == 1 else strip[1]
                _query((strip[0], floorplan), evaluation, query, options.query_title)
            _strip(strip[lead:], evaluation, query, options.experiments[experiment], number == 0 and row == 0)
    absent = [label for experiment, label in options.experiments.items() if experiment not in found]
    kinds = sorted_kinds(evaluation.data_kind for evaluation in found.values())
    return Drawing(figure, kinds, note=" ".join(filter(None, (_marks(found, queries), not_run_note(absent)))))


def _marks(found: Mapping[str, Evaluation], queries: Sequence[int]) -> str:
    """Explain the marks that occur."""
    right = [
        scan == query
        for evaluation in found.values()
        for query in queries
        for scan in _found_of(evaluation, query)[:NUM_FOUND]
    ]
    told = [f"{TICK} the scan that asks" if any(right) else "", f"{CROSS} another scan" if not all(right) else ""]
    return f"{', '.join(filter(None, told))}."


def _found_of(evaluation: Evaluation, query: int) -> list[int]:
    place = evaluation.arrays["strip_queries"].tolist().index(query)
    found: list[int] = evaluation.arrays["strip_found"][place].tolist()
    return found


def _common_queries(evaluations: Sequence[Evaluation]) -> list[int]:
    """Return the scans that are queries of all evaluations, rising."""
    common = set.intersection(*(set(each.arrays["strip_queries"].tolist()) for each in evaluations))
    return sorted(common)


def _query(axes: Sequence[Axes], evaluation: Evaluation, query: int, title: str) -> None:
    arrays = evaluation.arrays
    place = arrays["strip_rows"].tolist().index(query)
    show_picture(axes[0], arrays["strip_pictures"][place])
    axes[0].set_title(title, fontsize=8)
    axes[0].set_xlabel(shortened(words(str(arrays["strip_names"][place])), _NAME_WIDTH), fontsize=6.5)
    show_picture(axes[1], arrays["strip_floorplans"][arrays["strip_queries"].tolist().index(query)])
    axes[1].set_title("floorplan", fontsize=8)


def _strip(axes: Sequence[Axes], evaluation: Evaluation, query: int, label: str, numbered: bool) -> None:
    arrays = evaluation.arrays
    rows = arrays["strip_rows"].tolist()
    listed = _found_of(evaluation, query)
    axes[0].set_ylabel(label, fontsize=8)
    for number, (axis, scan) in enumerate(zip(axes, listed, strict=False), start=1):
        place = rows.index(scan)
        show_picture(axis, arrays["strip_pictures"][place])
        mark, color = (TICK, RIGHT) if scan == query else (CROSS, WRONG)
        # On white: clouds have every colour.
        disc: dict[str, Any] = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": color}
        place_of_mark: dict[str, Any] = {"ha": "right", "va": "bottom", "transform": axis.transAxes}
        axis.text(0.95, 0.05, mark, fontsize=12, fontweight="bold", color=color, bbox=disc, **place_of_mark)
        axis.set_xlabel(shortened(words(str(arrays["strip_names"][place])), _NAME_WIDTH), fontsize=6.5, labelpad=1)
        if numbered:
            axis.set_title(f"k = {number}", fontsize=8)

"""Accuracy of the linear SVM against its C, for encoders whose features differ in size (MM-Point spec 9, F9)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from pydantic import PositiveFloat

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.evidence.published_values import chosen_cells
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    MARKERS,
    Drawing,
    FigureContext,
    named,
    options_of,
    panels,
    placard,
    sorted_kinds,
    words,
)
from concord3d.reporting.specs.claim_spec import Selector

CURVE = "test_accuracy_curve"


class Options(StrictModel):
    """Options of ``cost_curve``.

    Attributes:
        experiments: Label per experiment.
        datasets: One panel for each that was evaluated on.
        protocol: A protocol of the linear SVM.
        metric: The accuracy of the curve, marked at the C of cross-validation.
        published_cost: The C of the published rule, as a vertical line.
        printed: Published cells, as horizontal lines on their data sets where these are real.
    """

    experiments: dict[str, str]
    datasets: list[str]
    protocol: str
    metric: str
    published_cost: PositiveFloat | None = None
    printed: list[Selector] = []


def draw(context: FigureContext) -> Drawing:
    """Draw accuracy on the test split against C on a logarithmic axis, mean and range over seeds."""
    options = options_of(context, Options)
    datasets = [d for d in options.datasets if any(_curves_of(context, options, e, d) for e in options.experiments)]
    if not datasets:
        return placard(context, f"accuracy by C, {words(options.protocol)} of {named(context, options.experiments)}")
    figure, axes = panels(len(datasets), width=6.4, height=4.6)
    kinds: list[str] = []
    for axis, dataset in zip(axes, datasets, strict=True):
        shown = [
            (number, experiment, found)
            for number, experiment in enumerate(options.experiments)
            if (found := _curves_of(context, options, experiment, dataset))
        ]
        for number, experiment, found in shown:
            _encoder_curve(axis, found, options.metric, number, _label(context, options, experiment, found))
            kinds += [evaluation.data_kind for evaluation in found]
        if options.published_cost is not None:
            axis.axvline(options.published_cost, color=GREY, linestyle="--", linewidth=1, zorder=1)
            axis.annotate("C of the notebooks", (options.published_cost, 1), (4, -10), textcoords="offset points",
                          xycoords=("data", "axes fraction"), fontsize=8.5, color=GREY)  # fmt: skip
        if all(evaluation.data_kind == "real" for _, _, found in shown for evaluation in found):
            _printed_lines(context, axis, options, dataset)
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:g}")
        axis.set(title=context.report.dataset_name(dataset), ylim=(0, 100))
        axis.set(xlabel="C of the linear SVM", ylabel="accuracy on the test split (%)")
        # Below its panel: the sizes of features differ from data set to data set, and curves fill the panel.
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=-(-len(shown) // 4))
    return Drawing(figure, sorted_kinds(kinds))


def _curves_of(context: FigureContext, options: Options, experiment: str, dataset: str) -> list[Evaluation]:
    """Return the evaluations of an experiment that hold a curve, by seed."""
    found = context.results.select(experiment, dataset, options.protocol)
    return [evaluation for evaluation in found if CURVE in evaluation.details]


def _label(context: FigureContext, options: Options, experiment: str, found: Sequence[Evaluation]) -> str:
    encoder = str(context.inputs.runs.get(experiment, {}).get("encoder", {}).get("name", ""))
    size = float(np.mean([evaluation.details["feature_rms"] for evaluation in found]))
    return f"{options.experiments[experiment]}{f' ({encoder})' if encoder else ''}: feature RMS {size:.2g}"


def _encoder_curve(axis: Axes, found: Sequence[Evaluation], metric: str, number: int, label: str) -> None:
    color = COLORS[number % len(COLORS)]
    curves = [evaluation.details[CURVE]["last"] for evaluation in found]
    costs = sorted(set.intersection(*(set(map(float, curve)) for curve in curves)))
    values = np.array([[{float(c): v for c, v in curve.items()}[cost] for cost in costs] for curve in curves])
    axis.fill_between(costs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2, linewidth=0)
    axis.plot(
        costs,
        values.mean(axis=0),
        marker=MARKERS[number % len(MARKERS)],
        markersize=4,
        color=color,
        label=in_legend(label),
    )
    for evaluation in found:
        for row in evaluation.measurements:
            if (row.metric, row.selection) == (metric, "last"):
                axis.plot([float(evaluation.details["cost"])], [row.value], "o", markersize=10, fillstyle="none",
                          color=color, markeredgewidth=1.4)  # fmt: skip


def _printed_lines(context: FigureContext, axis: Axes, options: Options, dataset: str) -> None:
    for selector in options.printed:
        for cell in chosen_cells(context.published, selector.model_dump(exclude_none=True)):
            if cell.value is not None and dataset in context.report.datasets.get(cell.dataset, []):
                axis.axhline(cell.value, color=GREY, linestyle=":", linewidth=1, zorder=1)
                axis.annotate(f"printed: {cell.method} {cell.text}", (0.99, cell.value), (0, 2), fontsize=8, color=GREY,
                              ha="right", xycoords=("axes fraction", "data"), textcoords="offset points")  # fmt: skip

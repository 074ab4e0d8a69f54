"""Accuracy of the linear SVM against its C, for encoders whose features differ in size (MM-Point spec 9, F9)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from pydantic import PositiveFloat

from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.evidence.published_values import chosen_cells
from concord3d.reporting.figures.arms import ExperimentArms, Look, looks_of
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.style import (
    GREY,
    Drawing,
    FigureContext,
    named,
    not_run_note,
    options_of,
    panels,
    placard,
    sorted_kinds,
    words,
)
from concord3d.reporting.specs.claim_spec import Selector

CURVE = "test_accuracy_curve"
ENCODERS = {"pointnet": "PointNet", "dgcnn": "DGCNN"}
# Encoders of one method share its colour.
STYLES = ("-", "--", ":", "-.")


class Options(ExperimentArms):
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
    ran: set[str] = set()
    looks = looks_of(context)
    encoders = list(dict.fromkeys(_encoder(context, experiment) for experiment in options.experiments))
    for axis, dataset in zip(axes, datasets, strict=True):
        shown = {e: found for e in options.experiments if (found := _curves_of(context, options, e, dataset))}
        ran |= set(shown)
        for experiment, found in shown.items():
            style = STYLES[encoders.index(_encoder(context, experiment)) % len(STYLES)]
            look, label = looks[options.experiments[experiment]], _label(context, options, experiment, found)
            _encoder_curve(axis, found, options.metric, look, style, label)
            kinds += [evaluation.data_kind for evaluation in found]
        if options.published_cost is not None:
            axis.axvline(options.published_cost, color=GREY, linestyle="--", linewidth=1, zorder=1)
            axis.annotate("C of the notebooks", (options.published_cost, 1), (4, -10), textcoords="offset points",
                          xycoords=("data", "axes fraction"), fontsize=8.5, color=GREY)  # fmt: skip
        if all(evaluation.data_kind == "real" for found in shown.values() for evaluation in found):
            _printed_lines(context, axis, options, dataset)
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:g}")
        axis.set(title=context.report.dataset_name(dataset), ylim=(0, 100))
        axis.set(xlabel="C of the linear SVM", ylabel="accuracy on the test split (%)")
        # Below its panel: the sizes of features differ from data set to data set, and curves fill the panel.
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=-(-len(shown) // 4))
    # By the names of tables, which tell encoders apart also where a scale has no configuration of them.
    absent = [named(context, [experiment]) for experiment in options.experiments if experiment not in ran]
    return Drawing(figure, sorted_kinds(kinds), note=not_run_note(absent))


def _curves_of(context: FigureContext, options: Options, experiment: str, dataset: str) -> list[Evaluation]:
    """Return the evaluations of an experiment that hold a curve, by seed."""
    found = context.results.select(experiment, dataset, options.protocol)
    return [evaluation for evaluation in found if CURVE in evaluation.details]


def _encoder(context: FigureContext, experiment: str) -> str:
    name = str(context.inputs.runs.get(experiment, {}).get("encoder", {}).get("name", ""))
    return ENCODERS.get(name, words(name))


def _label(context: FigureContext, options: Options, experiment: str, found: Sequence[Evaluation]) -> str:
    size = float(np.mean([evaluation.details["feature_rms"] for evaluation in found]))
    encoder = _encoder(context, experiment)
    return f"{options.experiments[experiment]}{f' ({encoder})' if encoder else ''}: feature RMS {size:.2g}"


def _encoder_curve(axis: Axes, found: Sequence[Evaluation], metric: str, look: Look, style: str, label: str) -> None:
    color = look.color
    curves = [{float(cost): float(v) for cost, v in each.details[CURVE]["last"].items()} for each in found]
    chosen = [
        (curve, float(evaluation.details["cost"]), row.value)
        for curve, evaluation in zip(curves, found, strict=True)
        for row in evaluation.measurements
        if (row.metric, row.selection) == (metric, "last")
    ]
    for curve, cost, value in chosen:
        # Cross-validation may go beyond the grid of the curve: the curve of this seed then goes on to its choice.
        if cost > max(curve):
            curve[cost] = value
    costs = sorted(set().union(*curves))
    values = [[curve[cost] for curve in curves if cost in curve] for cost in costs]
    low, high, mean = ([float(of(each)) for each in values] for of in (min, max, np.mean))
    axis.fill_between(costs, low, high, color=color, alpha=0.2, linewidth=0)
    axis.plot(costs, mean, style, marker=look.marker, markersize=4, color=color, label=in_legend(label))
    for _, cost, value in chosen:
        axis.plot([cost], [value], "o", markersize=10, fillstyle="none", color=color, markeredgewidth=1.4)


def _printed_lines(context: FigureContext, axis: Axes, options: Options, dataset: str) -> None:
    for selector in options.printed:
        for cell in chosen_cells(context.published, selector.model_dump(exclude_none=True)):
            if cell.value is not None and dataset in context.report.datasets.get(cell.dataset, []):
                axis.axhline(cell.value, color=GREY, linestyle=":", linewidth=1, zorder=1)
                # Below the right end of its line: the curves of small features rise to the left of it.
                axis.annotate(f"{cell.method} {cell.text}", (0.995, cell.value), (0, -2), fontsize=7.5, color=GREY,
                              ha="right", va="top", xycoords=("axes fraction", "data"),
                              textcoords="offset points")  # fmt: skip

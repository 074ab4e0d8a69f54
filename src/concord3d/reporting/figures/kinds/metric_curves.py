"""The metrics of one protocol as a curve per experiment."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from pydantic import Field, model_validator

from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.evidence.published_values import chosen_cells
from concord3d.reporting.figures.arms import ExperimentArms, Look, looks_of
from concord3d.reporting.figures.measured_points import (
    draw_curve,
    draw_seed_dots,
    estimates_of,
    seed_values,
    shifts_of,
)
from concord3d.reporting.figures.style import (
    GREY,
    Drawing,
    FigureContext,
    legend_entries,
    named,
    not_run_note,
    options_of,
    panels,
    placard,
    shared_legend,
    sorted_kinds,
    words,
)
from concord3d.reporting.specs.claim_spec import Selector

CHANCE, PUBLISHED = "chance", "published"
# Points of print between neighbouring curves, whose x are equal.
SHIFT = 4.0


class Options(ExperimentArms):
    """Options of ``metric_curves``.

    Attributes:
        experiments: Label per experiment.
        datasets: One panel each.
        protocol: What is measured.
        metrics: The metric of the protocol at each x.
        panels: In the place of ``metrics``, several such by their heading: one panel of each data set for each.
        x_label: Of the horizontal axes.
        y_label: Of the vertical axes.
        log_x: Whether x is on a scale of powers of two.
        chance: Whether to draw what guessing gives, which the protocol tells in its details by metric.
        published: Published values to mark, beside real results alone: by heading (empty for ``metrics``), which cells
            stand at each x.
    """

    experiments: dict[str, str]
    datasets: list[str]
    protocol: str
    metrics: dict[float, str] = {}
    panels: dict[str, dict[float, str]] = {}
    x_label: str
    y_label: str
    log_x: bool = False
    chance: bool = False
    published: dict[str, dict[float, Selector]] = Field(default={})

    @model_validator(mode="after")
    def _has_curves(self) -> Options:
        if bool(self.metrics) == bool(self.panels):
            raise ValueError("either 'metrics' or 'panels' must be given")
        if any(len(curve) < 2 for curve in self.curves.values()):
            raise ValueError("a curve needs two or more metrics")
        return self

    @property
    def curves(self) -> dict[str, dict[float, str]]:
        """The metric at each x by the heading of the panel, empty for none."""
        return self.panels or {"": self.metrics}


def draw(context: FigureContext) -> Drawing:
    """Draw the metrics of one protocol as a curve per experiment, one panel per data set and heading."""
    options = options_of(context, Options)
    names = list(options.experiments)
    shown = [
        (dataset, heading)
        for dataset in options.datasets
        for heading, curve in options.curves.items()
        if any(estimates_of(context, names, dataset, options.protocol, m) for m in curve.values())
    ]
    if not shown:
        return placard(context, f"{words(options.protocol)} of {named(context, names)}")
    in_row = len(options.curves) if options.panels else len(shown)
    in_row = min(in_row, len(shown))
    ran = {experiment: label for experiment, label in options.experiments.items() if _ran(context, options, experiment)}
    num_entries = len(ran) + options.chance + bool(options.published)
    figure, axes = panels(len(shown), columns=in_row, legend_rows=-(-num_entries // (2 * in_row)))
    kinds: list[str] = []
    looks = looks_of(context)
    for axis, (dataset, heading) in zip(axes, shown, strict=True):
        curve = options.curves[heading]
        of_panel: list[str] = []
        for (experiment, label), shift in zip(ran.items(), shifts_of(len(ran), SHIFT), strict=True):
            of_panel += _metric_curve(context, axis, options, curve, experiment, looks[label], dataset, shift)
        kinds += of_panel
        _chance(context, axis, options, curve, dataset)
        if "real" in of_panel:
            _published(context, axis, options.published.get(heading, {}), dataset)
        if options.log_x:
            axis.set_xscale("log", base=2)
        printed = options.published.get(heading, {}) if "real" in of_panel else {}
        ran_at = [x for x, m in curve.items() if estimates_of(context, names, dataset, options.protocol, m)]
        ticks = sorted({*ran_at, *printed})
        axis.set_xticks(ticks, [f"{x:g}" for x in ticks], minor=False)
        axis.minorticks_off()
        title = ": ".join(part for part in (context.report.dataset_name(dataset), heading) if part)
        axis.set(title=title, xlabel=options.x_label, ylabel=options.y_label)
    drawn = legend_entries(axes)
    entries = {name: drawn[name] for name in (*ran.values(), CHANCE, PUBLISHED) if name in drawn}
    shared_legend(figure, entries, columns=2 * in_row)
    absent = [label for experiment, label in options.experiments.items() if experiment not in ran]
    return Drawing(figure, sorted_kinds(kinds), note=not_run_note(absent))


def _ran(context: FigureContext, options: Options, experiment: str) -> bool:
    measured = [
        (dataset, metric) for dataset in options.datasets for c in options.curves.values() for metric in c.values()
    ]
    return any(estimates_of(context, [experiment], dataset, options.protocol, metric) for dataset, metric in measured)


def _metric_curve(
    context: FigureContext,
    axis: Axes,
    options: Options,
    curve: dict[float, str],
    experiment: str,
    look: Look,
    dataset: str,
    shift: float,
) -> list[str]:
    points: list[tuple[float, Estimate]] = []
    for x, metric in sorted(curve.items()):
        estimate = context.results.estimate(Address(experiment, dataset, options.protocol, metric))
        points += [(x, estimate)] if estimate is not None else []
    if not points:
        return []
    draw_curve(axis, points, look.color, look.marker, options.experiments[experiment], shift)
    for x, _ in points:
        values = seed_values(context, experiment, dataset, options.protocol, curve[x])
        draw_seed_dots(axis, x, values, look.color, shift)
    return [estimate.data_kind for _, estimate in points]


def _chance(context: FigureContext, axis: Axes, options: Options, curve: dict[float, str], dataset: str) -> None:
    """Draw what guessing gives, from the first evaluation that tells it of a metric."""
    if not options.chance:
        return
    evaluations = [
        evaluation
        for experiment in options.experiments
        for evaluation in context.results.select(experiment, dataset, options.protocol)
    ]
    found: Sequence[tuple[float, float]] = [
        (x, told[0])
        for x, metric in sorted(curve.items())
        if (told := [e.details["chance"][metric] for e in evaluations if metric in e.details.get("chance", {})])
    ]
    if found:
        axis.plot([x for x, _ in found], [y for _, y in found], "--", color=GREY, linewidth=1.2, label=CHANCE, zorder=1)


def _published(context: FigureContext, axis: Axes, selectors: dict[float, Selector], dataset: str) -> None:
    marked = [
        (x, cell.value)
        for x, selector in sorted(selectors.items())
        for cell in chosen_cells(context.published, selector.model_dump(exclude_none=True))
        if cell.value is not None and dataset in context.report.datasets.get(cell.dataset, ())
    ]
    if marked:
        axis.plot([x for x, _ in marked], [y for _, y in marked], "k_", markersize=12, label=PUBLISHED, zorder=4)

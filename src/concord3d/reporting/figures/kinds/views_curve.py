"""A measure against a setting, one panel per data set (MM-Point spec 9, F4), (CMCR spec 8, F4)."""

from __future__ import annotations

from concord3d.reporting.figures.arms import ArmOptions, Entry, looks_of
from concord3d.reporting.figures.measured_points import (
    datasets_with,
    draw_curve,
    draw_seed_dots,
    estimates_of,
    measure_label,
    one_point,
    seed_values,
    shifts_of,
)
from concord3d.reporting.figures.style import (
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

# Points of print between curves: over several x, and where one x is measured and curves are single points.
SHIFT, WIDE_SHIFT = 3.0, 16.0


class Options(ArmOptions):
    """Options of ``views_curve``: per curve, the experiment at each x; data sets; what is measured; the axes."""

    curves: dict[str, dict[float, str]]
    datasets: list[str]
    protocol: str
    metric: str
    x_label: str = "views per object"
    label: str = ""
    log_x: bool = False

    def arms(self) -> list[Entry]:
        """Return each label and the first experiment of its curve."""
        return [(label, next(iter(curve.values()))) for label, curve in self.curves.items()]


def draw(context: FigureContext) -> Drawing:
    """Draw a measure against a setting, one panel per data set (MM-Point spec 9, F4), (CMCR spec 8, F4)."""
    options = options_of(context, Options)
    experiments = [experiment for curve in options.curves.values() for experiment in curve.values()]
    datasets = datasets_with(context, experiments, options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"{words(options.protocol)} of {named(context, experiments)}")
    if alone := one_point(context, experiments, datasets, options.protocol, options.metric):
        return alone
    figure, axes = panels(len(datasets))
    kinds, ran, looks = [], set(), looks_of(context)
    for axis, dataset in zip(axes, datasets, strict=True):
        found = estimates_of(context, experiments, dataset, options.protocol, options.metric)
        kinds += [estimate.data_kind for estimate in found.values()]
        curves = {
            label: points
            for label, curve in options.curves.items()
            if (points := {x: experiment for x, experiment in sorted(curve.items()) if experiment in found})
        }
        ran |= set(curves)
        shown = sorted({x for points in curves.values() for x in points})
        for (label, points), shift in zip(
            curves.items(), shifts_of(len(curves), SHIFT if len(shown) > 1 else WIDE_SHIFT), strict=True
        ):
            look = looks[label]
            draw_curve(axis, [(x, found[experiment]) for x, experiment in points.items()], *look, label, shift)
            for x, experiment in points.items():
                values = seed_values(context, experiment, dataset, options.protocol, options.metric)
                draw_seed_dots(axis, x, values, look.color, shift)
        if options.log_x:
            axis.set_xscale("log")
            axis.set_xticks([], minor=True)
        if len(shown) == 1:
            axis.set_xlim((shown[0] / 2, shown[0] * 2) if options.log_x else (shown[0] - 1, shown[0] + 1))
        axis.set_xticks(shown, [f"{x:g}" for x in shown])
        name = context.report.dataset_name(dataset)
        axis.set(title=name, xlabel=options.x_label, ylabel=measure_label(options.label, options.metric))
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=len(options.curves))
    absent = [label for label in options.curves if label not in ran]
    return Drawing(figure, sorted_kinds(kinds), note=not_run_note(absent))

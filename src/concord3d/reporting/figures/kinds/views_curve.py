"""A measure against a setting, one panel per data set (MM-Point spec 9, F4), (CMCR spec 8, F4)."""

from __future__ import annotations

from concord3d.config.validation import StrictModel
from concord3d.reporting.figures.measured_points import (
    datasets_with,
    draw_curve,
    draw_seed_dots,
    estimates_of,
    measure_label,
    one_point,
    seed_values,
)
from concord3d.reporting.figures.style import (
    COLORS,
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


class Options(StrictModel):
    """Options of ``views_curve``: per curve, the experiment at each x; data sets; what is measured; the axes."""

    curves: dict[str, dict[float, str]]
    datasets: list[str]
    protocol: str
    metric: str
    x_label: str = "views per object"
    label: str = ""
    log_x: bool = False


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
            color, place = COLORS[number], number - (len(options.curves) - 1) / 2
            moved = {x: x * 1.05**place if options.log_x else x + 0.06 * place for x, _ in points}
            draw_curve(axis, [(moved[x], estimate) for x, estimate in points], color, MARKERS[number], label)
            for x, _ in points:
                values = seed_values(context, curve[x], dataset, options.protocol, options.metric)
                draw_seed_dots(axis, moved[x], values, color, 0.02 * x if options.log_x else 0.1)
        if options.log_x:
            axis.set_xscale("log")
            axis.set_xticks([], minor=True)
        axis.set_xticks(sorted(shown), [f"{x:g}" for x in sorted(shown)])
        name = context.report.dataset_name(dataset)
        axis.set(title=name, xlabel=options.x_label, ylabel=measure_label(options.label, options.metric))
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=len(options.curves))
    return Drawing(figure, sorted_kinds(kinds))

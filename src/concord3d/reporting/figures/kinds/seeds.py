"""Every seed of every experiment, with intervals and the published value."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.evidence.published_values import chosen_cells
from concord3d.reporting.figures.measured_points import (
    datasets_with,
    estimates_of,
    measure_label,
    seed_values,
)
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    Drawing,
    FigureContext,
    not_run_note,
    options_of,
    panels,
    placard,
    sorted_kinds,
    spread_dots,
    words,
)
from concord3d.reporting.specs.claim_spec import Selector


class Options(StrictModel):
    """Options of ``seeds``.

    Attributes:
        protocol: What is measured.
        metric: Likewise.
        datasets: One panel each.
        reference: The published value to draw as a line, beside real results alone.
        reference_note: What to know of it; may be empty.
        label: Of the axis.
    """

    protocol: str
    metric: str
    datasets: list[str]
    reference: Selector | None = None
    reference_note: str = ""
    label: str = ""


def draw(context: FigureContext) -> Drawing:
    """Draw every seed of every experiment as a dot, with intervals and the published value as a line."""
    options = options_of(context, Options)
    experiments = list(context.labels)
    datasets = datasets_with(context, experiments, options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"a result of {words(options.protocol)}")
    present = [
        e for e in experiments if any(seed_values(context, e, d, options.protocol, options.metric) for d in datasets)
    ]
    longest = max(len(context.labels[experiment]) for experiment in present)
    width = max(5.6, 4.0 + 0.08 * longest / len(datasets))
    figure, axes = panels(len(datasets), width=width, height=max(2.2, 0.34 * len(present) + 1.0))
    kinds, absent = [], []
    for panel, (axis, dataset) in enumerate(zip(axes, datasets, strict=True)):
        found = estimates_of(context, present, dataset, options.protocol, options.metric)
        kinds += [estimate.data_kind for estimate in found.values()]
        for place, experiment in enumerate(present):
            if experiment not in found:
                absent.append((context.labels[experiment], context.report.dataset_name(dataset)))
                continue
            values = seed_values(context, experiment, dataset, options.protocol, options.metric)
            interval = found[experiment].interval
            axis.hlines(place, interval.low, interval.high, color=COLORS[0], linewidth=1.6)
            axis.plot(values, [place + o for o in spread_dots(len(values), 0.3)], "o", color=COLORS[1], markersize=5)
        axis.set_yticks(
            range(len(present)), [context.labels[e] for e in present] if panel == 0 else [""] * len(present)
        )
        axis.set_ylim(len(present) - 0.5, -0.5)
        axis.set(title=context.report.dataset_name(dataset), xlabel=measure_label(options.label, options.metric))
        _reference_line(context, axis, options, dataset, found)
    return Drawing(figure, sorted_kinds(kinds), note=not_run_note(absent))


def _reference_line(
    context: FigureContext, axis: Axes, options: Options, dataset: str, found: Mapping[str, Estimate]
) -> None:
    # A published value says nothing about synthetic data, so it is drawn beside real results only.
    if options.reference is None or not all(estimate.data_kind == "real" for estimate in found.values()):
        return
    for cell in chosen_cells(context.published, options.reference.model_dump(exclude_none=True)):
        if cell.value is not None and dataset in context.report.datasets.get(cell.dataset, ()):
            axis.axvline(cell.value, color=GREY, linestyle="--", linewidth=1.2)
            told = ", ".join(filter(None, (f"dashed: published {cell.method}, {cell.text}", options.reference_note)))
            axis.set_title(f"{context.report.dataset_name(dataset)}\n({told})", fontsize=9.5)
            return

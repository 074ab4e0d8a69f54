"""Several measures of a few experiments, each on an axis of its own around a middle (CMCR spec 8, figure 10)."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.projections.polar import PolarAxes
from pydantic import Field

from concord3d.reporting.figures.arms import ExperimentArms, looks_of
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.measured_points import estimates_of
from concord3d.reporting.figures.style import (
    Drawing,
    FigureContext,
    legend_entries,
    named,
    not_run_note,
    options_of,
    placard,
    polar_panel,
    shared_legend,
    sorted_kinds,
    words,
)


class Options(ExperimentArms):
    """Options of ``radar``.

    Attributes:
        experiments: Label per experiment; those that are not measured are left out.
        dataset: What is measured on.
        protocol: What is measured.
        metrics: Label of its axis by metric, going round from above; at least three.
        label: What the distance from the middle is.
    """

    experiments: dict[str, str] = Field(min_length=1)
    dataset: str
    protocol: str
    metrics: dict[str, str] = Field(min_length=3)
    label: str


def draw(context: FigureContext) -> Drawing:
    """Draw one polygon per experiment: means over seeds, with 95 % intervals along the axes."""
    options = options_of(context, Options)
    found = {
        metric: estimates_of(context, list(options.experiments), options.dataset, options.protocol, metric)
        for metric in options.metrics
    }
    shown = [name for name in options.experiments if all(name in estimates for estimates in found.values())]
    if not shown:
        return placard(context, f"{words(options.protocol)} of {named(context, options.experiments)}")
    figure, axis = polar_panel(legend_rows=1)
    assert isinstance(axis, PolarAxes)
    axis.set_theta_zero_location("N")
    axis.set_theta_direction(-1)
    angles = np.linspace(0, 2 * np.pi, len(options.metrics), endpoint=False)
    kinds: list[str] = []
    looks = looks_of(context)
    for name in shown:
        color, marker = looks[options.experiments[name]]
        intervals = [estimates[name].interval for estimates in found.values()]
        kinds += [estimates[name].data_kind for estimates in found.values()]
        values = [interval.value for interval in intervals]
        label = options.experiments[name]
        axis.plot(
            [*angles, angles[0]], [*values, values[0]], color=color, marker=marker, markersize=4, label=in_legend(label)
        )
        axis.vlines(angles, [max(each.low, 0.0) for each in intervals], [each.high for each in intervals], color=color,
                    linewidth=1.0, alpha=0.6)  # fmt: skip
    axis.set_xticks(angles, list(options.metrics.values()), fontsize=8.5)
    for angle, text in zip(angles, axis.get_xticklabels(), strict=True):
        # Names stand beside the circle, on the side of their axis.
        text.set_horizontalalignment("center" if abs(np.sin(angle)) < 0.1 else "left" if angle < np.pi else "right")
    axis.set_rmin(0)
    _numbers_above(axis, np.pi / len(angles))
    axis.set_title(options.label, fontsize=9.5)
    shared_legend(figure, legend_entries([axis]), columns=len(shown))
    absent = [label for experiment, label in options.experiments.items() if experiment not in shown]
    return Drawing(figure, sorted_kinds(kinds), note=not_run_note(absent))


def _numbers_above(axis: PolarAxes, angle: float) -> None:
    """Write the numbers of the circles above the polygons, which would hide an axis's own."""
    circles = [value for value in axis.get_yticks() if 0 < value <= axis.get_rmax()]
    axis.set_yticks(circles, [""] * len(circles))
    box: dict[str, Any] = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    for value in circles:
        axis.text(angle, value, f"{value:g}", fontsize=7.5, ha="center", va="center", bbox=box, zorder=5)

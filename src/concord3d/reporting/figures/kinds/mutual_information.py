"""Mutual information of cloud and view over training (MM-Point spec 9, F3)."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from concord3d.reporting.figures.arms import ExperimentArms, looks_of
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
)


class Options(ExperimentArms):
    """Options of ``mutual_information``: label per experiment, and the keys of the training history."""

    experiments: dict[str, str]
    key: str
    count: str


def draw(context: FigureContext) -> Drawing:
    """Draw the bound on mutual information over training (MM-Point spec 9, F3)."""
    options = options_of(context, Options)
    figure, (axis,) = panels(1, width=6.4)
    kinds, absent, looks, counts = [], [], looks_of(context), set()
    for experiment, label in options.experiments.items():
        curves = defaultdict(list)
        for (name, _), history in sorted(context.results.histories.items()):
            for entry in history if name == experiment else []:
                held_out = entry.get("held_out", {})
                if options.key in held_out:
                    curves[int(entry["epoch"])].append(float(held_out[options.key]))
                    counts.add(int(held_out.get(options.count, 0)))
        if not curves:
            absent.append(label)
            continue
        (color, marker), epochs = looks[label], sorted(curves)
        pretrain = context.inputs.runs.get(experiment, {}).get("pretrain") or {}
        kinds.append(str(pretrain.get("data_kind", "")))
        means = [float(np.mean(curves[epoch])) for epoch in epochs]
        axis.plot(epochs, means, marker=marker, color=color, label=in_legend(label))
        for epoch in epochs:
            axis.plot([epoch] * len(curves[epoch]), curves[epoch], ".", color=color, alpha=0.5, markersize=6)
    if not axis.lines:
        return placard(context, f"the bound in the histories of the trainings of {named(context, options.experiments)}")
    for count in sorted(counts - {0}):
        _limit(axis, count)
    axis.set(xlabel="epoch", ylabel="lower bound (nat), held-out objects")
    axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))
    axis.set_xlim(axis.dataLim.x0 - 0.5, axis.dataLim.x1 + 0.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.legend(loc="best")
    return Drawing(figure, sorted_kinds(kinds), note=not_run_note(absent))


def _limit(axis: Axes, count: int) -> None:
    """Show the value that the bound cannot exceed: as a line, or in words where the line would flatten the curves."""
    limit = float(np.log(count))
    if axis.dataLim.y1 < limit / 2:
        axis.set_title(f"the bound cannot exceed log N = {limit:.2f} (N = {count} objects)", fontsize=9, color=GREY)
        return
    axis.axhline(limit, color=GREY, linestyle="--", linewidth=1)
    axis.annotate(f"log N, N = {count}", (0, limit), (4, -11), xycoords=("axes fraction", "data"),
                  textcoords="offset points", fontsize=8.5, color=GREY)  # fmt: skip

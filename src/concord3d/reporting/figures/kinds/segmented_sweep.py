"""One sweep from above: true classes, predicted ones, and which points are wrong (CMCR spec 8, figure 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from concord3d.reporting.figures.examples import ExampleOptions, examples_with, from_above, reach_of
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.style import (
    Drawing,
    FigureContext,
    class_colors,
    named,
    options_of,
    panels,
    placard,
    sorted_kinds,
    words,
)

# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True
RIGHT, WRONG, UNLABELLED = "#B8B8B8", "#D00000", "#E8E8E8"


class Options(ExampleOptions):
    """Options of ``segmented_sweep``: the title of each column, by experiment, and where the predictions lie."""


def draw(context: FigureContext) -> Drawing:
    """Draw classes above errors, a column for the truth and one for each experiment."""
    options = options_of(context, Options)
    found = examples_with(context, options.experiments, options.dataset, options.protocol, "example_predicted")
    if not found:
        return placard(context, f"segmented sweeps of {named(context, options.experiments)}")
    columns = 1 + len(found)
    figure, axes = panels(2 * columns, 3.3, 3.3, columns=columns)
    first = next(iter(found.values())).arrays
    points, truth = first["example_points"].astype(np.float64), first["example_truth"]
    predictions = {experiment: evaluation.arrays["example_predicted"] for experiment, evaluation in found.items()}
    known, reach = truth >= 0, reach_of(points)
    shown = np.unique(np.concatenate([truth[known], *predictions.values()]))
    palette = _palette(shown.tolist())
    _sweep(axes[0], points, [palette.get(label, UNLABELLED) for label in truth.tolist()], reach)
    axes[0].set_title("truth")
    for number, (experiment, predicted) in enumerate(predictions.items(), start=1):
        _sweep(axes[number], points, [palette[label] for label in predicted.tolist()], reach)
        axes[number].set_title(options.experiments[experiment])
        wrong = known & (predicted != truth)
        colors = np.where(wrong, WRONG, np.where(known, RIGHT, UNLABELLED))
        # Errors lie on top.
        order = np.argsort(wrong, kind="stable")
        _sweep(axes[columns + number], points[order], colors[order].tolist(), reach)
        axes[columns + number].set_title(f"{100 * (predicted == truth)[known].mean():.0f} % of points right")
    axes[columns].set_axis_off()
    names = [words(str(name)) for name in first["class_names"]]
    entries = [
        axes[columns].plot([], [], "o", color=palette[label], label=in_legend(names[label]))[0]
        for label in shown.tolist()
    ]
    entries += [axes[columns].plot([], [], "o", color=RIGHT, label="right")[0]]
    entries += [axes[columns].plot([], [], "o", color=WRONG, label="wrong")[0]]
    axes[columns].legend(handles=entries, loc="center", fontsize=8.5, ncols=2 if len(entries) > 10 else 1)
    return Drawing(figure, sorted_kinds(evaluation.data_kind for evaluation in found.values()))


def _palette(classes: list[int]) -> dict[int, Any]:
    """Return a colour per class; classes that follow each other, as the kinds of ground do, get unlike ones."""
    colors = class_colors(max(len(classes), 2))
    half = -(-len(classes) // 2)
    return {label: colors[number // 2 + half * (number % 2)] for number, label in enumerate(classes)}


def _sweep(axis: Axes, points: NDArray[np.float64], colors: Sequence[Any], reach: float) -> None:
    # As pixels also in the SVG, as the clouds of other figures.
    axis.scatter(points[:, 0], points[:, 1], s=4.0, c=colors, linewidths=0, rasterized=True)
    from_above(axis, reach)

"""One sweep from above: true classes, predicted ones, and which points are wrong (CMCR spec 8, figure 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    not_run_note,
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
    palette = dict(zip(shown.tolist(), class_colors(len(shown)), strict=True))
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
    names = [words(str(name)) for name in first["class_names"]]
    _legends(axes[columns], {names[label]: palette[label] for label in shown.tolist()})
    absent = [title for experiment, title in options.experiments.items() if experiment not in found]
    kinds = sorted_kinds(evaluation.data_kind for evaluation in found.values())
    return Drawing(figure, kinds, note=not_run_note(absent))


def _legends(axis: Axes, classes: Mapping[str, Any]) -> None:
    """Put one legend of the classes and, below it, one of the errors into a panel without axes."""
    axis.set_axis_off()
    of_classes = [axis.plot([], [], "o", color=color, label=in_legend(name))[0] for name, color in classes.items()]
    first = axis.legend(handles=of_classes, loc="upper center", fontsize=8.5, ncols=2 if len(of_classes) > 8 else 1,
                        title="class (above)")  # fmt: skip
    of_errors = [
        axis.plot([], [], "o", color=color, label=name)[0] for name, color in (("right", RIGHT), ("wrong", WRONG))
    ]
    axis.legend(handles=of_errors, loc="lower center", fontsize=8.5, ncols=2, title="prediction (right of here)")
    axis.add_artist(first)


def _sweep(axis: Axes, points: NDArray[np.float64], colors: Sequence[Any], reach: float) -> None:
    # As pixels also in the SVG, as the clouds of other figures.
    axis.scatter(points[:, 0], points[:, 1], s=4.0, c=colors, linewidths=0, rasterized=True)
    from_above(axis, reach)

"""Part labels of test shapes, ground truth above prediction (MM-Point spec 9, F7)."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.lines import Line2D

from concord3d.config.validation import StrictModel
from concord3d.reporting.figures.projection import project
from concord3d.reporting.figures.style import (
    Drawing,
    FigureContext,
    class_colors,
    named,
    options_of,
    panels,
    placard,
    shared_legend,
    words,
)

# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True


class Options(StrictModel):
    """Options of ``part_renders``: experiments in order of preference, the data set and how many shapes."""

    experiments: list[str]
    dataset: str
    num_shapes: int = 6
    protocol: str = "part_segmentation"


def draw(context: FigureContext) -> Drawing:
    """Draw part labels of test shapes, ground truth above prediction (MM-Point spec 9, F7)."""
    options = options_of(context, Options)
    found = [
        evaluation
        for experiment in options.experiments
        for evaluation in context.results.select(experiment, options.dataset, options.protocol)
        if "example_points" in evaluation.arrays and len(evaluation.arrays["example_points"])
    ]
    if not found:
        place, tried = context.report.dataset_name(options.dataset), named(context, options.experiments)
        return placard(context, f"{words(options.protocol)} on {place} of {tried}")
    arrays = found[0].arrays
    num = min(options.num_shapes, len(arrays["example_points"]))
    figure, axes = panels(2 * num, 1.9, 2.0, columns=num, legend_rows=1)
    most = 0
    names = arrays.get("class_names", np.array([], dtype=np.str_))
    for shape in range(num):
        seen = project(arrays["example_points"][shape])
        order = np.argsort(seen[:, 2])
        truth, predicted = arrays["example_truth"][shape], arrays["example_predicted"][shape]
        parts = list(np.unique(np.concatenate([truth, predicted])))
        palette, most = class_colors(len(parts)), max(most, len(parts))
        # The same square for every shape, so that words above and below stand at one height.
        middle = (seen[:, :2].max(axis=0) + seen[:, :2].min(axis=0)) / 2
        reach = 1.05 * max(float(np.abs(seen[:, :2] - middle).max()), 1e-6)
        for row, labels in enumerate((truth, predicted)):
            axis = axes[row * num + shape]
            colors = [palette[parts.index(label)] for label in labels[order]]
            axis.scatter(seen[order, 0], seen[order, 1], s=3.0, c=colors, linewidths=0)
            axis.set_aspect("equal")
            axis.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set_visible(False)
        category = int(arrays["example_category"][shape])
        agreement = 100 * float((truth == predicted).mean())
        axes[shape].set_title(str(names[category]) if category < len(names) else str(category), fontsize=9.5)
        axes[num + shape].set_xlabel(f"{agreement:.0f} % of points right", fontsize=8.5)
    axes[0].set_ylabel("ground truth")
    axes[num].set_ylabel(textwrap.fill(f"prediction of {named(context, [found[0].job.experiment])}", 24), fontsize=8.5)
    dots = [Line2D([], [], marker="o", linestyle="", color=color) for color in class_colors(most)]
    shared_legend(figure, {f"part {number}": dot for number, dot in enumerate(dots, start=1)}, columns=most)
    return Drawing(figure, (found[0].data_kind,))

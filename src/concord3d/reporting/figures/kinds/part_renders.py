"""Part labels of test shapes, ground truth above prediction (MM-Point spec 9, F7)."""

from __future__ import annotations

import numpy as np

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
    figure, axes = panels(2 * num, 1.9, 2.0, columns=num)
    names = arrays.get("class_names", np.array([], dtype=np.str_))
    for shape in range(num):
        seen = project(arrays["example_points"][shape])
        order = np.argsort(seen[:, 2])
        truth, predicted = arrays["example_truth"][shape], arrays["example_predicted"][shape]
        parts = list(np.unique(np.concatenate([truth, predicted])))
        palette = class_colors(len(parts))
        for row, labels in enumerate((truth, predicted)):
            axis = axes[row * num + shape]
            colors = [palette[parts.index(label)] for label in labels[order]]
            axis.scatter(seen[order, 0], seen[order, 1], s=3.0, c=colors, linewidths=0)
            axis.set_aspect("equal")
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set_visible(False)
        category = int(arrays["example_category"][shape])
        agreement = 100 * float((truth == predicted).mean())
        axes[shape].set_title(str(names[category]) if category < len(names) else str(category), fontsize=9.5)
        axes[num + shape].set_xlabel(f"{agreement:.0f} % of points", fontsize=8.5)
    axes[0].set_ylabel("ground truth")
    axes[num].set_ylabel("prediction")
    return Drawing(figure, (found[0].data_kind,))

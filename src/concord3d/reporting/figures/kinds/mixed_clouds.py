"""Mixed clouds, drawn as they enter the encoder: one column per operator, one row per weight.

Shape legend: N points.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from pydantic import PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.mixed_clouds import read_mixed_clouds
from concord3d.reporting.figures.projection import project
from concord3d.reporting.figures.style import (
    COLORS,
    Drawing,
    FigureContext,
    options_of,
    panels,
    placard,
    shape_name,
    shared_legend,
)

# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True


class Options(StrictModel):
    """Options of ``mixed_clouds``.

    Attributes:
        file: Below the artifacts of the scale and paper; see :func:`read_mixed_clouds`.
        labels: Heading per operator.
        num_points: First points of each cloud that are drawn.
    """

    file: str
    labels: dict[str, str]
    num_points: PositiveInt = 1024


def draw(context: FigureContext) -> Drawing:
    """Draw two shapes mixed by every operator at every weight (MM-Mixing spec 8, F3)."""
    options = options_of(context, Options)
    path = context.inputs.artifacts / options.file
    if not context.inputs.has(path):
        return placard(context, f"the mixed clouds of {options.file}")
    arrays = read_mixed_clouds(path)
    operators, weights = [str(name) for name in arrays["operators"]], arrays["weights"]
    figure, axes = panels(len(operators) * len(weights), 1.5, 1.55, columns=len(operators), legend_rows=2)
    for index, axis in enumerate(axes):
        row, column = divmod(index, len(operators))
        cloud = arrays["points"][column, row, : options.num_points]
        _cloud_panel(axis, cloud[:, :3], source_colors(arrays["source"][column, row, : options.num_points]))
        axis.set_xlabel(f"{arrays['ratio'][column, row]:.2f}", fontsize=7.5, labelpad=1)
        if row == 0:
            axis.set_title(options.labels.get(operators[column], operators[column]), fontsize=8.5)
        if column == 0:
            axis.set_ylabel(f"λ = {weights[row]:g}", fontsize=9)
    shapes = (shape_name(str(name)) for name in arrays["shape_names"])
    names = [f"{which} shape: {shape}" for which, shape in zip(("first", "second"), shapes, strict=True)]
    dots = [Line2D([], [], marker="o", linestyle="", color=color) for color in COLORS[:2]]
    shared_legend(figure, dict(zip(names, dots, strict=True)), columns=1)
    note = f"Shapes of {context.report.dataset_name(str(arrays['dataset']))}."
    return Drawing(figure, (str(arrays["data_kind"]),), note=note)


def source_colors(share: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (N, 3) colours between the second shape's (share 0) and the first's (share 1)."""
    first, second = (np.array(to_rgb(color)) for color in COLORS[:2])
    weight = np.asarray(share, dtype=np.float64)[:, None]
    return np.asarray(weight * first + (1 - weight) * second)


def _cloud_panel(axis: Axes, points: NDArray[np.floating], colors: NDArray[np.floating]) -> None:
    seen = project(points)
    order = np.argsort(seen[:, 2], kind="stable")
    # As pixels also in the SVG: tens of thousands of circles would make it unreadable for a browser.
    axis.scatter(seen[order, 0], seen[order, 1], s=1.6, c=colors[order], linewidths=0, rasterized=True)
    axis.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), xticks=[], yticks=[])
    axis.set_aspect("equal")
    axis.grid(False)
    axis.spines[:].set_visible(False)

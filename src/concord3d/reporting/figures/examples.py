"""Sweeps and pictures that evaluations keep for figures, and panels that show them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from pydantic import Field

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.figures.style import FigureContext


class ExampleOptions(StrictModel):
    """Options of a figure that shows arrays of several experiments.

    Attributes:
        experiments: Title of each, by experiment.
        dataset: Where the arrays lie.
        protocol: What left them.
    """

    experiments: dict[str, str] = Field(min_length=1)
    dataset: str
    protocol: str


def examples_with(
    context: FigureContext, experiments: Iterable[str], dataset: str, protocol: str, *keys: str
) -> dict[str, Evaluation]:
    """Return the first seed's evaluation of each experiment that kept arrays of these names."""
    found = {}
    for experiment in experiments:
        for evaluation in context.results.select(experiment, dataset, protocol):
            if experiment not in found and all(key in evaluation.arrays for key in keys):
                found[experiment] = evaluation
    return found


def without_scales(axis: Axes) -> None:
    """Take ticks, grid and frame away."""
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)


def show_picture(axis: Axes, picture: NDArray[np.uint8]) -> None:
    """Show a (h, w, 3) picture with its pixels as they are."""
    axis.imshow(picture, interpolation="nearest")
    without_scales(axis)


def show_map(axis: Axes, values: NDArray[np.floating], reach: float, cmap: str) -> AxesImage:
    """Show a (g, g) map of probabilities from above; what is NaN stays light grey."""
    axis.set_facecolor("#EEEEEE")
    extent = (-reach, reach, -reach, reach)
    return axis.imshow(values, cmap, vmin=0, vmax=1, origin="lower", extent=extent, interpolation="nearest")


def from_above(axis: Axes, reach: float) -> None:
    """Make a panel a view from above: the sensor in the middle, metres to the right and ahead."""
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="right (m)", ylabel="ahead (m)")
    axis.set_aspect("equal")
    axis.grid(False)


def reach_of(points: NDArray[np.floating], share: float = 0.95) -> float:
    """Return half the side of a square from above that holds a share of the (P, 3) points."""
    return float(np.quantile(np.abs(points[:, :2].astype(np.float64)).max(axis=1), share))

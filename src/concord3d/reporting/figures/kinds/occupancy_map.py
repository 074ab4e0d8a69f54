"""Occupancy that networks decode around a sensor, from above (CMCR spec 8, figure 3)."""

from __future__ import annotations

import numpy as np

from concord3d.reporting.figures.examples import ExampleOptions, examples_with, from_above, show_map
from concord3d.reporting.figures.style import Drawing, FigureContext, named, options_of, panels, placard, sorted_kinds

# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True


class Options(ExampleOptions):
    """Options of ``occupancy_map``: the title of each panel, by experiment, and where the maps lie."""


def draw(context: FigureContext) -> Drawing:
    """Draw a panel per experiment: probabilities in a level plane, and the returns near it."""
    options = options_of(context, Options)
    found = examples_with(context, options.experiments, options.dataset, options.protocol, "occupancy", "map_place")
    if not found:
        return placard(context, f"maps of occupancy of {named(context, options.experiments)}")
    figure, axes = panels(len(found), 5.6, 5.0)
    for axis, (experiment, evaluation) in zip(axes, found.items(), strict=True):
        arrays = evaluation.arrays
        reach, height, band = arrays["map_place"].tolist()
        shown = show_map(axis, arrays["occupancy"].astype(float), reach, "viridis")
        points = arrays["points"].astype(float)
        near = points[abs(points[:, 2] - height) <= band]
        axis.plot(near[:, 0], near[:, 1], "s", color="#D55E00", markersize=2.2, markeredgewidth=0, label="return")
        axis.plot(0, 0, "k+", markersize=9)
        low, high = np.nanmin(arrays["occupancy"]), np.nanmax(arrays["occupancy"])
        axis.set_title(f"{options.experiments[experiment]}: from {low:.2f} to {high:.2f}")
        from_above(axis, reach)
    figure.colorbar(shown, ax=axes, label=f"probability of being occupied, {-height:g} m below the sensor", shrink=0.85)
    return Drawing(figure, sorted_kinds(evaluation.data_kind for evaluation in found.values()))

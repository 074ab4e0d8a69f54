"""Cosine of one point's features with those of all points and of the pixels of its picture (CMCR spec 8, figure 7)."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from concord3d.config.validation import StrictModel
from concord3d.reporting.figures.examples import examples_with, from_above, reach_of, show_picture, without_scales
from concord3d.reporting.figures.style import (
    GREY,
    Drawing,
    FigureContext,
    named,
    options_of,
    panels,
    placard,
)

# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True
KEYS = ("pictures", "points", "cosine_points", "cosine_pixels", "asked_point", "asked_pixel")


class Options(StrictModel):
    """Options of ``feature_similarity``: experiments in order of preference, and where the cosines lie."""

    experiments: list[str] = Field(min_length=1)
    dataset: str
    protocol: str


def draw(context: FigureContext) -> Drawing:
    """Draw the point that is asked about, then a column for shared and one for specific features."""
    options = options_of(context, Options)
    found = examples_with(context, options.experiments, options.dataset, options.protocol, *KEYS)
    if not found:
        return placard(context, f"cosines of features of {named(context, options.experiments)}")
    evaluation = next(iter(found.values()))
    arrays = evaluation.arrays
    points, (camera, row, column) = arrays["points"].astype(np.float64), arrays["asked_pixel"].tolist()
    asked, reach = points[int(arrays["asked_point"])], reach_of(points)
    figure, axes = panels(6, 3.9, 3.3, columns=3)
    show_picture(axes[0], arrays["pictures"][camera])
    axes[3].scatter(points[:, 0], points[:, 1], s=2.2, c=GREY, linewidths=0, rasterized=True)
    axes[0].set_title("the point asked about (ring)")
    for number, name in enumerate(("shared features", "specific features"), start=1):
        spread: Any = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1}
        axes[number].imshow(arrays["cosine_pixels"][number - 1].astype(np.float64), interpolation="nearest", **spread)
        without_scales(axes[number])
        axes[number].set_title(name)
        near = arrays["cosine_points"][number - 1].astype(np.float64)
        shown = axes[3 + number].scatter(
            points[:, 0], points[:, 1], s=2.6, c=near, linewidths=0, rasterized=True, **spread
        )
        axes[3 + number].set_facecolor("#BBBBBB")
    for axis in axes[:3]:
        axis.plot(column, row, "o", markersize=11, markerfacecolor="none", markeredgecolor="k", markeredgewidth=1.6)
    for axis in axes[3:]:
        axis.plot(*asked[:2], "o", markersize=11, markerfacecolor="none", markeredgecolor="k", markeredgewidth=1.6)
        from_above(axis, reach)
    axes[0].set_ylabel("pixels")
    figure.colorbar(shown, ax=axes, label="cosine with the point asked about", shrink=0.7)
    return Drawing(figure, (evaluation.data_kind,))

"""How alike channels of shared and of specific features are over the voxels of a sweep (CMCR spec 8, figure 9)."""

from __future__ import annotations

import numpy as np

from concord3d.reporting.figures.examples import ExampleOptions, examples_with
from concord3d.reporting.figures.style import (
    Drawing,
    FigureContext,
    named,
    not_run_note,
    options_of,
    panels,
    placard,
    sorted_kinds,
)

# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True


class Options(ExampleOptions):
    """Options of ``channel_cosines``: the title of each panel, by experiment, and where the cosines lie."""


def draw(context: FigureContext) -> Drawing:
    """Draw a panel per experiment: |cosine| of every shared channel with every specific one."""
    options = options_of(context, Options)
    found = examples_with(context, options.experiments, options.dataset, options.protocol, "channel_cosines")
    if not found:
        return placard(context, f"cosines of channels of {named(context, options.experiments)}")
    figure, axes = panels(len(found), 4.6, 4.2)
    for axis, (experiment, evaluation) in zip(axes, found.items(), strict=True):
        title = options.experiments[experiment]
        cosines = np.abs(evaluation.arrays["channel_cosines"].astype(np.float64))
        shown = axis.imshow(cosines, "cividis", vmin=0, vmax=1, interpolation="nearest")
        axis.grid(False)
        axis.set(xlabel="specific channel", ylabel="shared channel", title=f"{title}: mean {cosines.mean():.2f}")
    figure.colorbar(shown, ax=axes, label="|cosine| over voxels", shrink=0.85)
    absent = [title for experiment, title in options.experiments.items() if experiment not in found]
    kinds = sorted_kinds(evaluation.data_kind for evaluation in found.values())
    return Drawing(figure, kinds, note=not_run_note(absent))

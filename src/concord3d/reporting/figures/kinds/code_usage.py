"""How often points and pixels choose each code of a codebook (CMCR spec 8, figure 8)."""

from __future__ import annotations

import numpy as np

from concord3d.reporting.figures.examples import ExampleOptions, examples_with
from concord3d.reporting.figures.style import (
    COLORS,
    Drawing,
    FigureContext,
    legend_entries,
    named,
    options_of,
    panels,
    placard,
    shared_legend,
    sorted_kinds,
)

# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True


class Options(ExampleOptions):
    """Options of ``code_usage``: the title of each panel, by experiment, and where the counts lie."""


def draw(context: FigureContext) -> Drawing:
    """Draw a panel per experiment: the share of points upwards, that of pixels downwards, the most used code first."""
    options = options_of(context, Options)
    found = examples_with(context, options.experiments, options.dataset, options.protocol, "code_counts")
    if not found:
        return placard(context, f"counts of codes of {named(context, options.experiments)}")
    figure, axes = panels(len(found), 5.2, 3.4, legend_rows=1)
    for axis, (experiment, evaluation) in zip(axes, found.items(), strict=True):
        counts = evaluation.arrays["code_counts"].astype(np.float64)
        shares = 100 * counts / counts.sum(axis=1, keepdims=True)
        shares = shares[:, np.argsort(-shares.sum(axis=0), kind="stable")]
        places = np.arange(1, shares.shape[1] + 1)
        axis.bar(places, shares[0], width=1.0, color=COLORS[0], label="points")
        axis.bar(places, -shares[1], width=1.0, color=COLORS[1], label="pixels")
        axis.axhline(0, color="k", linewidth=0.8)
        axis.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        reach = 1.08 * float(shares.max())
        axis.set(ylim=(-reach, reach), xlim=(0, len(places) + 1), ylabel="share (%)")
        axis.set_xlabel(f"the {len(places)} codes, most used first")
        used = [int((row > 0).sum()) for row in shares]
        both = np.minimum(*shares).sum()
        axis.set_title(
            f"{options.experiments[experiment]}\nused by points {used[0]}, by pixels {used[1]}; overlap {both:.0f} %",
            fontsize=9.5,
        )
    shared_legend(figure, legend_entries(axes), columns=2)
    return Drawing(figure, sorted_kinds(evaluation.data_kind for evaluation in found.values()))

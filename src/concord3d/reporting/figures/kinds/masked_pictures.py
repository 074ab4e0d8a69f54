"""Pictures, what is left of them when patches are hidden, and what networks rebuild (CMCR spec 8, figure 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.reporting.figures.examples import ExampleOptions, examples_with, show_picture
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
    """Options of ``masked_pictures``: the name of each row of rebuilt pictures, by experiment, and where they lie."""


def draw(context: FigureContext) -> Drawing:
    """Draw a column per camera: the picture, its visible part, and what each network rebuilds of that."""
    options = options_of(context, Options)
    found = examples_with(context, options.experiments, options.dataset, options.protocol, "pictures", "rebuilt")
    if not found:
        return placard(context, f"rebuilt pictures of {named(context, options.experiments)}")
    first = next(iter(found.values())).arrays
    pictures = first["pictures"]
    hidden = hidden_pixels(first["hidden"], pictures.shape[1:3])
    rows = {"picture": pictures, "input": np.where(hidden[..., None], 0, pictures)}
    for experiment, evaluation in found.items():
        rebuilt = evaluation.arrays["rebuilt"]
        error = (((rebuilt.astype(np.float64) - pictures) / 255) ** 2)[hidden].mean()
        rows[f"{options.experiments[experiment]}\nerror {error:.4f}"] = rebuilt
    columns, (height, width) = len(pictures), pictures.shape[1:3]
    figure, axes = panels(len(rows) * columns, 3.0, 3.0 * height / width + 0.1, columns=columns)
    for row, (name, shown) in enumerate(rows.items()):
        for column, picture in enumerate(shown):
            show_picture(axes[row * columns + column], picture)
        axes[row * columns].set_ylabel(name, fontsize=9)
    absent = [name for experiment, name in options.experiments.items() if experiment not in found]
    kinds = sorted_kinds(evaluation.data_kind for evaluation in found.values())
    return Drawing(figure, kinds, note=not_run_note(absent))


def hidden_pixels(patches: NDArray[np.bool_], size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return (v, h, w) which pixels lie in hidden patches, of (v, H', W') patches."""
    rows, columns = (np.arange(side) * num // side for side, num in zip(size, patches.shape[1:], strict=True))
    return patches[:, rows[:, None], columns]

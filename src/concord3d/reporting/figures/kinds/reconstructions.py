"""Hidden parts of pictures and clouds, and what a network predicts in their place (Cross-MoST spec 8, figure 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.reconstructions import OF_CLOUDS, read_reconstructions
from concord3d.reporting.figures.projection import project
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    Drawing,
    FigureContext,
    named,
    not_run_note,
    options_of,
    panels,
    placard,
    sorted_kinds,
)
from concord3d.reporting.specs.output_files import reconstruction_file

# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True
INCHES = 1.75
HIDDEN = 128


class Options(StrictModel):
    """Options of ``reconstructions``.

    Attributes:
        experiments: Whether pictures or clouds are shown, by experiment; one block of three rows each.
        explained: Sentence on what is drawn of an experiment, by experiment; only of those that are drawn it stands in
            the figure.
        num_objects: Columns, at most as many as there are examples.
        protocol: A measurement of these experiments: while it counts, so do the examples.
    """

    experiments: dict[str, Literal["pictures", "clouds"]] = Field(min_length=1)
    explained: dict[str, str] = {}
    num_objects: PositiveInt = 6
    protocol: str


def draw(context: FigureContext) -> Drawing:
    """Draw what is seen, what is left of it and what is predicted, a column per object."""
    options = options_of(context, Options)
    blocks, drawn = [], []
    for experiment, what in options.experiments.items():
        path = context.inputs.artifacts / reconstruction_file(experiment)
        arrays = read_reconstructions(path) if context.inputs.has(path) else {}
        if arrays and (what == "pictures" or OF_CLOUDS[2] in arrays):
            blocks.append((what, arrays))
            drawn.append(experiment)
    if not blocks:
        return placard(context, f"reconstructions of {named(context, options.experiments)}")
    columns = min(options.num_objects, *(len(arrays["names"]) for _, arrays in blocks))
    figure, axes = panels(3 * len(blocks) * columns, INCHES, INCHES, columns=columns)
    for number, (what, arrays) in enumerate(blocks):
        rows = [axes[(3 * number + row) * columns : (3 * number + row + 1) * columns] for row in range(3)]
        chosen = np.linspace(0, len(arrays["names"]) - 1, columns).round().astype(int)
        for column, example in enumerate(chosen):
            own = [row[column] for row in rows]
            (_pictures if what == "pictures" else _clouds)(own, arrays, int(example))
            own[0].set_title(str(arrays["names"][example]), fontsize=9)
        for row, word in zip(rows, ("seen", "left to the network", "predicted"), strict=True):
            row[0].set_ylabel(word, fontsize=9)
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        axis.spines[:].set_visible(False)
    absent = [f"{w} of {named(context, [e])}" for e, w in options.experiments.items() if e not in drawn]
    sentences = [options.explained.get(experiment, "") for experiment in drawn]
    note = " ".join(filter(None, (*sentences, not_run_note(absent))))
    return Drawing(figure, sorted_kinds(str(arrays["data_kind"]) for _, arrays in blocks), note=note)


def _pictures(axes: list[Axes], arrays: Mapping[str, NDArray[Any]], example: int) -> None:
    seen, hidden = arrays["pictures"][example], shown_hidden(arrays["hidden_patches"][example], arrays["pictures"])
    axes[0].imshow(seen)
    axes[1].imshow(np.where(hidden[..., None], HIDDEN, seen).astype(np.uint8))
    axes[2].imshow(np.where(hidden[..., None], arrays["predicted_pictures"][example], seen))


def shown_hidden(patches: NDArray[np.bool_], pictures: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return (s, s) which pixels lie in hidden patches, of (g, g) patches and (N, s, s, 3) pictures."""
    times = pictures.shape[1] // len(patches)
    return np.asarray(patches.repeat(times, 0).repeat(times, 1))


def _clouds(axes: list[Axes], arrays: Mapping[str, NDArray[Any]], example: int) -> None:
    groups, hidden = arrays["groups"][example], arrays["hidden_groups"][example]
    left, lost = groups[~hidden].reshape(-1, 3), groups[hidden].reshape(-1, 3)
    predicted = arrays["predicted_groups"][example][hidden].reshape(-1, 3)
    middle = groups.reshape(-1, 3).mean(0)
    reach = 1.05 * float(np.abs(groups.reshape(-1, 3) - middle).max())
    for axis, parts in zip(
        axes, ([(left, GREY), (lost, COLORS[0])], [(left, GREY)], [(left, GREY), (predicted, COLORS[1])]), strict=True
    ):
        points = np.concatenate([part for part, _ in parts])
        colors = np.concatenate([[color] * len(part) for part, color in parts])
        seen = project(points - middle)
        order = np.argsort(seen[:, 2], kind="stable")
        # As pixels also in the SVG, as the clouds of other figures.
        axis.scatter(seen[order, 0], seen[order, 1], s=3.0, c=colors[order], linewidths=0, rasterized=True)
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach))
        axis.set_aspect("equal")

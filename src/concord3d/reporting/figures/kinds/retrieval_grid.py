"""A query and the first shapes found for it, by each encoder, as rendered pictures (MM-Mixing spec 8, F4)."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.evidence.retrieved_shapes import Pictures, read_pictures
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    Drawing,
    FigureContext,
    named,
    options_of,
    panels,
    placard,
    shape_name,
    shared_legend,
    shortened,
    words,
)

RIGHT, WRONG = COLORS[2], "#BBBBBB"
DIRECTION_WORDS = {"text_to_shape": "text", "image_to_shape": "picture", "shape_to_shape": "shape"}
NAME_WIDTH, TEXT_WIDTH = 20, 20
# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True


class Options(StrictModel):
    """Options of ``retrieval_grid``.

    Attributes:
        experiments: Label per experiment, one row each below every query.
        datasets: In order of preference; the first that has results is shown.
        directions: What is looked for with what.
        pictures: File with pictures below the artifacts of the scale and paper, with ``{dataset}`` in its name; see
            :func:`read_pictures`.
        num_queries: Queries per direction.
        num_found: Shapes shown per query.
        protocol: The retrieval protocol.
    """

    experiments: dict[str, str] = Field(min_length=1)
    datasets: list[str]
    directions: list[str]
    pictures: str
    num_queries: PositiveInt = 2
    num_found: PositiveInt = 5
    protocol: str = "retrieval"


def draw(context: FigureContext) -> Drawing:
    """Draw what each encoder finds first for the same queries (MM-Mixing spec 8, F4)."""
    options = options_of(context, Options)
    dataset, found = _evaluations(context, options)
    path = context.inputs.artifacts / options.pictures.format(dataset=dataset)
    if not found or not context.inputs.has(path):
        return placard(
            context, f"{words(options.protocol)} of {named(context, options.experiments)}, and pictures of the shapes"
        )
    pictures = read_pictures(path)
    first = next(iter(found.values()))
    queries = [
        (direction, query)
        for direction in options.directions
        for query in range(min(options.num_queries, len(first.arrays.get(f"{direction}_examples", ()))))
    ]
    if not queries:
        return placard(context, f"{words(options.protocol)}, {words(' or '.join(options.directions))}")
    columns = 1 + options.num_found
    figure, axes = panels(len(queries) * len(found) * columns, 1.25, 1.45, columns=columns, legend_rows=2)
    for number, (direction, query) in enumerate(queries):
        for row, (experiment, evaluation) in enumerate(found.items()):
            start = (number * len(found) + row) * columns
            label = options.experiments[experiment]
            _grid_row(axes[start : start + columns], evaluation, pictures, direction, query, label, row == 0)
    frames = [Patch(fill=False, edgecolor=color, linewidth=2.0) for color in (RIGHT, WRONG)]
    place = context.report.dataset_name(dataset)
    names = [f"the right shape of {place} (for a query by shape: one of its class)", "another"]
    shared_legend(figure, dict(zip(names, frames, strict=True)), columns=1)
    return Drawing(figure, (first.data_kind,))


def _evaluations(context: FigureContext, options: Options) -> tuple[str, dict[str, Evaluation]]:
    """Return the first data set with results, and the first seed's evaluation per experiment on it."""
    for dataset in options.datasets:
        found = {
            experiment: evaluations[0]
            for experiment in options.experiments
            if (evaluations := context.results.select(experiment, dataset, options.protocol))
        }
        if found:
            return dataset, found
    return "", {}


def _grid_row(
    axes: Sequence[Axes],
    evaluation: Evaluation,
    pictures: Pictures,
    direction: str,
    query: int,
    label: str,
    with_query: bool,
) -> None:
    arrays, names = evaluation.arrays, evaluation.item_names
    asked = int(arrays[f"{direction}_examples"][query])
    top = next(values for key, values in sorted(arrays.items()) if key.startswith(f"{direction}_top"))
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        axis.spines[:].set_visible(False)
    axes[0].set_ylabel(label, fontsize=8)
    if with_query:
        _query(axes[0], arrays, pictures, direction, query, names[asked])
    labels = arrays["labels"]
    for axis, row in zip(axes[1:], (int(value) for value in top[query]), strict=False):
        right = labels[row] == labels[asked] if direction == "shape_to_shape" else row == asked
        _picture(axis, pictures, names[row], RIGHT if right else WRONG, 2.6 if right else 0.9)


def _query(
    axis: Axes, arrays: Mapping[str, NDArray[Any]], pictures: Pictures, direction: str, query: int, name: str
) -> None:
    texts = arrays.get(f"{direction}_example_texts", ())
    axis.set_title(f"by {DIRECTION_WORDS.get(direction, direction)}", fontsize=8, color=GREY, pad=2)
    if len(texts):
        shown = shortened(str(texts[query]), 4 * TEXT_WIDTH, " ...")
        axis.text(0.5, 0.5, textwrap.fill(shown, TEXT_WIDTH), ha="center", va="center", fontsize=7,
                  transform=axis.transAxes)  # fmt: skip
    else:
        _picture(axis, pictures, name, WRONG, 0.0)


def _picture(axis: Axes, pictures: Pictures, name: str, color: str, width: float) -> None:
    if name in pictures:
        axis.imshow(pictures[name], interpolation="nearest")
    else:
        axis.text(0.5, 0.5, "no picture", ha="center", va="center", fontsize=7, color=GREY, transform=axis.transAxes)
    shown = textwrap.fill(shape_name(name), NAME_WIDTH, max_lines=2, placeholder=" ...")
    axis.set_xlabel(shown, fontsize=6.5, labelpad=1)
    if width:
        axis.spines[:].set(visible=True, color=color, linewidth=width)

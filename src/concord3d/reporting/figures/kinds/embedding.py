"""t-SNE maps with the numbers that say what a map only suggests (MM-Point spec 9, F5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from pydantic import Field

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.style import (
    Drawing,
    FigureContext,
    class_colors,
    named,
    not_run_note,
    options_of,
    panels,
    placard,
    sorted_kinds,
    words,
)

# Of more classes, as many of the most frequent are in colour as can be told apart.
MOST_CLASSES = 10
OTHERS = "#D9D9D9"
# Shares of neighbours in the other modality that are of the class.
ACROSS = {
    "picture_to_cloud_purity": "clouds near a picture",
    "cloud_to_picture_purity": "pictures near a cloud",
}
MODALITY_MARKERS = ("o", "x")
# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True


class Options(StrictModel):
    """Options of ``embedding``: label per experiment, across; data sets, down; and which map."""

    experiments: dict[str, str] = Field(min_length=1)
    datasets: list[str]
    map: str
    protocol: str = "tsne"


def draw(context: FigureContext) -> Drawing:
    """Draw t-SNE maps with the numbers that say what a map only suggests (MM-Point spec 9, F5)."""
    options = options_of(context, Options)
    found = {
        (dataset, experiment): evaluations[0]
        for dataset in options.datasets
        for experiment in options.experiments
        if (evaluations := context.results.select(experiment, dataset, options.protocol))
        and options.map in evaluations[0].arrays
    }
    datasets = [d for d in options.datasets if any(place == d for place, _ in found)]
    experiments = [e for e in options.experiments if any(experiment == e for _, experiment in found)]
    if not datasets:
        return placard(context, f"{words(options.protocol)} of {named(context, options.experiments)}")
    figure, axes = panels(len(datasets) * len(experiments), 3.7, 3.7, columns=len(experiments))
    absent = [(label, "") for experiment, label in options.experiments.items() if experiment not in experiments]
    for index, axis in enumerate(axes):
        dataset, experiment = datasets[index // len(experiments)], experiments[index % len(experiments)]
        label, place = options.experiments[experiment], context.report.dataset_name(dataset)
        if (dataset, experiment) not in found:
            axis.set_axis_off()
            absent.append((label, place))
            continue
        axis.set(xticks=[], yticks=[])
        evaluation = found[dataset, experiment]
        _embedding_panel(axis, evaluation, options.map)
        numbers = {row.metric: row.value for row in evaluation.measurements}
        across = [f"{word} {numbers[metric]:.0f} %" for metric, word in ACROSS.items() if metric in numbers]
        lines = [f"{label}, {place}", ", ".join(_said(numbers)), ", ".join(across)]
        axis.set_title("\n".join(filter(None, lines)), fontsize=8.8 if across else 9.5)
    kinds = sorted_kinds(evaluation.data_kind for evaluation in found.values())
    return Drawing(figure, kinds, note=not_run_note(absent))


def _said(numbers: Mapping[str, float]) -> list[str]:
    # The sum makes 0 of -0.
    said = [f"silhouette {round(numbers['silhouette'], 2) + 0.0:.2f}"] if "silhouette" in numbers else []
    return said + ([f"purity {numbers['knn_purity']:.0f} %"] if "knn_purity" in numbers else [])


def shown_classes(labels: NDArray[np.integer]) -> list[int]:
    """Return the classes that are in colour, rising: all, or of more than ten the ten most frequent in (N,) labels."""
    classes, counts = np.unique(labels, return_counts=True)
    # Of equally frequent classes the first.
    frequent = classes[np.argsort(-counts, kind="stable")][:MOST_CLASSES]
    return sorted(frequent.tolist())


def _embedding_panel(axis: Axes, evaluation: Evaluation, name: str) -> None:
    points, labels = evaluation.arrays[name], evaluation.arrays["labels"]
    names = [str(value) for value in evaluation.arrays.get("class_names", np.array([], dtype=np.str_))]
    modality = evaluation.arrays.get("modality", np.zeros(len(labels), dtype=np.int64))
    shown = shown_classes(labels)
    others = ~np.isin(labels, shown)
    looks: list[tuple[str, NDArray[np.bool_], Any]] = []
    if others.any():
        looks.append((f"{len(np.unique(labels)) - len(shown)} other classes", others, OTHERS))
    for number, color in zip(shown, class_colors(len(shown)), strict=True):
        label = words(names[number]) if number < len(names) else str(number)
        looks.append((label, labels == number, color))
    for label, rows, color in looks:
        # Markers tell modalities apart, so colour alone tells classes.
        for kind, marker in enumerate(MODALITY_MARKERS[: int(modality.max(initial=0)) + 1]):
            spots = points[rows & (modality == kind)]
            axis.scatter(spots[:, 0], spots[:, 1], s=12, color=color, marker=marker, linewidths=0.8 * kind,
                         label=in_legend(label) if kind == 0 else None)  # fmt: skip
    axis.grid(False)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=3, fontsize=7, handletextpad=0.1,
                columnspacing=0.6, markerscale=1.3)  # fmt: skip

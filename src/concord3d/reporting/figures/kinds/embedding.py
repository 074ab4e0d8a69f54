"""t-SNE maps with the numbers that say what a map only suggests (MM-Point spec 9, F5)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.measurements import Evaluation
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    MARKERS,
    Drawing,
    FigureContext,
    class_colors,
    named,
    options_of,
    panels,
    placard,
    sorted_kinds,
    words,
)

MAX_NAMED_CLASSES = 15
# Shares of neighbours in the other modality that are of the class.
ACROSS = {
    "picture_to_cloud_purity": "clouds near a picture",
    "cloud_to_picture_purity": "pictures near a cloud",
}
MODALITY_MARKERS = ("o", "x")
# A report that is made from results keeps the figure that is there.
SHOWS_EXAMPLES = True


class Options(StrictModel):
    """Options of ``embedding``: experiments across, data sets down, and which map."""

    experiments: list[str]
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
    if not datasets:
        return placard(context, f"{words(options.protocol)} of {named(context, options.experiments)}")
    figure, axes = panels(len(datasets) * len(options.experiments), 3.7, 3.7, columns=len(options.experiments))
    for index, axis in enumerate(axes):
        dataset = datasets[index // len(options.experiments)]
        experiment = options.experiments[index % len(options.experiments)]
        axis.set(xticks=[], yticks=[])
        label, place = context.labels.get(experiment, experiment), context.report.dataset_name(dataset)
        if (dataset, experiment) not in found:
            axis.text(0.5, 0.5, "not run", ha="center", va="center", color=GREY, transform=axis.transAxes)
            axis.set_title(f"{label}\n{place}")
            continue
        evaluation = found[(dataset, experiment)]
        _embedding_panel(axis, evaluation, options.map)
        numbers = {row.metric: row.value for row in evaluation.measurements}
        said = [f"silhouette {numbers['silhouette']:.2f}"] if "silhouette" in numbers else []
        said += [f"purity {numbers['knn_purity']:.0f} %"] if "knn_purity" in numbers else []
        across = [f"{word} {numbers[metric]:.0f} %" for metric, word in ACROSS.items() if metric in numbers]
        told = ", ".join(said) or ("no numbers" if not across else "")
        lines = [label, ", ".join(filter(None, (place, told))), ", ".join(across)]
        axis.set_title("\n".join(filter(None, lines)), fontsize=8.8 if across else 9.5)
    return Drawing(figure, sorted_kinds(evaluation.data_kind for evaluation in found.values()))


def _embedding_panel(axis: Axes, evaluation: Evaluation, name: str) -> None:
    points, labels = evaluation.arrays[name], evaluation.arrays["labels"]
    names = [str(value) for value in evaluation.arrays.get("class_names", np.array([], dtype=np.str_))]
    classes = np.unique(labels)
    modality = evaluation.arrays.get("modality")
    for index, (number, color) in enumerate(zip(classes, class_colors(len(classes)), strict=True)):
        rows = labels == number
        label = names[int(number)] if int(number) < len(names) else str(number)
        if modality is not None:
            # Markers tell modalities apart, so colour alone tells classes.
            for kind, marker in enumerate(MODALITY_MARKERS):
                spots = points[rows & (modality == kind)]
                axis.scatter(spots[:, 0], spots[:, 1], s=13, color=color, marker=marker, linewidths=0.8 * kind,
                             label=in_legend(words(label)) if kind == 0 else None)  # fmt: skip
            continue
        marker = MARKERS[index % len(MARKERS)] if len(classes) > len(COLORS) else "o"
        axis.scatter(
            points[rows, 0], points[rows, 1], s=11, color=color, marker=marker, linewidths=0, label=in_legend(label)
        )
    axis.grid(False)
    if len(classes) <= MAX_NAMED_CLASSES:
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=3, fontsize=7, handletextpad=0.1,
                    columnspacing=0.6, markerscale=1.3)  # fmt: skip
    else:
        axis.set_xlabel(f"{len(classes)} classes", fontsize=8.5)

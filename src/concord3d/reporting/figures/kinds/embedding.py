"""Figures of points: embeddings, part segmentations, printed against rerun."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from numpy.typing import NDArray

from concord3d.config.validation import StrictModel
from concord3d.evaluation.statistics import binomial_interval
from concord3d.reporting.evidence.estimates import Evaluation
from concord3d.reporting.evidence.published_values import PublishedCell, chosen_cells
from concord3d.reporting.figures.style import (
    COLORS,
    GREY,
    MARKERS,
    Drawing,
    FigureContext,
    options_of,
    panels,
    placard,
    sorted_kinds,
)
from concord3d.reporting.specs.claim_spec import Selector
from concord3d.reporting.tables.cells import build_cells
from concord3d.reporting.tables.table_files import SELECTION_WORDS

MAX_NAMED_CLASSES = 15


class EmbeddingOptions(StrictModel):
    """Options of ``embedding``: experiments across, data sets down, and which map."""

    experiments: list[str]
    datasets: list[str]
    map: str
    protocol: str = "tsne"


class PartOptions(StrictModel):
    """Options of ``part_renders``: experiments in order of preference, the data set and how many shapes."""

    experiments: list[str]
    dataset: str
    num_shapes: int = 6
    protocol: str = "part_segmentation"


class RerunPair(StrictModel):
    """A printed value and a rerun of it by others."""

    label: str
    printed: Selector
    rerun: Selector


class ScatterOptions(StrictModel):
    """Options of ``rerun_scatter``: tables whose cells we re-ran, and reruns by others."""

    tables: list[str]
    pairs: list[RerunPair] = []


def draw_embedding(context: FigureContext) -> Drawing:
    """Draw t-SNE maps with the numbers that say what a map only suggests (MM-Point spec 9, F5)."""
    options = options_of(context, EmbeddingOptions)
    found = {
        (dataset, experiment): evaluations[0]
        for dataset in options.datasets
        for experiment in options.experiments
        if (evaluations := context.results.select(experiment, dataset, options.protocol))
        and options.map in evaluations[0].arrays
    }
    datasets = [d for d in options.datasets if any(place == d for place, _ in found)]
    if not datasets:
        return placard(context, f"{options.protocol} of {', '.join(options.experiments)}")
    figure, axes = panels(len(datasets) * len(options.experiments), 3.7, 3.7, columns=len(options.experiments))
    for index, axis in enumerate(axes):
        dataset = datasets[index // len(options.experiments)]
        experiment = options.experiments[index % len(options.experiments)]
        axis.set(xticks=[], yticks=[])
        label = context.labels.get(experiment, experiment)
        if (dataset, experiment) not in found:
            axis.text(0.5, 0.5, "not run", ha="center", va="center", color=GREY, transform=axis.transAxes)
            axis.set_title(f"{label}\n{dataset}")
            continue
        evaluation = found[(dataset, experiment)]
        _embedding_panel(axis, evaluation, options.map)
        numbers = {row.metric: row.value for row in evaluation.measurements}
        words = [f"silhouette {numbers['silhouette']:.2f}"] if "silhouette" in numbers else []
        words += [f"purity {numbers['knn_purity']:.0f} %"] if "knn_purity" in numbers else []
        axis.set_title(f"{label}\n{dataset}, {', '.join(words) or 'no numbers'}", fontsize=9.5)
    return Drawing(figure, sorted_kinds(evaluation.data_kind for evaluation in found.values()))


def _class_colors(num: int) -> list[str | tuple[float, float, float, float]]:
    if num <= len(COLORS):
        return list(COLORS[:num])
    # Beyond seven classes colour alone cannot tell them apart; markers repeat with another period.
    return [colormaps["turbo"](0.03 + 0.94 * index / (num - 1)) for index in range(num)]


def _embedding_panel(axis: Axes, evaluation: Evaluation, name: str) -> None:
    points, labels = evaluation.arrays[name], evaluation.arrays["labels"]
    names = [str(value) for value in evaluation.arrays.get("class_names", np.array([], dtype=np.str_))]
    classes = np.unique(labels)
    for index, (number, color) in enumerate(zip(classes, _class_colors(len(classes)), strict=True)):
        rows = labels == number
        label = names[int(number)] if int(number) < len(names) else str(number)
        marker = MARKERS[index % len(MARKERS)] if len(classes) > len(COLORS) else "o"
        axis.scatter(points[rows, 0], points[rows, 1], s=11, color=color, marker=marker, linewidths=0, label=label)
    axis.grid(False)
    if len(classes) <= MAX_NAMED_CLASSES:
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=3, fontsize=7, handletextpad=0.1,
                    columnspacing=0.6, markerscale=1.3)  # fmt: skip
    else:
        axis.set_xlabel(f"{len(classes)} classes", fontsize=8.5)


def project(
    points: NDArray[np.floating], azimuth_deg: float = 35.0, elevation_deg: float = 20.0
) -> NDArray[np.float64]:
    """Return (N, 3): right, up and depth (towards the viewer) of points seen from the front right, y up."""
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    x, y, z = np.asarray(points, dtype=np.float64).T
    right = np.cos(azimuth) * x - np.sin(azimuth) * z
    towards = np.sin(azimuth) * x + np.cos(azimuth) * z
    up = np.cos(elevation) * y - np.sin(elevation) * towards
    return np.stack([right, up, np.sin(elevation) * y + np.cos(elevation) * towards], axis=1)


def draw_part_renders(context: FigureContext) -> Drawing:
    """Draw part labels of test shapes, ground truth above prediction (MM-Point spec 9, F7)."""
    options = options_of(context, PartOptions)
    found = [
        evaluation
        for experiment in options.experiments
        for evaluation in context.results.select(experiment, options.dataset, options.protocol)
        if "example_points" in evaluation.arrays and len(evaluation.arrays["example_points"])
    ]
    if not found:
        return placard(context, f"{options.protocol} on {options.dataset} of {' or '.join(options.experiments)}")
    arrays = found[0].arrays
    num = min(options.num_shapes, len(arrays["example_points"]))
    figure, axes = panels(2 * num, 1.9, 2.0, columns=num)
    names = arrays.get("class_names", np.array([], dtype=np.str_))
    for shape in range(num):
        seen = project(arrays["example_points"][shape])
        order = np.argsort(seen[:, 2])
        truth, predicted = arrays["example_truth"][shape], arrays["example_predicted"][shape]
        parts = list(np.unique(np.concatenate([truth, predicted])))
        palette = _class_colors(len(parts))
        for row, labels in enumerate((truth, predicted)):
            axis = axes[row * num + shape]
            colors = [palette[parts.index(label)] for label in labels[order]]
            axis.scatter(seen[order, 0], seen[order, 1], s=3.0, c=colors, linewidths=0)
            axis.set_aspect("equal")
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set_visible(False)
        category = int(arrays["example_category"][shape])
        agreement = 100 * float((truth == predicted).mean())
        axes[shape].set_title(str(names[category]) if category < len(names) else str(category), fontsize=9.5)
        axes[num + shape].set_xlabel(f"{agreement:.0f} % of points", fontsize=8.5)
    axes[0].set_ylabel("ground truth")
    axes[num].set_ylabel("prediction")
    return Drawing(figure, (found[0].data_kind,))


def _one(context: FigureContext, selector: Selector) -> PublishedCell | None:
    found = chosen_cells(context.published, selector.model_dump(exclude_none=True))
    return next((cell for cell in found if cell.value is not None), None)


def draw_rerun_scatter(context: FigureContext) -> Drawing:
    """Draw printed values against reruns by others and by us, with intervals of the test set (MM-Point spec 9, F8)."""
    options = options_of(context, ScatterOptions)
    points = [*_rerun_points(context, options), *_our_points(context, options)]
    figure, (axis, forest) = panels(2, width=6.0, height=max(4.4, 0.27 * len(points) + 1.2))
    places: dict[str, int] = {}
    for row, point in enumerate(points):
        color = COLORS[places.setdefault(point.dataset, len(places)) % len(COLORS)]
        marker, size = ("s", 7) if point.ours else ("o", 5)
        look: dict[str, Any] = {"marker": marker, "markersize": size, "color": color}
        axis.vlines(point.printed, point.low, point.high, color=color, linewidth=1.3, alpha=0.8)
        axis.plot(point.printed, point.rerun, **look)
        forest.hlines(row, point.low - point.printed, point.high - point.printed, color=color, linewidth=1.6)
        forest.plot(point.rerun - point.printed, row, **look)
    low = min([min(point.low, point.printed) for point in points], default=1.0) - 1
    high = max([max(point.high, point.printed) for point in points], default=99.0) + 1
    axis.plot([low, high], [low, high], color=GREY, linestyle="--", linewidth=1)
    for dataset, index in places.items():
        axis.plot([], [], "o", color=COLORS[index % len(COLORS)], label=dataset)
    if any(point.ours for point in points):
        axis.plot([], [], "s", color=GREY, label="rerun here")
    axis.plot([], [], "o", color=GREY, label="rerun by others", markersize=5)
    axis.set(xlabel="printed (%)", ylabel="rerun (%), 95 % interval")
    axis.legend(loc="upper left")
    forest.axvline(0, color="black", linewidth=0.9)
    names = [f"{point.label}: {point.printed:.1f} -> {point.rerun:.1f}" for point in points]
    forest.set_yticks(range(len(points)), names, fontsize=8.5)
    forest.set_ylim(len(points) - 0.4, -0.6)
    forest.set(xlabel="rerun minus printed (points)", title="the same, as differences")
    forest.grid(False, axis="y")
    if any(evaluation.data_kind == "synthetic" for evaluation in context.results.evaluations):
        axis.set_title("ours at this scale is synthetic, not comparable and not shown", fontsize=9, color=GREY)
    shown = any(point.ours for point in points)
    return Drawing(figure, ("real",) if shown else ("none of ours (published values and reruns only)",))


class ScatterPoint(NamedTuple):
    """A printed value, its rerun, and the rerun's interval."""

    label: str
    dataset: str
    printed: float
    rerun: float
    low: float
    high: float
    ours: bool


def _rerun_points(context: FigureContext, options: ScatterOptions) -> list[ScatterPoint]:
    sizes = context.report.audit.test_sizes
    points: list[ScatterPoint] = []
    for pair in options.pairs:
        printed, rerun = _one(context, pair.printed), _one(context, pair.rerun)
        if printed is None or rerun is None or printed.value is None or rerun.value is None:
            continue
        num = sizes.get(f"{rerun.table}/{rerun.dataset}", sizes.get(rerun.dataset, [0]))[0]
        low = high = rerun.value
        if num:
            interval = binomial_interval(round(rerun.value * num / 100), num).scaled(100)
            low, high = interval.low, interval.high
        points.append(ScatterPoint(pair.label, rerun.dataset, printed.value, rerun.value, low, high, False))
    return points


def _our_points(context: FigureContext, options: ScatterOptions) -> list[ScatterPoint]:
    points: list[ScatterPoint] = []
    for name in options.tables:
        spec = context.report.table(name)
        table = build_cells(context.report, spec, context.published, context.results, context.inputs, context.labels)
        for cell in table.cells:
            selection = spec.selections[0]
            if cell.published is None or cell.published.value is None or cell.difference(selection) is None:
                continue
            interval = cell.estimates[selection].interval
            rule = "" if selection == "last" else f", {SELECTION_WORDS[selection]}"
            label = f"{cell.method.split(' (')[0]} here ({cell.experiment}{rule})"
            numbers = (cell.published.value, interval.value, interval.low, interval.high)
            points.append(ScatterPoint(label, cell.dataset, *numbers, True))
    return points

"""What happens during a training: figures of its history and accuracies of its snapshots, over epochs."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from pydantic import Field, model_validator

from concord3d.config.validation import StrictModel
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.measured_points import beside, shifts_of
from concord3d.reporting.figures.style import (
    COLORS,
    MARKERS,
    Drawing,
    FigureContext,
    named,
    not_run_note,
    options_of,
    panels,
    placard,
    sorted_kinds,
)

SNAPSHOTS = "by_snapshot"
# A share of fewer than this of a batch's objects says nothing of what it is a share of.
LEAST = 1e-6
# Points of print between curves that are single points at one epoch.
SHIFT = 14.0
Series = dict[int, float]


class Curve(StrictModel):
    """A figure of the history in percent, or an accuracy of the snapshots.

    Attributes:
        figure: Figure of the history.
        minus: Subtracted from it.
        over: What it is a share of; null where the figure is a share itself.
        over_minus: Subtracted from that.
        snapshot: In place of the history: key of the details of every snapshot, in percent.
        dashed: Whether its line is dashed.
    """

    figure: str | None = None
    minus: str | None = None
    over: str | None = None
    over_minus: str | None = None
    snapshot: str | None = None
    dashed: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Curve:
        if (self.figure is None) == (self.snapshot is None):
            raise ValueError("a curve has either figure or snapshot")
        return self


class HistoryPanel(StrictModel):
    """One panel.

    Attributes:
        title: Its heading.
        y_label: Label of its axis.
        curves: By label.
        percent: Whether figures of the history are shown in percent; else as they are, from 0.
    """

    title: str
    y_label: str
    curves: dict[str, Curve] = Field(min_length=1)
    percent: bool = True


class Options(StrictModel):
    """Options of ``history_curves``.

    Attributes:
        experiments: Label per experiment, one row of panels each.
        columns: Panels across.
        dataset: Of the evaluation that tells of snapshots.
        protocol: Likewise.
    """

    experiments: dict[str, str] = Field(min_length=1)
    columns: list[HistoryPanel] = Field(min_length=1)
    dataset: str
    protocol: str


def draw(context: FigureContext) -> Drawing:
    """Draw curves over epochs: the mean of the seeds as a line, every seed as a thin one."""
    options = options_of(context, Options)
    found = {name: _seeds(context, name) for name in options.experiments}
    shown = [name for name, seeds in found.items() if seeds]
    if not shown:
        return placard(context, f"histories of {named(context, options.experiments)}")
    figure, axes = panels(len(shown) * len(options.columns), 4.3, 3.6, columns=len(options.columns))
    kinds: list[str] = []
    for index, axis in enumerate(axes):
        name, column = shown[index // len(options.columns)], options.columns[index % len(options.columns)]
        factor, drawn = 100.0 if column.percent else 1.0, {}
        for label, curve in column.curves.items():
            by_seed = {seed: _values(context, options, name, seed, curve, factor) for seed in found[name]}
            drawn[label] = {seed: values for seed, values in by_seed.items() if values}
        epochs = {epoch for by_seed in drawn.values() for values in by_seed.values() for epoch in values}
        # Points at one epoch stand beside each other.
        shifts = shifts_of(len(drawn), SHIFT if len(epochs) == 1 else 0.0)
        for number, ((label, by_seed), shift) in enumerate(zip(drawn.items(), shifts, strict=True)):
            _curve(axis, column.curves[label], number, label, by_seed, shift)
        if len(epochs) == 1:
            axis.set_xlim(min(epochs) - 1, min(epochs) + 1)
        axis.set(title=f"{options.experiments[name]}: {column.title}", xlabel="epoch", ylabel=column.y_label)
        axis.set_ylim(0, 102 if column.percent else None)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if axis.get_legend_handles_labels()[1]:
            axis.legend(fontsize=7.5, loc="best")
        elif not axis.has_data():
            axis.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axis.transAxes)
        kinds += [e.data_kind for e in context.results.select(name, options.dataset, options.protocol)]
    absent = [label for name, label in options.experiments.items() if name not in shown]
    return Drawing(figure, sorted_kinds(kinds), note=not_run_note(absent))


def _seeds(context: FigureContext, experiment: str) -> list[int]:
    return sorted(seed for (name, seed), history in context.results.histories.items() if name == experiment and history)


def _values(
    context: FigureContext, options: Options, experiment: str, seed: int, curve: Curve, factor: float = 100.0
) -> Series:
    """Return percentages by epoch, or plain figures; none of epochs in which there is nothing to be a share of."""
    if curve.snapshot is not None:
        return _of_snapshots(context, options, experiment, seed, curve.snapshot)
    assert curve.figure is not None
    found = {}
    for entry in context.results.histories[experiment, seed]:
        upper = _difference(entry, curve.figure, curve.minus)
        lower = 1.0 if curve.over is None else _difference(entry, curve.over, curve.over_minus)
        if upper is not None and lower is not None and lower > LEAST:
            found[int(entry["epoch"])] = factor * upper / lower
    return found


def _difference(entry: Mapping[str, float], first: str, second: str | None) -> float | None:
    if first not in entry or (second is not None and second not in entry):
        return None
    return float(entry[first]) - (0.0 if second is None else float(entry[second]))


def _of_snapshots(context: FigureContext, options: Options, experiment: str, seed: int, key: str) -> Series:
    found: Series = {}
    for evaluation in context.results.select(experiment, options.dataset, options.protocol):
        if evaluation.job.seed != seed:
            continue
        for name, numbers in evaluation.details.get(SNAPSHOTS, {}).items():
            epoch = re.search(r"(\d+)$", name)
            if epoch is not None and key in numbers:
                found[int(epoch[1])] = float(numbers[key])
    return found


def _curve(axis: Axes, curve: Curve, number: int, label: str, by_seed: Mapping[int, Series], shift: float) -> None:
    if not by_seed:
        return
    color, style = COLORS[number % len(COLORS)], "--" if curve.dashed else "-"
    epochs = sorted(set.intersection(*(set(values) for values in by_seed.values())))
    for values in by_seed.values():
        if len(by_seed) > 1:
            # A single point has no line: a small dot stands for the seed.
            of_seed = axis.plot(sorted(values), [values[epoch] for epoch in sorted(values)], style, color=color,
                                alpha=0.35, linewidth=0.8, marker="." if len(values) == 1 else None)  # fmt: skip
            beside(axis, of_seed[0], shift)
    means = [float(np.mean([values[epoch] for values in by_seed.values()])) for epoch in epochs]
    [mean] = axis.plot(
        epochs, means, style, color=color, marker=MARKERS[number % len(MARKERS)], markersize=4, label=in_legend(label)
    )
    beside(axis, mean, shift)

"""Accuracy against the clouds seen in all trainings behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import model_validator

from concord3d.reporting.claims.comparisons import Comparison
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.figures.arms import ArmOptions, Entry, looks_of
from concord3d.reporting.figures.measured_points import (
    datasets_with,
    draw_curve,
    estimates_of,
    measure_label,
    paired_difference,
    shifts_of,
)
from concord3d.reporting.figures.style import (
    Drawing,
    FigureContext,
    legend_entries,
    named,
    not_run_note,
    options_of,
    panels,
    placard,
    shared_legend,
    sorted_kinds,
    words,
)
from concord3d.statistics.extrapolation import LEAST_LENGTHS, clouds_needed

# Points of print between curves with one budget.
SHIFT = 2.0


class Options(ArmOptions):
    """Options of ``training_budget``.

    Attributes:
        paths: Experiments per label, in the order of training.
        datasets: One panel each.
        protocol: What is measured.
        metric: Likewise.
        label: Of the axis.
        goals: Accuracies in percent per label, of which the figure says how many clouds they would take.
        against: Labels of the controls of a label; the figure says from which budget on it gains against each.
    """

    paths: dict[str, list[str]]
    datasets: list[str]
    protocol: str
    metric: str
    label: str = ""
    goals: dict[str, list[float]] = {}
    against: dict[str, list[str]] = {}

    @model_validator(mode="after")
    def _known_labels(self) -> Options:
        named_labels = {*self.against, *(control for controls in self.against.values() for control in controls)}
        if unknown := sorted(named_labels - set(self.paths)):
            raise ValueError(f"'against' names what is no path: {', '.join(unknown)}")
        return self

    def arms(self) -> list[Entry]:
        """Return each label and the first experiment of its path."""
        return [(label, path[0]) for label, path in self.paths.items()]


def draw(context: FigureContext) -> Drawing:
    """Draw accuracy against the clouds seen in all trainings behind it, one line per way of spending them."""
    options = options_of(context, Options)
    experiments = [experiment for path in options.paths.values() for experiment in path]
    seen = {experiment: clouds_seen(context, experiment) for experiment in experiments}
    spent = {experiment: clouds for experiment, clouds in seen.items() if clouds}
    datasets = datasets_with(context, list(spent), options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"{words(options.protocol)} and the trainings of {named(context, experiments)}")
    unit, word = (1e6, "million clouds") if max(spent.values()) >= 1e6 else (1e3, "thousand clouds")
    ran = {
        label: shown
        for label, path in options.paths.items()
        if datasets_with(context, shown := [e for e in path if e in spent], datasets, options.protocol, options.metric)
    }
    columns = min(len(datasets), 2)
    figure, axes = panels(len(datasets), width=5.0, legend_rows=-(-len(ran) // columns))
    kinds: list[str] = []
    told: list[str] = []
    looks = looks_of(context)
    for axis, dataset in zip(axes, datasets, strict=True):
        # Equal budgets are moved apart, so that their intervals can be told apart.
        for (label, path), shift in zip(ran.items(), shifts_of(len(ran), SHIFT), strict=True):
            found = estimates_of(context, path, dataset, options.protocol, options.metric)
            kinds += [estimate.data_kind for estimate in found.values()]
            points = [(spent[experiment] / unit, estimate) for experiment, estimate in found.items()]
            if points:
                draw_curve(axis, points, *looks[label], label, shift)
            reached = {spent[experiment]: estimate for experiment, estimate in found.items()}
            told += _extrapolated(context, label, dataset, reached, options.goals.get(label, ()))
            for control in options.against.get(label, ()):
                equal = [(spent[e], e, c) for e in path for c in ran.get(control, ()) if spent[e] == spent[c]]
                told += _gains(context, options, f"{label} against {control}", dataset, sorted(equal))
        axis.margins(x=0.18)
        axis.set_xlim(left=0)
        axis.set(title=context.report.dataset_name(dataset), xlabel=f"{word} seen, teachers included",
                 ylabel=measure_label(options.label, options.metric))  # fmt: skip
    shared_legend(figure, legend_entries(axes), columns=columns)
    absent = [label for label in options.paths if label not in ran]
    return Drawing(figure, sorted_kinds(kinds), note=" ".join([not_run_note(absent), *told]).strip())


def _gains(
    context: FigureContext, options: Options, sides: str, dataset: str, equal: Sequence[tuple[float, str, str]]
) -> list[str]:
    """Return the sentence that says at which budgets the first of two experiments is better; none without intervals.

    Args:
        context: The figure.
        options: Its options.
        sides: What is compared, in words.
        dataset: Where.
        equal: Clouds seen by two experiments alike, and both, by clouds.
    """
    told: list[str] = []
    gains: list[tuple[float, Comparison]] = []
    for clouds, one, other in equal:
        gain = paired_difference(context, one, other, dataset, options.protocol, options.metric)
        if gain.difference is not None and gain.low is not None and gain.high is not None:
            told.append(f"{gain.difference:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}] at {_clouds(clouds)}")
            gains.append((clouds, gain))
    if not told:
        return []
    where = context.report.dataset_name(dataset)
    return [f"On {where}, at equal numbers of clouds seen, {sides} {_verdict(gains)}: {', '.join(told)}."]


def _verdict(gains: Sequence[tuple[float, Comparison]]) -> str:
    last = _clouds(gains[-1][0])
    budgets = [clouds for clouds, gain in gains if (gain.low or 0) > 0]
    if not budgets:
        loses = all((gain.high or 0) < 0 for _, gain in gains)
        return f"loses at every budget up to {last}" if loses else f"shows no gain at up to {last}"
    if all((gain.low or 0) > 0 for clouds, gain in gains if clouds >= budgets[0]):
        return f"gains from {_clouds(budgets[0])} on"
    return f"gains at {' and '.join(map(_clouds, budgets))}, and not at every budget up to {last}"


def _extrapolated(
    context: FigureContext, label: str, dataset: str, reached: Mapping[float, Estimate], goals: Sequence[float]
) -> list[str]:
    """Return the sentence that says what goals would take; none where too few lengths were trained."""
    if not goals or len(reached) < LEAST_LENGTHS:
        return []
    intervals = [estimate.interval for estimate in reached.values()]
    parts = []
    for goal in goals:
        needed = clouds_needed(list(reached), intervals, goal)
        parts.append(f"{goal:g} % take {_clouds(needed.clouds)} [{_clouds(needed.low)}, {_clouds(needed.high)}]")
    where = context.report.dataset_name(dataset)
    return [f"Clouds that {label} needs on {where} if errors go on to fall as a power of them: {'; '.join(parts)}."]


def _clouds(number: float) -> str:
    if math.isinf(number):
        return "more than any number"
    if number >= 1e9:
        return "over a billion"
    shown, unit = (number / 1e6, "million") if number >= 1e6 else (number / 1e3, "thousand")
    return f"{shown:.0f} {unit}" if shown >= 10 else f"{shown:.1f} {unit}"


def clouds_seen(context: FigureContext, experiment: str) -> float | None:
    """Return how many clouds the trainings behind an experiment saw, its teachers' included; mean over seeds.

    None where a training has no record. Clouds, not hours: they are the same on every machine.
    """
    seeds = sorted({seed for name, seed in context.results.steps if name == experiment})
    totals = []
    for seed in seeds:
        parts = []
        for name in context.inputs.lineage(experiment):
            steps = context.results.steps.get((name, seed))
            batch = context.inputs.runs.get(name, {}).get("training", {}).get("batch_size")
            parts.append(None if steps is None or batch is None else steps * int(batch))
        known = [part for part in parts if part is not None]
        totals += [sum(known)] if len(known) == len(parts) else []
    return float(np.mean(totals)) if totals else None

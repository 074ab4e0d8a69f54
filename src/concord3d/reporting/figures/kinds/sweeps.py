"""A number against each of several settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from pydantic import Field, model_validator

from concord3d.config.validation import StrictModel
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.figures.arms import ArmOptions, Entry, Look, looks_of
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.measured_points import (
    datasets_with,
    draw_curve,
    draw_seed_dots,
    estimates_of,
    measure_label,
    one_point,
    seed_values,
    shifts_of,
)
from concord3d.reporting.figures.style import (
    GREY,
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

# More panels side by side do not fit the width of a page.
MOST_COLUMNS = 2
# Points of print between a curve and that of its controls.
BESIDE = 4.0


class Configured(StrictModel):
    """The experiment whose settings the others change.

    Attributes:
        experiment: Its name.
        setting: Where its configuration has the value that is swept; a scale may set none.
    """

    experiment: str
    setting: str


class Sweep(StrictModel):
    """One setting and the experiment at each of its values.

    Attributes:
        x_label: Of the axis.
        experiments: By value of the setting.
        controls: What is compared with them, by value of the setting.
        configured: The experiment that all of them change.
    """

    x_label: str
    experiments: dict[float, str] = Field(min_length=2)
    controls: dict[float, str] = {}
    configured: Configured | None = None

    @model_validator(mode="after")
    def _beside_experiments(self) -> Sweep:
        if alone := [f"{x:g}" for x in self.controls if x not in self.experiments]:
            raise ValueError(f"controls without an experiment: at {', '.join(alone)}")
        return self

    def completed(self, context: FigureContext) -> Sweep:
        """Return this sweep with the configured experiment where the scale has it."""
        if self.configured is None:
            return self
        value: Any = context.inputs.runs.get(self.configured.experiment, {})
        for key in self.configured.setting.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if not isinstance(value, int | float) or isinstance(value, bool) or value in self.experiments:
            return self
        return self.model_copy(update={"experiments": {**self.experiments, value: self.configured.experiment}})


class Options(ArmOptions):
    """Options of ``sweeps``.

    Attributes:
        sweeps: Settings, two across; one that a scale runs fewer than two values of is left out and named, unless this
            is so of all.
        datasets: A block of panels each.
        references: Label per experiment that is drawn as a level line to compare with.
        curve: What the legend calls the curve.
        control: What it calls the curve of the controls.
        protocol: What is measured.
        metric: Likewise.
        label: Of the axis.
    """

    sweeps: list[Sweep] = Field(min_length=1)
    datasets: list[str]
    references: dict[str, str] = {}
    curve: str = "measured"
    control: str = "control"
    protocol: str
    metric: str
    label: str = ""

    @model_validator(mode="after")
    def _two_labels(self) -> Options:
        if self.curve == self.control:
            raise ValueError(f"'curve' and 'control' are both called '{self.curve}'")
        return self

    def arms(self) -> list[Entry]:
        """Return the curves, which are many experiments, and the label of each level line with its experiment."""
        controls = [(self.control, "")] if any(sweep.controls for sweep in self.sweeps) else []
        return [(self.curve, ""), *controls, *((label, experiment) for experiment, label in self.references.items())]


def draw(context: FigureContext) -> Drawing:
    """Draw a number against each setting, one column per setting, one row per data set, whose panels have one scale."""
    options = options_of(context, Options)
    options = options.model_copy(update={"sweeps": [sweep.completed(context) for sweep in options.sweeps]})
    experiments = [experiment for sweep in options.sweeps for experiment in sweep.experiments.values()]
    datasets = datasets_with(context, experiments, options.datasets, options.protocol, options.metric)
    if not datasets:
        return placard(context, f"{words(options.protocol)} of {named(context, experiments)}")
    if alone := one_point(context, experiments, datasets, options.protocol, options.metric):
        return alone
    ran = [_values_with(context, options, sweep.experiments, datasets) for sweep in options.sweeps]
    least = min(2, max(len(values) for values in ran))
    drawn = [len(values) >= least > 0 for values in ran]
    sweeps = list(compress(options.sweeps, drawn))
    columns = min(len(sweeps), MOST_COLUMNS)
    shown = [(dataset, sweep) for dataset in datasets for sweep in sweeps]
    has_legend = bool(options.references) or any(sweep.controls for sweep in sweeps)
    figure, axes = panels(len(shown), columns=columns, legend_rows=1 if has_legend else 0)
    kinds: list[str] = []
    looks = looks_of(context)
    first_of: dict[str, Axes] = {}
    for axis, (dataset, sweep) in zip(axes, shown, strict=True):
        if dataset in first_of:
            axis.sharey(first_of[dataset])
        first_of.setdefault(dataset, axis)
        kinds += _sweep_panel(context, axis, options, sweep, dataset, looks)
        axis.set(title=f"{context.report.dataset_name(dataset)}\n{sweep.x_label}", xlabel=sweep.x_label)
        axis.set_ylabel(measure_label(options.label, options.metric))
    if has_legend:
        band = {"band: its 95 % interval": Patch(color=GREY, alpha=0.3, linewidth=0)} if options.references else {}
        entries = legend_entries(axes) | band
        shared_legend(figure, entries, columns=len(entries))
    absent = []
    for sweep, values, is_drawn in zip(options.sweeps, ran, drawn, strict=True):
        gone = [f"{x:g}" for x in sorted(sweep.experiments) if x not in values]
        one = f" ({values[0]:g} alone is no curve)" if values and not is_drawn else ""
        absent += [f"{sweep.x_label} of {', '.join(gone)}{one}"] if gone else []
        without = _values_with(context, options, sweep.controls, datasets)
        lone = [f"{x:g}" for x in sorted(sweep.controls) if x in values and x not in without]
        absent += [f"{options.control} at {sweep.x_label} of {', '.join(lone)}"] if lone else []
    return Drawing(figure, sorted_kinds(kinds), note=not_run_note(absent))


def _values_with(
    context: FigureContext, options: Options, experiments: Mapping[float, str], datasets: Sequence[str]
) -> list[float]:
    """Return the values of a setting whose experiments are measured on any of the data sets, rising."""
    return [
        x
        for x, experiment in sorted(experiments.items())
        if datasets_with(context, [experiment], datasets, options.protocol, options.metric)
    ]


def _sweep_panel(
    context: FigureContext, axis: Axes, options: Options, sweep: Sweep, dataset: str, looks: Mapping[str, Look]
) -> list[str]:
    measured = (dataset, options.protocol, options.metric)
    shown: list[Estimate] = []
    places: set[float] = set()
    curves = {options.curve: sweep.experiments, options.control: sweep.controls}
    for (label, experiments), shift in zip(
        curves.items(), shifts_of(2, BESIDE) if sweep.controls else (0, 0), strict=True
    ):
        found = estimates_of(context, list(experiments.values()), *measured)
        points = [(x, found[experiment]) for x, experiment in sorted(experiments.items()) if experiment in found]
        if points:
            look = looks[label]
            draw_curve(axis, points, *look, label, shift)
            for x, _ in points:
                draw_seed_dots(axis, x, seed_values(context, experiments[x], *measured), look.color, shift)
        shown += found.values()
        places |= {x for x, _ in points}
    if places:
        margin = 0.06 * (max(places) - min(places)) or 0.5
        axis.set_xticks(sorted(places), [f"{x:g}" for x in sorted(places)])
        axis.set_xlim(min(places) - margin, max(places) + margin)
    levels = estimates_of(context, list(options.references), *measured)
    for experiment, estimate in levels.items():
        label = options.references[experiment]
        color = looks[label].color
        axis.axhspan(estimate.interval.low, estimate.interval.high, color=color, alpha=0.12, linewidth=0)
        axis.axhline(estimate.interval.value, color=color, linestyle="--", label=in_legend(label))
    return [estimate.data_kind for estimate in (*shown, *levels.values())]

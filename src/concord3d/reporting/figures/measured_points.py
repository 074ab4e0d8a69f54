"""What the figures of measured numbers share: estimates by experiment, and one line of points with intervals."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from concord3d.reporting.claims.comparisons import Comparison, compare
from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.estimates import Estimate
from concord3d.reporting.figures.letters import in_legend
from concord3d.reporting.figures.style import Drawing, FigureContext, in_words, named, spread_dots, words
from concord3d.reporting.specs.claim_spec import ClaimPart, Term

# Points of print between the dots of the first and the last seed.
SEEDS_WIDTH = 5.0


def estimates_of(
    context: FigureContext, experiments: Sequence[str], dataset: str, protocol: str, metric: str
) -> dict[str, Estimate]:
    """Return the estimate of each experiment that has one."""
    found = {e: context.results.estimate(Address(e, dataset, protocol, metric)) for e in experiments}
    return {experiment: estimate for experiment, estimate in found.items() if estimate is not None}


def seed_values(context: FigureContext, experiment: str, dataset: str, protocol: str, metric: str) -> list[float]:
    """Return the value of every seed, by seed."""
    rows = context.results.rows(Address(experiment, dataset, protocol, metric))
    return [rows[seed].value for seed in sorted(rows)]


def datasets_with(
    context: FigureContext, experiments: Sequence[str], datasets: Sequence[str], protocol: str, metric: str
) -> list[str]:
    """Return the data sets on which any of the experiments has an estimate."""
    return [d for d in datasets if estimates_of(context, experiments, d, protocol, metric)]


def one_point(
    context: FigureContext, experiments: Sequence[str], datasets: Sequence[str], protocol: str, metric: str
) -> Drawing | None:
    """Return the numbers in words where a curve over these experiments would have one point; else None."""
    found = {dataset: estimates_of(context, experiments, dataset, protocol, metric) for dataset in datasets}
    measured = {experiment for estimates in found.values() for experiment in estimates}
    if len(measured) != 1:
        return None
    [experiment] = measured
    shown = {dataset: estimates[experiment] for dataset, estimates in found.items() if estimates}
    values = [
        f"{context.report.dataset_name(dataset)} {e.interval.value:.2f} [{e.interval.low:.2f}, {e.interval.high:.2f}]"
        for dataset, e in shown.items()
    ]
    ran = f"One point, no curve: this scale runs {named(context, [experiment])} alone"
    return in_words(
        context, f"{ran}; {words(metric)}: {'; '.join(values)}.", [estimate.data_kind for estimate in shown.values()]
    )


def paired_difference(
    context: FigureContext, experiment: str, reference: str, dataset: str, protocol: str, metric: str
) -> Comparison:
    """Return what an experiment reaches above another, with its interval over items and seeds."""
    sides = Term(experiment=experiment), Term(experiment=reference)
    part = ClaimPart(name=experiment, lhs=sides[0], rhs=sides[1], dataset=dataset, protocol=protocol, metric=metric)
    return compare(context.results, part)


def measure_label(given: str, metric: str) -> str:
    """Return what an axis calls a metric: the label that the report gives, or the metric's name."""
    return given or f"{metric.replace('_', ' ')} (%)"


def draw_curve(
    axis: Axes, points: Sequence[tuple[float, Estimate]], color: str, marker: str, label: str, shift: float = 0.0
) -> None:
    """Draw estimates over x as a line with markers and 95 % intervals, ``shift`` points of print beside x."""
    x = [place for place, _ in points]
    y = [estimate.interval.value for _, estimate in points]
    low = [estimate.interval.low for _, estimate in points]
    high = [estimate.interval.high for _, estimate in points]
    [line] = axis.plot(x, y, marker=marker, color=color, label=in_legend(label), zorder=3)
    beside(axis, line, shift)
    beside(axis, axis.vlines(x, low, high, color=color, linewidth=1.4, zorder=2), shift)


def draw_seed_dots(axis: Axes, x: float, values: Sequence[float], color: str, shift: float = 0.0) -> None:
    """Draw one dot per seed, about ``shift`` points of print beside x."""
    for offset, value in zip(spread_dots(len(values), SEEDS_WIDTH), values, strict=True):
        [dot] = axis.plot([x], [value], ".", color=color, alpha=0.55, markersize=6, zorder=2)
        beside(axis, dot, shift + offset)


def shifts_of(num: int, step: float) -> list[float]:
    """Return how many points of print each of ``num`` curves is moved, so that equal x stay apart and near their x."""
    return spread_dots(num, step * (num - 1))


def beside(axis: Axes, drawn: Artist, shift: float) -> None:
    """Move what is drawn by ``shift`` points of print to the right; the limits of the axis stay."""
    # In points of print: as far on an axis of logarithms as on any other, and with one x as with many.
    if shift:
        assert axis.figure is not None
        drawn.set_transform(axis.transData + ScaledTranslation(shift / 72, 0, axis.figure.dpi_scale_trans))

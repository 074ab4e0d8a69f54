"""Claims as interval plots: where the difference and its ends lie on an axis, in percent of the axis' length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import MaxNLocator

from concord3d.reporting.claims.claim_words import found_in_words

NUM_TICKS = 5
# Empty share of the axis at each end.
_MARGIN = 0.06


@dataclass(frozen=True)
class PlottedPart:
    """One part of a claim on its axis; positions are None where there is nothing to draw.

    Attributes:
        facts: The part's entry in ``claims.json``.
        text: Its numbers as the claim's details write them; empty without a result.
        value: Position of the difference.
        low: Position of the lower end.
        high: Position of the upper end.
        corrected: Position of the upper end that decides on "fails", where it lies further out.
        threshold: Position that the whole interval must lie above for the part to hold.
    """

    facts: Mapping[str, Any]
    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    corrected: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class IntervalPlot:
    """The parts of a claim that share a unit.

    Attributes:
        unit: Of the axis.
        ticks: Positions with their labels; empty where no part has a number.
        parts: In the order of the claim.
    """

    unit: str
    ticks: tuple[tuple[float, str], ...]
    parts: tuple[PlottedPart, ...]


def plots_of(claim: Mapping[str, Any]) -> list[IntervalPlot]:
    """Return a claim's plots, one for each unit of its measured parts; parts without a number come last, without axis.

    Args:
        claim: An entry of ``claims.json``.
    """
    measured = [part for part in claim["parts"] if part["difference"] is not None]
    units = list(dict.fromkeys(part["unit"] for part in measured))
    plots = [_plot(unit, [part for part in measured if part["unit"] == unit], claim["details"]) for unit in units]
    absent = tuple(PlottedPart(part, "") for part in claim["parts"] if part["difference"] is None)
    return [*plots, *([IntervalPlot("", (), absent)] if absent else [])]


def _plot(unit: str, parts: Sequence[Mapping[str, Any]], details: str) -> IntervalPlot:
    shown = [0.0, *(-float(part["margin"]) for part in parts)]
    for part in parts:
        ends = (part[key] for key in ("difference", "ci_low", "ci_high", "ci_high_corrected"))
        shown += [float(end) for end in ends if end is not None]
    lowest, highest = min(shown), max(shown)
    room = _MARGIN * (highest - lowest or 1.0)
    start, length = lowest - room, highest - lowest + 2 * room

    def position(value: float | None) -> float | None:
        return None if value is None else round(100 * (value - start) / length, 2)

    def plotted(part: Mapping[str, Any]) -> PlottedPart:
        corrected = part["ci_high_corrected"] if part["ci_high_corrected"] != part["ci_high"] else None
        low, high = position(part["ci_low"]), position(part["ci_high"])
        threshold = position(-float(part["margin"]))
        return PlottedPart(
            part,
            found_in_words(details, part["name"], part["verdict"]),
            position(part["difference"]),
            low,
            high,
            position(corrected),
            threshold,
        )

    return IntervalPlot(unit, _ticks(start, length), tuple(plotted(part) for part in parts))


def _ticks(start: float, length: float) -> tuple[tuple[float, str], ...]:
    values = MaxNLocator(NUM_TICKS).tick_values(start, start + length)
    positions = ((100 * (float(value) - start) / length, float(value)) for value in values)
    # Labels at the very ends would be cut off.
    return tuple(
        (round(place, 2), "0" if abs(value) < 1e-12 else f"{value:+g}")
        for place, value in positions
        if 2 <= place <= 98
    )

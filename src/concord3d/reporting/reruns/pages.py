"""The comparison of a rerun with its reference, as Markdown and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from concord3d.reporting.csv_text import format_number
from concord3d.reporting.markdown import grid, plain
from concord3d.reporting.reruns.comparing import SECOND_DRAW, SIGNIFICANCE, Chance, Comparison, Moved

# Longer lists are cut; JSON has all.
_SHOWN = 20
_COLUMNS = [
    "paper", "rows", "identical", "inside the interval", "outside", "without counterpart", "verdicts changed",
    "outside among changed evaluations", "by chance", "probability of as many or more",
]  # fmt: skip


@dataclass(frozen=True)
class RerunReport:
    """All papers of one scale.

    Attributes:
        scale: The scale.
        reference: Where the reference comes from, in words.
        papers: The comparison of each paper.
        left_out: Why a paper was not compared, in words, by paper.
    """

    scale: str
    reference: str
    papers: Mapping[str, Comparison]
    left_out: Mapping[str, str]

    @property
    def agrees(self) -> bool:
        """Whether every paper agrees with its reference."""
        return not any(comparison.reasons for comparison in self.papers.values())

    @property
    def conclusion(self) -> str:
        """One line: whether the rerun agrees, and why."""
        wrong = [f"{paper}: {' and '.join(c.reasons)}" for paper, c in self.papers.items() if c.reasons]
        if wrong:
            return f"The rerun differs from its reference. {'; '.join(wrong)}."
        if all(c.num_identical == c.num_cells for c in self.papers.values()):
            return "Every number and verdict is that of the reference."
        outside = sum(len(c.outside) for c in self.papers.values())
        cells = sum(c.num_cells for c in self.papers.values())
        lie = "all of them inside the intervals of the reference" if not outside else (
            f"{outside} of {cells} outside of the interval of the reference, no more than chance gives"
        )  # fmt: skip
        return f"The rerun agrees with its reference: no verdict changed; other values, {lie}."


def as_json(report: RerunReport) -> dict[str, Any]:
    """Return everything that was found, as plain JSON types."""
    return {
        "scale": report.scale,
        "reference": report.reference,
        "agrees": report.agrees,
        "conclusion": report.conclusion,
        "papers": {paper: _paper_json(comparison) for paper, comparison in report.papers.items()},
        "left_out": dict(report.left_out),
    }


def _paper_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "rows": comparison.num_cells,
        "identical": comparison.num_identical,
        "inside": comparison.num_inside,
        "outside": [_moved_json(moved) for moved in comparison.outside],
        "only_in_reference": [cell._asdict() for cell in comparison.only_reference],
        "only_in_rerun": [cell._asdict() for cell in comparison.only_rerun],
        "verdicts_changed": {
            claim: {"reference": old, "rerun": new} for claim, (old, new) in comparison.verdicts.items()
        },
        "chance": None if comparison.chance is None else _chance_json(comparison.chance),
        "reasons": list(comparison.reasons),
    }


def _moved_json(moved: Moved) -> dict[str, Any]:
    old = moved.reference
    numbers = {"value": old.value, "ci_low": old.ci_low, "ci_high": old.ci_high, "rerun": moved.rerun.value}
    distance = moved.distance if math.isfinite(moved.distance) else None
    return {**moved.cell._asdict(), **numbers, "unit": old.unit, "distance": distance}


def _chance_json(chance: Chance) -> dict[str, Any]:
    return {
        "expected_share": chance.expected,
        "share_said_by_other_seeds": chance.from_seeds,
        "changed_evaluations": chance.num_evaluations,
        "outside_evaluations": chance.num_outside,
        "p_value": chance.p_value,
        "significance": SIGNIFICANCE,
        "explains": chance.explains,
    }


def as_markdown(report: RerunReport) -> str:
    """Return the page: the conclusion, a row for each paper, and what moved."""
    lines = [
        f"# The results of `{report.scale}` beside {plain(report.reference)}",
        "",
        f"**{plain(report.conclusion)}**",
        "",
        *grid(_COLUMNS, [_row(paper, comparison) for paper, comparison in report.papers.items()]),
        "",
        *_how_to_read(report),
    ]
    for paper, comparison in report.papers.items():
        lines += _details(paper, comparison)
    lines += [f"* {paper} was not compared: {plain(why)}." for paper, why in report.left_out.items()]
    return "\n".join(lines).rstrip() + "\n"


def _row(paper: str, comparison: Comparison) -> list[str]:
    chance = comparison.chance
    counts = [
        comparison.num_cells, comparison.num_identical, comparison.num_inside, len(comparison.outside),
        len(comparison.only_reference) + len(comparison.only_rerun), len(comparison.verdicts),
    ]  # fmt: skip
    tested = ["none changed", "", ""]
    if chance is not None:
        share = f"{chance.num_outside / chance.num_evaluations:.1%}"
        tested = [f"{share} of {chance.num_evaluations}", f"{chance.expected:.1%}", f"{chance.p_value:.2g}"]
    return [paper, *map(str, counts), *tested]


def _how_to_read(report: RerunReport) -> list[str]:
    chances = [comparison.chance for comparison in report.papers.values() if comparison.chance is not None]
    if not chances:
        return []
    seeds = "how often another seed of the same experiment lies outside of the same interval, in the reference"
    draws = (
        f"{SECOND_DRAW:.1%} where there is one seed, which is how often one of two independent draws leaves the other's"
    )
    said = [seeds] * any(chance.from_seeds for chance in chances)
    said += [draws] * any(chance.from_seeds < 1 for chance in chances)
    return [
        f"By chance: {'; or '.join(said)}. A training on another processor is another training with the same seed, on "
        "the same test items. The metrics of one evaluation move together, so the binomial test counts evaluations "
        "(one training, data set and protocol), each with the share of its changed rows that lie outside. More than "
        f"chance gives: a probability below {SIGNIFICANCE:g}.",
        "",
    ]


def _details(paper: str, comparison: Comparison) -> list[str]:
    lines: list[str] = []
    if comparison.verdicts:
        rows = [[claim, old or "none", new or "none"] for claim, (old, new) in comparison.verdicts.items()]
        lines += [f"## {paper}: verdicts that changed", "", *grid(["claim", "reference", "rerun"], rows), ""]
    if comparison.outside:
        rows = [_moved_row(moved) for moved in comparison.outside[:_SHOWN]]
        columns = ["row", "reference", "its interval", "rerun", "times the interval's half"]
        lines += [f"## {paper}: values outside", "", *grid(columns, rows)]
        lines += [*_more(len(comparison.outside)), ""]
    for side, cells in (("reference", comparison.only_reference), ("rerun", comparison.only_rerun)):
        if cells:
            lines += [
                f"## {paper}: rows of the {side} alone",
                "",
                *(f"* {plain(str(cell))}" for cell in cells[:_SHOWN]),
            ]
            lines += [*_more(len(cells)), ""]
    return lines


def _moved_row(moved: Moved) -> list[str]:
    old = moved.reference
    interval = f"[{format_number(old.ci_low)}, {format_number(old.ci_high)}]"
    times = f"{moved.distance:.1f}" if math.isfinite(moved.distance) else "no width"
    return [str(moved.cell), format_number(old.value), interval, format_number(moved.rerun.value), times]


def _more(count: int) -> list[str]:
    return ["", f"{count - _SHOWN} more are in the output of `--format json`."] if count > _SHOWN else []

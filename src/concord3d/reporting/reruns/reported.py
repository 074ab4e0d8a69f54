"""What the result files of a paper say that a rerun can be compared in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from concord3d.errors import ReportingError, UnreadableFile
from concord3d.reporting.evidence.measurements import Measurement
from concord3d.reporting.evidence.metric_rows import read_metrics
from concord3d.reporting.specs.output_files import CLAIMS, METRICS


class Cell(NamedTuple):
    """What a row of ``metrics.csv`` measured; labels and units are words about it."""

    experiment: str
    dataset: str
    data_kind: str
    protocol: str
    metric: str
    selection: str
    seed: int

    def __str__(self) -> str:
        place = f"{self.metric} ({self.selection}), {self.protocol} on {self.dataset}"
        return f"{self.experiment}, seed {self.seed}: {place}"


class Quantity(NamedTuple):
    """A cell without its seed: what several trainings of one experiment measure alike."""

    experiment: str
    dataset: str
    data_kind: str
    protocol: str
    metric: str
    selection: str


@dataclass(frozen=True)
class Reported:
    """The numbers and verdicts of one paper at one scale.

    Attributes:
        rows: Every measured number.
        verdicts: Verdict of each claim.
    """

    rows: Mapping[Cell, Measurement]
    verdicts: Mapping[str, str]


def read_reported(texts: Mapping[str, str], where: str, scale: str) -> Reported:
    """Read the result files of a paper.

    Args:
        texts: What ``metrics.csv`` and ``claims.json`` hold; without the latter there are no verdicts.
        where: The folder, for messages.
        scale: The scale that they must have.

    Raises:
        ReportingError: There are other columns, a value is no number, a cell stands twice, or the scale is another one.
        UnreadableFile: ``claims.json`` is damaged.
    """
    rows: dict[Cell, Measurement] = {}
    for row in read_metrics(texts[METRICS], f"{where}/{METRICS}", scale):
        cell = Cell(row.experiment, row.dataset, row.data_kind, row.protocol, row.metric, row.selection, row.seed)
        if cell in rows:
            raise ReportingError("A result stands twice", where=f"{where}/{METRICS}", found=str(cell))
        rows[cell] = row
    return Reported(rows, _verdicts(texts[CLAIMS], f"{where}/{CLAIMS}") if CLAIMS in texts else {})


def _verdicts(text: str, where: str) -> dict[str, str]:
    try:
        return {str(claim["id"]): str(claim["verdict"]) for claim in json.loads(text)}
    except (json.JSONDecodeError, TypeError, KeyError) as error:
        raise UnreadableFile(
            "Cannot read the verdicts of a paper",
            where=where,
            expected="a list of claims, each with 'id' and 'verdict'",
            found=repr(error),
            next_step="make the report of this paper again",
        ) from error

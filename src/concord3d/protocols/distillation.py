"""What a distillation has learnt, on sweeps that it has not seen (CMCR spec 7, claims 15 to 18).

Of every sweep the same pictures are masked in the same places, and the same places are asked for, whatever is measured.
A figure of a part that the network lacks is left out. What drawings show is of the first sweep, but for the choice of
codes, which is counted over all.

Shape legend: S test sweeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.protocols.evaluation.results import ProtocolResult, mean_record
from concord3d.protocols.interface import Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob

_UNITS = {"masked_error": "1", "squared_cosine": "1", "code_perplexity": "codes"}


class Settings(StrictModel):
    """Settings of the protocol.

    Attributes:
        max_sweeps: Sweeps that are looked at, evenly spread; null takes all.
        num_pairs: Pairs of a point and a pixel of each sweep.
        seed: Of masks, queries and pairs.
    """

    max_sweeps: PositiveInt | None = None
    num_pairs: PositiveInt = 512
    seed: int = Field(default=0, ge=0)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure what is aligned, reconstructed and kept apart, sweep by sweep."""
    from concord3d.protocols.evaluation.distilled_example import example_arrays
    from concord3d.protocols.evaluation.distilled_sweeps import drawn_sweep, measured_sweep, opened_distillation

    told, data = opened_distillation(job, settings.max_sweeps)
    found: dict[str, list[float]] = {}
    arrays: dict[str, Any] = {}
    for unit in range(len(data)):
        drawn = drawn_sweep(told, data, unit, settings.num_pairs, settings.seed)
        measured = measured_sweep(told, drawn)
        for metric, value in measured.figures.items():
            found.setdefault(metric, []).append(value)
        if unit == 0:
            arrays |= example_arrays(told, drawn)
        if measured.code_counts is not None:
            arrays["code_counts"] = arrays.get("code_counts", 0) + measured.code_counts
    items: dict[str, Any] = {metric: np.array(values, np.float64) for metric, values in found.items()}
    records = tuple(mean_record(metric, values, unit=_UNITS.get(metric, "%")) for metric, values in items.items())
    names = tuple(data.split.names[row] for row in data.rows)
    outcomes = {f"{metric}__last": values for metric, values in items.items()}
    return ProtocolResult(records, outcomes, names, {"example": names[0]}, arrays)


PROTOCOL = Protocol(Settings, run, store="sweeps")

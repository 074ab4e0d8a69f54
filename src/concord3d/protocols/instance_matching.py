"""Objects of a scan found by another modality among all objects of the same scan (CrossOver spec 7.1 to 7.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from concord3d.measures.object_matching import Matches, match_objects
from concord3d.models.scan_encoder_forms import ObjectModality
from concord3d.protocols.evaluation.results import ProtocolResult
from concord3d.protocols.evaluation.scan_outcomes import Outcomes, ScanOutcomes, ScanSettings
from concord3d.protocols.interface import SCAN_FEATURES, Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.protocols.evaluation.scan_vectors import ObjectVectors

Pair = tuple[ObjectModality, ObjectModality]
# In the order in which pairs are published, queries first (CrossOver spec 7).
PAIRS: tuple[Pair, ...] = (
    ("image", "point"),
    ("image", "cad"),
    ("image", "referral"),
    ("point", "cad"),
    ("point", "referral"),
    ("cad", "referral"),
)
THRESHOLDS = (0.25, 0.5, 0.75)


class Settings(ScanSettings):
    """Settings of instance matching.

    Attributes:
        pairs: Modality of the queries, and of the candidates; what a module does not know is left out.
        ks: Lengths of the lists in which an object counts as found.
        thresholds: Shares of a scan's objects that have to be found first for the scan to count.
    """

    pairs: tuple[Pair, ...] = Field(default=PAIRS, min_length=1, strict=False)
    ks: tuple[PositiveInt, ...] = Field(default=(1, 3), min_length=1, strict=False)
    thresholds: tuple[float, ...] = Field(default=THRESHOLDS, strict=False)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure recalls per scan, errors by class, and scans of which enough objects are found."""
    from concord3d.protocols.evaluation.scan_vectors import scan_encoding

    objects = scan_encoding(job, settings).objects()
    found = ScanOutcomes(objects.split, settings.units)
    over_objects: dict[str, dict[str, float]] = {}
    for first, second in settings.pairs:
        pair = f"{first}_{second}"
        unknown = [name for name in (first, second) if name not in objects.vectors]
        if unknown:
            found.not_measured[pair] = f"the module knows no {' and no '.join(unknown)}"
            continue
        matches = {row: match_scan(objects, row, first, second, settings.ks) for row in range(len(objects.split))}
        kept = {row: match for row, match in matches.items() if match is not None}
        for name, values in matching_outcomes(kept, len(objects.split), settings.ks, settings.thresholds).items():
            found.add(f"{pair}_{name}", values)
        if kept:
            over_objects[pair] = _over_objects(list(kept.values()))
            _add_chance(found, pair, kept, settings)
    return found.result({"over_objects": over_objects})


def match_scan(objects: ObjectVectors, row: int, first: str, second: str, ks: tuple[int, ...] = (1,)) -> Matches | None:
    """Match the objects of one scan that have both modalities; None where it has none.

    Args:
        objects: Those of all scans.
        row: The scan.
        first: Modality of the queries.
        second: Modality of the candidates.
        ks: Lengths of the lists.
    """
    scan = objects.scan(row)
    both = np.flatnonzero(scan.present[first] & scan.present[second])
    if not len(both):
        return None
    queries, candidates = (scan.vectors[name][both].astype(np.float64) for name in (first, second))
    labels = distinct_labels(scan.labels[both])
    return match_objects(queries @ candidates.T, np.arange(len(both)), labels, labels, ks)


def distinct_labels(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return labels in which every object without a class has one of its own."""
    return np.where(labels < 0, -1 - np.arange(len(labels)), labels)


def matching_outcomes(
    matches: dict[int, Matches], num_scans: int, ks: tuple[int, ...], thresholds: tuple[float, ...]
) -> dict[str, Outcomes]:
    """Return (S,) outcomes by measure, NaN for a scan without objects to match.

    Args:
        matches: Those of scans by row.
        num_scans: S.
        ks: Lengths of the lists.
        thresholds: Shares of objects.

    Returns:
        ``top<k>`` recalls; ``same`` and ``diff``, one minus the share of errors within the query's class and outside
        it, so that ``top1`` is ``same + diff - 1``; ``r<percent>``, whether the recall at 1 reaches a threshold.
    """
    names = [*(f"top{k}" for k in ks), "same", "diff", *(f"r{round(100 * share)}" for share in thresholds)]
    outcomes = {name: np.full(num_scans, np.nan) for name in names}
    for row, match in matches.items():
        for k in ks:
            outcomes[f"top{k}"][row] = match.recall(k)
        outcomes["same"][row] = 1 - match.same_errors.mean()
        outcomes["diff"][row] = 1 - match.diff_errors.mean()
        for share in thresholds:
            outcomes[f"r{round(100 * share)}"][row] = match.reached(share)
    return outcomes


def _over_objects(matches: list[Matches]) -> dict[str, float]:
    """Return recall and errors over all objects alike, in percent, beside the means over scans."""
    hits = np.concatenate([match.hits[1] for match in matches])
    same, diff = (np.concatenate([getattr(m, f"{name}_errors") for m in matches]) for name in ("same", "diff"))
    percent = {"top1": hits.mean(), "same": 1 - same.mean(), "diff": 1 - diff.mean()}
    return {"num_objects": float(len(hits)), **{name: float(100 * value) for name, value in percent.items()}}


def _add_chance(found: ScanOutcomes, pair: str, matches: dict[int, Matches], settings: Settings) -> None:
    """Add what equal scores of all objects give."""
    equal = {}
    for row, match in matches.items():
        num = len(match.same_errors)
        answers = np.arange(num)
        equal[row] = match_objects(np.zeros((num, num)), answers, answers, answers, settings.ks)
    for name, values in matching_outcomes(equal, len(found.split), settings.ks, settings.thresholds).items():
        if name not in ("same", "diff"):
            found.chance[f"{pair}_{name}"] = float(100 * np.nanmean(values))


PROTOCOL = Protocol(Settings, run, needs=SCAN_FEATURES, store="scans")

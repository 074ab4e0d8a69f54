"""Objects of a reference scan found among the objects of its rescans (CrossOver spec 7.4).

A query is an object of the reference scan that the rescan still holds with the modality that is searched. What the
paper leaves open is decided so: all objects of the rescan with that modality are candidates, whatever they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat

from concord3d.measures.object_matching import Matches, match_objects
from concord3d.protocols.evaluation.results import ProtocolResult
from concord3d.protocols.evaluation.scan_outcomes import ScanOutcomes, ScanSettings
from concord3d.protocols.instance_matching import THRESHOLDS, Pair, distinct_labels, matching_outcomes
from concord3d.protocols.interface import SCAN_FEATURES, Protocol

if TYPE_CHECKING:
    from concord3d.data.stores.scans import ScanSplit
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.protocols.evaluation.scan_vectors import ObjectVectors, ScanObjects

PAIRS: tuple[Pair, ...] = (("point", "point"), ("image", "point"), ("image", "referral"), ("point", "referral"))
# The 22 published names are of these families; which 22 they are is not known.
FAMILIES = ("chair", "armchair", "table", "bench", "sofa", "couch", "pillow", "cushion", "bed", "trash can", "bin")


class Settings(ScanSettings):
    """Settings of temporal instance matching.

    Attributes:
        pairs: Modality of the queries in the reference scan, and of the candidates in the rescan.
        compared: Pairs that are measured once more, as ``shared_<a>_<b>_...``, on the queries and among the candidates
            that have the modalities of all of them: else a pair with a rarer modality has fewer candidates.
        thresholds: Shares of the queries that have to be found first for the pair of scans to count.
        families: Queries are objects of which the name is one of these or ends with it, as ``dining table`` does with
            ``table``; null takes all.
        only_listed: Whether queries are only the objects that the data set lists as moved, as released.
        dynamic_angle: An object that turned by more degrees is dynamic.
        dynamic_shift: So is one that shifted by more metres.
    """

    pairs: tuple[Pair, ...] = Field(default=PAIRS, min_length=1, strict=False)
    compared: tuple[Pair, ...] = Field(default=PAIRS[1:], strict=False)
    thresholds: tuple[float, ...] = Field(default=THRESHOLDS, strict=False)
    families: tuple[str, ...] | None = Field(default=FAMILIES, strict=False)
    only_listed: bool = True
    dynamic_angle: NonNegativeFloat = 1.0
    dynamic_shift: NonNegativeFloat = 0.05


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure the recall of each pair of scans, over all queries, over static and over dynamic ones."""
    from concord3d.protocols.evaluation.scan_vectors import scan_encoding

    objects = scan_encoding(job, settings).objects()
    split = objects.split
    found = ScanOutcomes(split, settings.units)
    pairs_of_scans = rescans_of(split)
    num_objects: dict[str, int] = {}
    num_candidates: dict[str, float] = {}
    for name, pair, needed in _searches(settings):
        known = objects.vectors
        unknown = sorted({one for one in (*needed.queries, *needed.candidates) if one not in known})
        if unknown:
            found.not_measured[name] = f"the module knows no {' and no '.join(unknown)}"
            continue
        matches: dict[int, Matches] = {}
        candidates: list[int] = []
        by_motion = {motion: np.full(len(split), np.nan) for motion in ("static", "dynamic")}
        for rescan, reference in pairs_of_scans.items():
            matched = _match(objects, reference, rescan, pair, needed, settings)
            if matched is None:
                continue
            matches[rescan], moved = matched
            candidates.append(int(_having(objects.scan(rescan), needed.candidates).sum()))
            for motion, rows in (("static", ~moved), ("dynamic", moved)):
                if rows.any():
                    by_motion[motion][rescan] = matches[rescan].hits[1][rows].mean()
        for metric, values in matching_outcomes(matches, len(split), (1,), settings.thresholds).items():
            found.add(f"{name}_{metric}", values)
        for motion, values in by_motion.items():
            found.add(f"{name}_{motion}_top1", values)
        num_objects[name] = sum(len(match.hits[1]) for match in matches.values())
        num_candidates[name] = float(np.mean(candidates)) if candidates else 0.0
    return found.result(
        {
            "num_pairs_of_scans": len(pairs_of_scans),
            "num_objects": num_objects,
            "mean_num_candidates": num_candidates,
        }
    )


class _Needed(NamedTuple):
    """Modalities that queries and candidates must have."""

    queries: tuple[str, ...]
    candidates: tuple[str, ...]


def _searches(settings: Settings) -> Iterator[tuple[str, Pair, _Needed]]:
    """Yield the name of each search, the modalities that are compared, and those that its objects must have."""
    for first, second in settings.pairs:
        yield f"{first}_{second}", (first, second), _Needed((first,), (second,))
    shared = _Needed(*(tuple(dict.fromkeys(pair[side] for pair in settings.compared)) for side in (0, 1)))
    for first, second in settings.compared:
        yield f"shared_{first}_{second}", (first, second), shared


def _having(scan: ScanObjects, modalities: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which objects have all these modalities."""
    has: NDArray[np.bool_] = np.all([scan.present[name] for name in modalities], axis=0)
    return has


def rescans_of(split: ScanSplit) -> dict[int, int]:
    """Return the row of the reference scan by the row of each rescan that lies in its frame."""
    references = {split.spaces[row]: int(row) for row in np.flatnonzero(split.reference)}
    rows = np.flatnonzero(~split.reference & split.aligned)
    return {int(row): references[split.spaces[row]] for row in rows if split.spaces[row] in references}


def is_of(name: str, families: tuple[str, ...] | None) -> bool:
    """Whether an object's name is a family or ends with one as a word of its own."""
    return families is None or any(name == family or name.endswith(f" {family}") for family in families)


def _match(
    objects: ObjectVectors, reference: int, rescan: int, pair: Pair, needed: _Needed, settings: Settings
) -> tuple[Matches, NDArray[np.bool_]] | None:
    """Return how the queries were matched and which are dynamic, or None without queries."""
    before, after = objects.scan(reference), objects.scan(rescan)
    changes = objects.split.scan(rescan)
    moved = (changes.change_angles > settings.dynamic_angle) | (changes.change_shifts > settings.dynamic_shift)
    motion = dict(zip(changes.change_ids.tolist(), moved.tolist(), strict=True))
    candidates = np.flatnonzero(_having(after, needed.candidates))
    asks = _having(before, needed.queries)
    place = {identifier: row for row, identifier in enumerate(after.ids[candidates].tolist())}
    queries = [
        row
        for row, (identifier, name) in enumerate(zip(before.ids.tolist(), before.names, strict=True))
        if asks[row]
        and identifier in place
        and is_of(name, settings.families)
        and (identifier in motion or not settings.only_listed)
    ]
    if not queries:
        return None
    scores = before.vectors[pair[0]][queries].astype(np.float64) @ after.vectors[pair[1]][candidates].T
    identifiers = before.ids[queries].tolist()
    answers = np.array([place[identifier] for identifier in identifiers])
    labels = distinct_labels(after.labels[candidates])
    matches = match_objects(scores, answers, labels[answers], labels, (1,))
    return matches, np.array([motion.get(identifier, False) for identifier in identifiers])


PROTOCOL = Protocol(Settings, run, needs=SCAN_FEATURES, store="scans")

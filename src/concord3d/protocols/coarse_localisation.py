"""The room in which one picture was taken, found among a few rooms (CrossOver spec 7.10).

The map holds one vector of each space: that of its reference scan, of all modalities together. ``static``: pictures of
the reference scans themselves. ``temporal``: pictures of rescans, which are of the same space at another time. The
other spaces among which the right one is found are drawn at random; the recall is its expectation over the draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from concord3d.measures.drawn_candidates import hit_rate_among_drawn
from concord3d.measures.ranking import places_of
from concord3d.protocols.evaluation.results import ProtocolResult
from concord3d.protocols.evaluation.scan_outcomes import Outcomes, ScanOutcomes, ScanSettings
from concord3d.protocols.interface import SCAN_FEATURES, Protocol
from concord3d.protocols.scene_matching import SceneModality

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob


class Settings(ScanSettings):
    """Settings of coarse localisation.

    Attributes:
        map_modality: Of the vectors of the map.
        num_candidates: Spaces among which the right one is found, itself included; all where there are fewer.
        ks: Lengths of the lists.
    """

    map_modality: SceneModality = "fused"
    num_candidates: tuple[PositiveInt, ...] = Field(default=(10, 50), min_length=1, strict=False)
    ks: tuple[PositiveInt, ...] = Field(default=(1, 3, 5), min_length=1, strict=False)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure the recall of single pictures, averaged over the pictures of a scan.

    Metrics are ``static_<candidates>_top<k>`` and ``temporal_<candidates>_top<k>``.
    """
    from concord3d.protocols.evaluation.scan_vectors import scan_encoding

    encoding = scan_encoding(job, settings)
    split = encoding.split
    pictures, has_picture = encoding.pictures()
    scenes = encoding.scenes([settings.map_modality])
    found = ScanOutcomes(split, settings.units)
    maps = np.flatnonzero(split.reference & scenes.present[settings.map_modality])
    vectors = scenes.vectors[settings.map_modality][maps].astype(np.float64)
    place = {split.spaces[row]: number for number, row in enumerate(maps)}
    answers = np.array([place.get(space, -1) for space in split.spaces])
    asked = has_picture & (answers >= 0)[:, None]
    for name, scans in (("static", split.reference), ("temporal", ~split.reference)):
        for size in settings.num_candidates:
            for k in settings.ks:
                rows = asked & scans[:, None]
                outcomes = _recalls(pictures, rows, vectors, answers, min(size, len(maps)) - 1, k)
                found.add(f"{name}_{size}_top{k}", outcomes)
                found.chance[f"{name}_{size}_top{k}"] = 100 * min(k / max(min(size, len(maps)), 1), 1.0)
    return found.result({"num_spaces_in_map": len(maps), "num_pictures": int(asked.sum())})


def _recalls(
    pictures: NDArray[np.float32],
    asked: NDArray[np.bool_],
    vectors: NDArray[np.float64],
    answers: NDArray[np.int64],
    num_drawn: int,
    k: int,
) -> Outcomes:
    """Return (S,) the recall over the pictures of each scan that are asked about, NaN where there is none."""
    outcomes = np.full(len(pictures), np.nan)
    for row in np.flatnonzero(asked.any(axis=1)):
        scores = pictures[row][asked[row]].astype(np.float64) @ vectors.T
        places = places_of(scores, np.full(len(scores), answers[row]))
        outcomes[row] = hit_rate_among_drawn(places, len(vectors) - 1, num_drawn, k).mean()
    return outcomes


PROTOCOL = Protocol(Settings, run, needs=SCAN_FEATURES, store="scans")

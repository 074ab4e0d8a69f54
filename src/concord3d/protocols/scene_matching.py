"""Whole scans found by another modality among all scans of a test set (CrossOver spec 7.5 to 7.9).

Beside the pairs of modalities stands what the layout of a room alone finds: its size and its numbers of objects by
class, without any encoder (:mod:`concord3d.measures.room_layouts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from concord3d.measures.room_layouts import layout_scores, room_layout
from concord3d.measures.scene_search import SceneSearch
from concord3d.models.scan_encoder_forms import ObjectModality
from concord3d.protocols.evaluation.results import ProtocolResult
from concord3d.protocols.evaluation.scan_outcomes import ScanOutcomes
from concord3d.protocols.evaluation.scene_measures import SceneSettings, add_scene_measures
from concord3d.protocols.interface import SCAN_FEATURES, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from concord3d.data.stores.interface import Store
    from concord3d.data.stores.scans import ScanSplit
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.protocols.evaluation.scan_vectors import SceneVectors

SceneModality = Literal[ObjectModality, "floorplan", "fused"]
Pair = tuple[SceneModality, SceneModality]
# In the order in which pairs are published, queries first; then each modality by itself (CrossOver spec 7 and 7.9).
PAIRS: tuple[Pair, ...] = (
    ("image", "point"),
    ("image", "referral"),
    ("image", "floorplan"),
    ("point", "referral"),
    ("point", "floorplan"),
    ("referral", "floorplan"),
    ("image", "image"),
    ("point", "point"),
    ("referral", "referral"),
    ("floorplan", "floorplan"),
    ("fused", "fused"),
)
LAYOUT = "layout"


class Settings(SceneSettings):
    """Settings of scene matching.

    Attributes:
        pairs: Modality of the queries, and of the candidates; what a module does not know is left out.
        layouts: Whether layouts are compared as well.
        shown_pair: The pair of which some queries are kept for figures; null keeps none.
        num_shown: Queries that are kept.
    """

    pairs: tuple[Pair, ...] = Field(default=PAIRS, min_length=1, strict=False)
    layouts: bool = True
    shown_pair: Pair | None = Field(default=("floorplan", "point"), strict=False)
    num_shown: int = Field(default=3, ge=0)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure how early the own scan, scans of its scene type and rescans of its space are found."""
    from concord3d.protocols.evaluation.scan_vectors import scan_encoding
    from concord3d.protocols.evaluation.scene_strips import strip_arrays

    encoding = scan_encoding(job, settings)
    split, vectors = encoding.split, encoding.scenes()
    found = ScanOutcomes(split, settings.units)
    for first, second in settings.pairs:
        search = scene_search(vectors, first, second)
        if search is None:
            found.not_measured[f"{first}_{second}"] = "the module lacks one of them"
            continue
        add_scene_measures(found, f"{first}_{second}", search, settings, first == second)
    details = _compare_layouts(found, job.train, settings) if settings.layouts else {}
    shown = scene_search(vectors, *settings.shown_pair) if settings.shown_pair else None
    arrays = strip_arrays(split, shown, settings.num_shown) if shown is not None else {}
    return found.result({"encodes_scans": encoding.encodes_scans, **details}, arrays)


def scene_search(vectors: SceneVectors, first: str, second: str) -> SceneSearch | None:
    """Return the inner products of two modalities of all scans; None where the module lacks one of them.

    Args:
        vectors: Of all scans.
        first: Modality of the queries.
        second: Modality of the candidates.
    """
    if first not in vectors.vectors or second not in vectors.vectors:
        return None
    valid = vectors.present[first] & vectors.present[second]
    queries, candidates = (vectors.vectors[name].astype(np.float64) for name in (first, second))
    return SceneSearch(queries @ candidates.T, valid)


def _layouts(split: ScanSplit) -> NDArray[np.float64]:
    scans = (split.scan(row) for row in range(len(split)))
    return np.stack([room_layout(scan.points, scan.labels, len(split.class_names)) for scan in scans])


def _compare_layouts(found: ScanOutcomes, train: Store | None, settings: Settings) -> dict[str, Any]:
    """Add what layouts find among the tested scans and among those of the training split.

    Returns:
        Details: how near the layouts of training scans come.
    """
    from concord3d.data.stores.scans import ScanSplit
    from concord3d.measures.ranking import first_places

    split = found.split
    own = _layouts(split)
    valid = np.ones(len(split), dtype=np.bool_)
    add_scene_measures(found, f"{LAYOUT}_{LAYOUT}", SceneSearch(layout_scores(own, own, own), valid), settings, True)
    if not isinstance(train, ScanSplit) or train.class_names != split.class_names:
        return {}
    learnt = _layouts(train)
    scores = layout_scores(own, learnt, np.concatenate([own, learnt]))
    types, known = np.array(split.scene_types), np.array(train.scene_types)
    better, tied = first_places(scores, 1)
    # No candidate is better than the first: those that tie share its place.
    first = (better | tied) / (better | tied).sum(axis=1, keepdims=True)
    hits = (first * (types[:, None] == known)).sum(axis=1)
    found.add(f"{LAYOUT}_training_category_top1", np.where(types == "", np.nan, hits))
    nearest = -scores.max(axis=1)
    return {
        "layouts": {
            "num_as_in_training": int((nearest == 0).sum()),
            "median_distance_to_training": float(np.median(nearest)),
            "median_distance_within_training": _median_to_others(learnt),
        }
    }


def _median_to_others(layouts: NDArray[np.float64]) -> float | None:
    if len(layouts) < 2:
        return None
    scores = layout_scores(layouts, layouts, layouts)
    np.fill_diagonal(scores, -np.inf)
    return float(np.median(-scores.max(axis=1)))


PROTOCOL = Protocol(Settings, run, needs=SCAN_FEATURES, store="scans")

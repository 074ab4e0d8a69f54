"""The four recalls of a pair of modalities of scans, with what guessing gives (CrossOver spec 7.5 to 7.9)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from concord3d.measures.scene_search import (
    PUBLISHED_LIST,
    SceneSearch,
    rescan_found,
    rescan_found_as_published,
    scan_found,
    scan_found_in_type,
    scene_type_found,
)
from concord3d.protocols.evaluation.scan_outcomes import Outcomes, ScanOutcomes, ScanSettings

Ks = tuple[PositiveInt, ...]


class SceneSettings(ScanSettings):
    """Lengths of the lists in which something counts as found.

    Attributes:
        ks: The own scan.
        category_ks: A scan of the same scene type.
        temporal_ks: A rescan of the same space; at most 10, for ten are put into the order of the data set.
        intra_ks: The own scan among those of its scene type.
    """

    ks: Ks = Field(default=(1, 5, 10, 20), strict=False)
    category_ks: Ks = Field(default=(1, 5, 10), strict=False)
    temporal_ks: tuple[Annotated[int, Field(ge=1, le=PUBLISHED_LIST)], ...] = Field(default=(1, 5, 10), strict=False)
    intra_ks: Ks = Field(default=(1, 3, 5), strict=False)


def add_scene_measures(
    found: ScanOutcomes, prefix: str, search: SceneSearch, settings: SceneSettings, same_modality: bool = False
) -> None:
    """Add every recall of a pair of modalities.

    Metrics are ``<prefix>_top<k>``, ``<prefix>_category_top<k>``, ``<prefix>_temporal_top<k>``,
    ``<prefix>_temporal_published_top<k>`` and ``<prefix>_intra_top<k>``.

    Args:
        found: Where they go.
        prefix: Names the pair.
        search: Scores of the pair.
        settings: Lengths of the lists.
        same_modality: Whether both modalities are the same: then the own scan is found by itself and is not searched.
    """
    split = found.split
    types = np.unique(np.array(split.scene_types, dtype=np.str_), return_inverse=True)[1]
    equal = SceneSearch(np.zeros(search.scores.shape), search.valid)

    def add(name: str, measure: Callable[[SceneSearch], Outcomes], over: NDArray[np.int64] | None = None) -> None:
        found.add(f"{prefix}_{name}", measure(search), over)
        if f"{prefix}_{name}" in found.num_queries:
            found.chance[f"{prefix}_{name}"] = _percent(measure(equal), over)

    for k in () if same_modality else settings.ks:
        add(f"top{k}", partial(scan_found, k=k))
    for k in settings.category_ks:
        add(f"category_top{k}", partial(scene_type_found, scene_types=split.scene_types, k=k))
    for k in settings.temporal_ks:
        add(f"temporal_top{k}", partial(rescan_found, spaces=split.spaces, reference=split.reference, k=k))
        published = rescan_found_as_published(search, split.spaces, split.reference, k)
        found.add(f"{prefix}_temporal_published_top{k}", published)
    for k in settings.intra_ks:
        add(f"intra_top{k}", partial(scan_found_in_type, scene_types=split.scene_types, k=k), types)


def _percent(outcomes: Outcomes, over: NDArray[np.int64] | None) -> float:
    rows = ~np.isnan(outcomes)
    if over is None:
        return float(100 * outcomes[rows].mean())
    return float(100 * np.mean([outcomes[rows & (over == each)].mean() for each in np.unique(over[rows])]))

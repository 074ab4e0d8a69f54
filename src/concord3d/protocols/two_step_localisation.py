"""First the scan, then the objects in it: what CrossOver's first figure shows, as a number.

A scan is looked for by one modality among all scans in another; then each of its objects, in a modality of objects, is
looked for among the objects of the scan that was found first. An object counts if the scan is the own one and the
object is the own one. So the share of a scan's objects is the product of both steps' outcomes, and cannot be larger
than either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from concord3d.measures.scene_search import scan_found
from concord3d.models.scan_encoder_forms import ObjectModality
from concord3d.protocols.evaluation.results import ProtocolResult
from concord3d.protocols.evaluation.scan_outcomes import ScanOutcomes, ScanSettings
from concord3d.protocols.instance_matching import match_scan
from concord3d.protocols.interface import SCAN_FEATURES, Protocol
from concord3d.protocols.scene_matching import SceneModality, scene_search

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob

Steps = tuple[SceneModality, SceneModality, ObjectModality, ObjectModality]
STEPS: tuple[Steps, ...] = (
    ("image", "point", "image", "point"),
    ("referral", "point", "referral", "point"),
    ("image", "referral", "image", "referral"),
)


class Settings(ScanSettings):
    """Settings of localisation in two steps.

    Attributes:
        steps: Modalities of the query scan and of the scans searched, then those of objects; what a module does not
            know is left out.
    """

    steps: tuple[Steps, ...] = Field(default=STEPS, min_length=1, strict=False)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure the share of objects that are found, and both steps by themselves on the same scans.

    Metrics are ``<scan>_<scan>_<object>_<object>`` with ``_objects``, ``_scan_step`` and ``_object_step``.
    """
    from concord3d.protocols.evaluation.scan_vectors import scan_encoding

    encoding = scan_encoding(job, settings)
    objects, scenes = encoding.objects(), encoding.scenes()
    found = ScanOutcomes(encoding.split, settings.units)
    for scan_query, scan_sought, object_query, object_sought in settings.steps:
        prefix = f"{scan_query}_{scan_sought}_{object_query}_{object_sought}"
        search = scene_search(scenes, scan_query, scan_sought)
        if search is None or not {object_query, object_sought} <= set(objects.vectors):
            found.not_measured[prefix] = "the module lacks a modality"
            continue
        of_scans, of_objects = scan_found(search, 1), np.full(len(encoding.split), np.nan)
        num_objects = np.zeros(len(encoding.split))
        for row in np.flatnonzero(search.valid):
            matches = match_scan(objects, int(row), object_query, object_sought)
            if matches is not None:
                of_objects[row], num_objects[row] = matches.recall(1), len(matches.hits[1])
        of_scans = np.where(np.isnan(of_objects), np.nan, of_scans)
        found.add(f"{prefix}_objects", of_scans * of_objects)
        found.add(f"{prefix}_scan_step", of_scans)
        found.add(f"{prefix}_object_step", of_objects)
        if num_objects.any():
            by_chance = (1 / num_objects[num_objects > 0]).mean() / search.num_scans
            found.chance[f"{prefix}_objects"] = float(100 * by_chance)
    return found.result()


PROTOCOL = Protocol(Settings, run, needs=SCAN_FEATURES, store="scans")

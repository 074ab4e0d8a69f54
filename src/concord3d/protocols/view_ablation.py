"""Scans found by their pictures, as a function of the number of pictures (CrossOver spec 7.11, Figs. 8 and 9).

Pictures are key frames in the order in which they were chosen, evenly spread over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from concord3d.protocols.evaluation.results import ProtocolResult
from concord3d.protocols.evaluation.scan_outcomes import ScanOutcomes
from concord3d.protocols.evaluation.scene_measures import SceneSettings, add_scene_measures
from concord3d.protocols.interface import SCAN_FEATURES, Protocol
from concord3d.protocols.scene_matching import SceneModality, scene_search

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob


class Settings(SceneSettings):
    """Settings of the ablation of views.

    Attributes:
        views: Numbers of pictures of each scan.
        candidates: Modality that is searched.
    """

    views: tuple[PositiveInt, ...] = Field(default=(1, 2, 5, 10), min_length=1, strict=False)
    candidates: SceneModality = "point"


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure all recalls of scans by pictures for each number of pictures.

    Metrics are those of scene matching with the prefix ``views<number>``.
    """
    from concord3d.errors import EvaluationError
    from concord3d.protocols.evaluation.scan_vectors import SceneVectors, scan_encoding

    encoding = scan_encoding(job, settings)
    if not encoding.encodes_scans:
        raise EvaluationError(
            "This module encodes no pictures of whole scans",
            where=job.out,
            expected="an encoder of scans",
            found=job.module,
            next_step="leave the experiment out of this protocol",
        )
    found = ScanOutcomes(encoding.split, settings.units)
    searched = encoding.scenes([settings.candidates])
    for views in settings.views:
        pictures = encoding.showing(views).scenes(["image"])
        vectors = SceneVectors({**searched.vectors, **pictures.vectors}, {**searched.present, **pictures.present})
        search = scene_search(vectors, "image", settings.candidates)
        if search is None:
            found.not_measured[f"views{views}"] = "the module lacks pictures or what is searched"
            continue
        add_scene_measures(found, f"views{views}", search, settings)
    return found.result()


PROTOCOL = Protocol(Settings, run, needs=SCAN_FEATURES, store="scans")

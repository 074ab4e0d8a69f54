"""Mean cosine of test shapes with their own pictures and texts, and its margin over others' (MM-Mixing spec 7, C12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from concord3d.errors import EvaluationError
from concord3d.measures.alignment import alignment
from concord3d.measures.vectors import unit_rows
from concord3d.protocols.evaluation.cosine_records import CosineRecords
from concord3d.protocols.evaluation.results import ProtocolResult
from concord3d.protocols.interface import PUBLISHED_ALIGNED_POINTS, AlignedSettings, Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob


class Settings(AlignedSettings):
    """Settings of alignment: those of every protocol of aligned encoders."""


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure cosines and margins with the mean of a shape's pictures, and with its text, as far as there are any."""
    test, tower = job.tested_clouds(), job.tower
    encoding = job.encoding(settings, PUBLISHED_ALIGNED_POINTS)
    rows = unit_rows(encoding.features("test"), "embeddings of shapes")
    width, found = rows.shape[1], CosineRecords(len(test))
    details = encoding.details(test)
    if tower.image_features is not None:
        num_views = tower.num_views(len(test), width)
        pictures = np.zeros_like(rows)
        for view in range(num_views):
            pictures += unit_rows(tower.images(view, len(test), width), "features of pictures")
        found.add("cos_image", "margin_image", alignment(rows, pictures / num_views), np.arange(len(test)))
        details["num_views"] = num_views
    if tower.has_texts:
        index, texts = tower.described(len(test), width)
        found.add("cos_text", "margin_text", alignment(rows[index], unit_rows(texts, "features of texts")), index)
        details["num_texts"] = len(index)
    if not found.records:
        raise EvaluationError(
            "There is nothing to be aligned with",
            where=job.out,
            expected="tower features of pictures or texts",
            next_step="use data sets whose shapes have pictures or texts",
        )
    return ProtocolResult(tuple(found.records), found.items, test.names, details, {"labels": test.labels})


PROTOCOL = Protocol(Settings, run, needs=("images", "texts"))

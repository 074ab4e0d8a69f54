"""t-SNE maps of the test split, with numbers that say what a map only suggests (MM-Point spec 9, F5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt

from concord3d.protocols.evaluation.embedding_quality import embedding_quality
from concord3d.protocols.evaluation.results import ProtocolResult
from concord3d.protocols.interface import FrozenSettings, Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob

PUBLISHED_NUM_POINTS = 1024


class Settings(FrozenSettings):
    """Settings of t-SNE.

    Attributes:
        perplexities: One map each.
        max_iterations: Gradient steps.
        tsne_seed: Seed of the optimiser.
        purity_neighbours: k of the purity that stands beside the map.
    """

    perplexities: tuple[PositiveFloat, ...] = Field(default=(30.0, 100.0), min_length=1)
    max_iterations: int = Field(default=1000, ge=250)
    tsne_seed: int = 0
    purity_neighbours: PositiveInt = 10


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Map the test split once per perplexity, and measure purity and silhouette."""
    from concord3d.measures.tsne import tsne_map

    _, test = job.classified_splits()
    encoding = job.encoding(settings, PUBLISHED_NUM_POINTS)
    features = encoding.features("test")
    maps = {
        f"tsne_perplexity_{perplexity:g}": tsne_map(features, perplexity, settings.tsne_seed, settings.max_iterations)
        for perplexity in settings.perplexities
    }
    records, items = embedding_quality(features, test.labels, settings.purity_neighbours)
    details = {
        "num_points": encoding.num_points,
        "perplexities": [float(perplexity) for perplexity in settings.perplexities],
        "purity_neighbours": settings.purity_neighbours,
        "maps": sorted(maps),
    }
    arrays: dict[str, NDArray[Any]] = {"labels": test.labels, "class_names": np.array(test.class_names), **maps}
    return ProtocolResult(tuple(records), items, test.names, details, arrays)


PROTOCOL = Protocol(Settings, run)

"""Agreement of mixed clouds' features with the mixture of the clouds' features, by lambda (MM-Mixing spec 7, C13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, field_validator

from concord3d.geometry.mixing.settings import MixingSettings, OperatorName
from concord3d.measures.consistency import consistency
from concord3d.protocols.evaluation.cosine_records import CosineRecords
from concord3d.protocols.evaluation.results import ProtocolResult
from concord3d.protocols.interface import PUBLISHED_ALIGNED_POINTS, AlignedSettings, Protocol

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob

Weight = Annotated[float, Field(ge=0, le=1)]


class Settings(AlignedSettings):
    """Settings of consistency under mixing.

    Attributes:
        weights: Values of lambda, the weight of a pair's first cloud.
        operator: How clouds are mixed.
        mixing: Constants of the operators.
        pair_seed: Seed of the pairs and of the mixing, the same for every encoder and every lambda.
        max_items: Size of a random subset of the test shapes; null takes all.
    """

    weights: tuple[Weight, ...] = Field(default=(0.1, 0.3, 0.5, 0.7, 0.9), min_length=1)
    operator: OperatorName = "point_cut_mix_r"
    mixing: MixingSettings = MixingSettings()
    pair_seed: int = Field(default=0, ge=0)
    max_items: int | None = Field(default=None, ge=2)

    @field_validator("weights")
    @classmethod
    def _different(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if len({f"{weight:g}" for weight in weights}) != len(weights):
            raise ValueError("different values")
        return weights


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure cosines of mixed features with mixtures of features, and their margins, at each lambda."""
    import torch

    from concord3d.features.clouds import cloud_batches, cloud_channels
    from concord3d.features.mixed_clouds import encode_mixed, partners

    test, rows = job.tested_clouds(), None
    if settings.max_items is not None and settings.max_items < len(test):
        rows = np.sort(np.random.default_rng(settings.pair_seed).permutation(len(test))[: settings.max_items])
        test = test.subset(rows)
    encoding = job.encoding(settings, PUBLISHED_ALIGNED_POINTS)
    clean = encoding.features("test", rows=rows)
    partner = partners(len(test), torch.Generator().manual_seed(settings.pair_seed))
    form, channels = encoding.form(test), cloud_channels(encoding.encoder)
    batches = cloud_batches(test.points, encoding.num_points, len(test), channels, test.colors, form)
    clouds = torch.cat(list(batches))
    found, ratios = CosineRecords(len(test)), {}
    for weight in settings.weights:
        # The same draws at every lambda, so that the curve over lambda is not rough for lack of items.
        generator = torch.Generator().manual_seed(settings.pair_seed)
        mixed, ratio = encode_mixed(
            encoding.encoder,
            clouds,
            partner,
            weight,
            settings.operator,
            settings.mixing,
            generator,
            settings.batch_size,
            job.torch_device,
        )
        agreement = consistency(mixed, clean, partner, ratio)
        found.add(f"consistency_{weight:g}", f"consistency_margin_{weight:g}", agreement, np.arange(len(test)))
        ratios[f"{weight:g}"] = float(ratio.mean())
    details = {**encoding.details(test), "operator": settings.operator, "mean_ratio_by_weight": ratios}
    return ProtocolResult(tuple(found.records), found.items, test.names, details, {"partner": partner})


PROTOCOL = Protocol(Settings, run)

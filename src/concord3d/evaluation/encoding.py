"""How the protocols of encoders aligned with a tower encode clouds, and how they sum up outcomes.

An outcome is NaN where an item takes no part in a metric, as a shape without text in the search for texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from concord3d.data.stores.objects import CloudSplit
from concord3d.evaluation.features import CloudForm, Layer, cloud_channels
from concord3d.evaluation.job import EvaluationJob, FeatureCache, load_encoder
from concord3d.evaluation.results import Record, record_from_interval
from concord3d.evaluation.settings import AlignedSettings
from concord3d.evaluation.statistics import binomial_interval, bootstrap_mean_interval

PUBLISHED_NUM_POINTS = 10_000

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Encoding:
    """How a job encodes clouds.

    Attributes:
        encoder: The encoder with its weights.
        num_points: Points per cloud.
        settings: Settings of the protocol.
        device: Torch device.
        cache: Features already computed.
    """

    encoder: nn.Module
    num_points: int
    settings: AlignedSettings
    device: str
    cache: FeatureCache

    def is_resampled(self, split: CloudSplit) -> bool:
        """Whether the clouds hold too few points, so that points are drawn with replacement (MM-Mixing spec 1.4)."""
        return split.points.shape[1] < self.num_points

    def form(self, split: CloudSplit, layer: Layer = "output", draw: int = 0) -> CloudForm:
        """Return how the clouds of a split are encoded; ``draw`` numbers the random choices of points."""
        seeds = (self.settings.resample_seed, draw) if self.is_resampled(split) else None
        return CloudForm(self.settings.normalise, layer, seeds)

    def features(self, split: CloudSplit, layer: Layer = "output", draw: int = 0) -> NDArray[np.float32]:
        """Return (S, d) features of a split."""
        form = self.form(split, layer, draw)
        return self.cache.get(self.encoder, split, self.num_points, self.settings.batch_size, self.device, form)

    def details(self, split: CloudSplit) -> dict[str, Any]:
        """What every result says about the input of the encoder."""
        return {
            "num_points": self.num_points,
            "num_points_stored": int(split.points.shape[1]),
            "num_channels": cloud_channels(self.encoder),
            "has_colors": split.colors is not None,
            "normalise": self.settings.normalise,
        }


def encoding_of(job: EvaluationJob, settings: AlignedSettings, cache: FeatureCache) -> Encoding:
    """Load the encoder of a job: the published number of points, or that of its training if smaller."""
    num_points = job.num_points(settings.num_points, PUBLISHED_NUM_POINTS)
    return Encoding(load_encoder(job, job.model_path), num_points, settings, job.torch_device(), cache)


def mean_record(metric: str, outcomes: FloatArray, unit: str = "%") -> Record:
    """Return the mean of the outcomes that are not NaN: Wilson's interval where all are 0 or 1, else a bootstrap."""
    values = outcomes[~np.isnan(outcomes)]
    if unit == "%" and len(values) and np.isin(values, (0.0, 1.0)).all():
        return record_from_interval(metric, binomial_interval(int(values.sum()), len(values)))
    return record_from_interval(metric, bootstrap_mean_interval(values), unit=unit)

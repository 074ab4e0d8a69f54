"""What a protocol is: its settings, what the workflow must give it, and the function that measures.

A protocol is one module ``concord3d.protocols.<name>`` that holds ``Settings``, ``run`` and ``PROTOCOL``. The plan of
all jobs imports every protocol to check its settings, so a protocol imports PyTorch and scikit-learn inside its
functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.features.cloud_form import Layer

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.protocols.evaluation.results import ProtocolResult

TowerInput = Literal["classes", "images", "texts", "pictures"]
ScanInput = Literal["scan_pictures", "scan_texts", "scan_points"]
# What encoders of scans read.
SCAN_FEATURES: tuple[ScanInput, ...] = ("scan_pictures", "scan_texts", "scan_points")

# Points per cloud of encoders that are aligned with a tower (MM-Mixing spec 1.4).
PUBLISHED_ALIGNED_POINTS = 10_000


@dataclass(frozen=True)
class Protocol:
    """A way to measure a saved module of a training.

    Attributes:
        settings: Model of its settings, which refuses unknown keys.
        run: Measures a job under its settings.
        needs: Features of a tower that it compares with: of the class names, or of the test shapes' pictures or texts;
            ``pictures`` are the test shapes' pictures themselves, as the training saw pictures. Of tested scans, what
            the encoders of the training make of them.
        store: Kind of store that it reads (:mod:`concord3d.data.stores`).
    """

    settings: type[StrictModel]
    run: Callable[[EvaluationJob, Any], ProtocolResult]
    needs: tuple[TowerInput | ScanInput, ...] = ()
    store: str = "objects"


class FrozenSettings(StrictModel):
    """Settings of every protocol on frozen features.

    Attributes:
        num_points: First points of each cloud that are encoded; null takes the published number of the protocol, or
            the number of pre-training where that is smaller.
        batch_size: Clouds per forward pass.
        normalise: Centre each cloud on its centroid and divide by the largest radius first.
    """

    num_points: PositiveInt | None = None
    batch_size: PositiveInt = 32
    normalise: bool = False


class AlignedSettings(FrozenSettings):
    """Settings of every protocol of encoders that are aligned with a tower (MM-Mixing spec 1.3, 1.4).

    Attributes:
        resample_seed: Where clouds hold fewer points than the encoder takes, points are drawn with replacement from
            this seed.
    """

    normalise: bool = True
    resample_seed: int = Field(default=0, ge=0)


class ProbeSettings(AlignedSettings):
    """Settings of both linear probes.

    Attributes:
        layer: ``output``, or ``backbone`` for the features before the projection into the tower's space.
        max_iterations: Steps of the optimiser.
        probe_seed: Seed of the choice of training items, the same for every encoder.
    """

    layer: Layer = "output"
    max_iterations: PositiveInt = 1000
    probe_seed: int = Field(default=0, ge=0)


class LabellingSettings(StrictModel):
    """Settings of every protocol of modules that label clouds of objects themselves.

    Attributes:
        num_points: First points of each cloud; null as in :class:`FrozenSettings`.
        batch_size: Clouds per forward pass.
        as_published: Also report the kept snapshot that is best on the test split (selection ``best_test``).
    """

    num_points: PositiveInt | None = None
    batch_size: PositiveInt = 32
    as_published: bool = True

"""Features that several protocols of one job ask for, computed once.

Shape legend: S shapes, d feature width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concord3d.features.cloud_form import CloudForm
from concord3d.models.weights import read_tensors


class Encoded(NamedTuple):
    """What decides features, besides the encoder's architecture, which all protocols of one job share.

    Attributes:
        weights: Digest of the encoder's tensors.
        dataset: Identifier of the data set.
        split: ``train`` or ``test``.
        num_points: Points per cloud.
        form: How clouds become the encoder's input, and the layer.
        rows: Indices of a choice of shapes as bytes; empty for all.
    """

    weights: str
    dataset: str
    split: str
    num_points: int
    form: CloudForm
    rows: bytes = b""


@dataclass
class FeatureMemo:
    """Features by what was encoded; it reads weights, but never clouds, to find out whether it has them.

    It serves jobs on one training and one device, whose splits lie in one store per data set.

    Attributes:
        max_bytes: Older features are dropped beyond this.
    """

    max_bytes: int = 600_000_000
    _features: dict[Hashable, NDArray[np.float32]] = field(default_factory=dict)
    _digests: dict[Path, str] = field(default_factory=dict)

    def digest(self, weights: Path) -> str:
        """Return the digest of a file's tensors: a training's last snapshot has those of its final weights.

        Raises:
            CheckpointCorrupt: The weights cannot be read.
        """
        if weights not in self._digests:
            digest = hashlib.sha256()
            for name, tensor in sorted(read_tensors(weights)[0].items()):
                digest.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
                digest.update(tensor.contiguous().numpy().tobytes())
            self._digests[weights] = digest.hexdigest()
        return self._digests[weights]

    def get(self, encoded: Hashable, extract: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return (S, d) features: those that were extracted before, or what ``extract`` gives now."""
        if encoded not in self._features:
            self._features[encoded] = extract()
            while len(self._features) > 1 and sum(f.nbytes for f in self._features.values()) > self.max_bytes:
                del self._features[next(iter(self._features))]
        return self._features[encoded]

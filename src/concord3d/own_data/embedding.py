"""Features of data of the user.

Shape legend: S clouds, D feature width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.features.cloud_form import Layer
from concord3d.own_data.reading import OwnData
from concord3d.pretrained.encoder import PretrainedEncoder


def embed_data(
    data: OwnData,
    encoder: PretrainedEncoder,
    num_points: int | None = None,
    device: str = "cpu",
    layer: Layer = "output",
) -> NDArray[np.float32]:
    """Return (S, D) features of all clouds, in the order of ``data.all``.

    Args:
        data: The clouds.
        encoder: The encoder.
        num_points: Points per cloud that it reads; None for those of its training.
        device: Torch device.
        layer: See :meth:`concord3d.pretrained.encoder.PretrainedEncoder.embed`.

    Raises:
        BadCloud: Clouds have fewer points.
        EvaluationError: The encoder lacks the layer, or returned values that are not finite.
    """
    clouds = data.all
    return encoder.embed(clouds.points, clouds.colors, num_points, device=device, layer=layer)

"""Features of clouds that were mixed in pairs.

Shape legend: S shapes, B pairs, N points, C channels, D feature width.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.errors import EvaluationError
from concord3d.features.clouds import encode_batches
from concord3d.geometry.mixing.operators import mix_clouds
from concord3d.geometry.mixing.pairing import paired_in_circle
from concord3d.geometry.mixing.settings import MixingSettings

# Pairs mixed at once; the random draws depend on it, so it does not follow the encoder's batch size.
_BLOCK = 32


def partners(num_shapes: int, generator: torch.Generator) -> NDArray[np.int64]:
    """Return (S,) the partner of each shape: no shape is its own, and each is the partner of one other.

    Args:
        num_shapes: S, at least 2.
        generator: Source of all randomness.

    Raises:
        EvaluationError: Fewer than two shapes.

    Source: MM-Mixing spec 3.1.
    """
    if num_shapes < 2:
        raise EvaluationError("Shapes are mixed in pairs", expected="at least 2 shapes", found=num_shapes)
    pairs = paired_in_circle(torch.randperm(num_shapes, generator=generator), num_shapes)
    found = np.empty(num_shapes, dtype=np.int64)
    found[pairs.first.numpy()] = pairs.second.numpy()
    return found


def encode_mixed(
    encoder: nn.Module,
    clouds: Tensor,
    partner: NDArray[np.int64],
    weight: float,
    operator: str,
    settings: MixingSettings,
    generator: torch.Generator,
    batch_size: int = 32,
    device: str = "cpu",
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Mix each cloud with its partner and encode the results.

    Args:
        encoder: Maps (B, N, C) to (B, D).
        clouds: (S, N, C).
        partner: (S,) partner of each cloud.
        weight: Weight of the cloud itself, in [0, 1].
        operator: How clouds are mixed.
        settings: Constants of the operators.
        generator: Source of all randomness.
        batch_size: Clouds per forward pass.
        device: Torch device.

    Returns:
        (S, D) features of the mixed clouds and (S,) the ratios that were realised.

    Raises:
        ConfigError: The operator is unknown or the weight out of range.
        EvaluationError: The encoder returned values that are not finite.
    """
    ratios: list[Tensor] = []

    def batches() -> Iterator[Tensor]:
        for first in torch.arange(len(clouds)).split(_BLOCK):
            second = torch.from_numpy(partner)[first]
            weights = torch.full((len(first),), weight)
            mixed = mix_clouds(operator, clouds[first], clouds[second], weights, generator, settings)
            ratios.append(mixed.ratio)
            yield from mixed.points.split(batch_size)

    features = encode_batches(encoder, batches(), device)
    return features, torch.cat(ratios).double().numpy()

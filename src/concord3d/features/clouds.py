"""Features of stored clouds under a point encoder.

Shape legend: S shapes, P points stored per shape, N points used, C channels per point, d feature width.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.data.stores.interface import not_finite
from concord3d.errors import BadCloud, EvaluationError
from concord3d.features.cloud_form import AS_STORED, CloudForm, Layer
from concord3d.geometry.augment import normalise_unit_sphere
from concord3d.measures.vectors import check_features

# r, g and b of clouds without colour (MM-Mixing spec 1.4).
GREY = 0.4


def first_points(points: NDArray[np.float32], num_points: int, where: str = "clouds") -> NDArray[np.float32]:
    """Return the first ``num_points`` points of each cloud as stored, without normalisation (MM-Point spec 4.1, 6.1).

    Args:
        points: (S, P, 3).
        num_points: N, at most P.
        where: Name for error messages.

    Returns:
        (S, N, 3) float32.

    Raises:
        BadCloud: No clouds, fewer points than asked, or values that are not finite.
    """
    if points.ndim != 3 or points.shape[2] != 3 or len(points) == 0:
        raise BadCloud("Clouds have the wrong shape", where=where, expected="(S, P, 3), S > 0", found=points.shape)
    if not 1 <= num_points <= points.shape[1]:
        raise BadCloud(
            "Clouds hold fewer points than the protocol uses",
            where=where,
            expected=f"at least {num_points} points",
            found=points.shape[1],
            next_step="lower num_points in the protocol's settings, or use a release with more points",
        )
    chosen = points[:, :num_points]
    if len(not_finite(chosen)):
        raise BadCloud("Clouds hold coordinates that are not finite", where=where, expected="finite coordinates")
    return chosen.astype(np.float32, copy=False)


def cloud_batches(
    points: NDArray[np.float32],
    num_points: int,
    batch_size: int,
    num_channels: int = 3,
    colors: NDArray[np.uint8] | None = None,
    form: CloudForm = AS_STORED,
) -> Iterator[Tensor]:
    """Yield the clouds of a split as an encoder takes them, in order.

    Args:
        points: (S, P, 3) as stored.
        num_points: N, at most P unless the points are drawn with replacement.
        batch_size: Clouds per batch; it does not change what a cloud becomes.
        num_channels: C: 3 for coordinates, 6 for coordinates and colour.
        colors: (S, P, 3) uint8, or None for clouds without colour, which become grey.
        form: Choice of points, and normalisation.

    Yields:
        (B, N, C) float32, colours in [0, 1].

    Raises:
        BadCloud: No clouds, fewer points than asked, coordinates that are not finite, or colours that do not fit.
        EvaluationError: Another number of channels.
    """
    if num_channels not in (3, 6):
        raise EvaluationError(
            "An encoder takes clouds of an unknown form", expected="3 (xyz) or 6 (xyz, rgb)", found=num_channels
        )
    if colors is not None and colors.shape != points.shape:
        raise BadCloud("Colours do not fit the points", expected=points.shape, found=colors.shape)
    chosen = first_points(points, points.shape[1] if form.resample is not None else num_points)
    for start in range(0, len(chosen), batch_size):
        rows = slice(start, min(start + batch_size, len(chosen)))
        index = _drawn(form.resample, rows, chosen.shape[1], num_points)
        yield _channels(chosen[rows], None if colors is None else colors[rows], index, num_channels, form.normalise)


def _drawn(seeds: tuple[int, ...] | None, rows: slice, stored: int, num_points: int) -> NDArray[np.int64]:
    """Return (B, N, 1) which points to take; the draw of a cloud depends on the seeds and its place alone."""
    if seeds is None:
        return np.broadcast_to(np.arange(num_points), (rows.stop - rows.start, num_points))[..., None]
    draws = [
        np.random.default_rng([*seeds, row]).integers(stored, size=num_points)
        for row in range(*rows.indices(rows.stop))
    ]
    return np.stack(draws)[..., None]


def _channels(
    points: NDArray[np.float32],
    colors: NDArray[np.uint8] | None,
    index: NDArray[np.int64],
    num_channels: int,
    normalise: bool,
) -> Tensor:
    coordinates = torch.from_numpy(np.take_along_axis(points, index, axis=1))
    if normalise:
        coordinates = normalise_unit_sphere(coordinates)
    if num_channels == 3:
        return coordinates
    if colors is None:
        return torch.cat([coordinates, torch.full_like(coordinates, GREY)], dim=2)
    return torch.cat([coordinates, torch.from_numpy(np.take_along_axis(colors, index, axis=1)).float() / 255], dim=2)


def cloud_channels(encoder: nn.Module) -> int:
    """Return the channels per point that an encoder takes, 3 where it does not say."""
    return int(getattr(encoder, "in_channels", 3))


def extract_features(
    encoder: nn.Module,
    points: NDArray[np.float32],
    num_points: int,
    batch_size: int = 32,
    device: str = "cpu",
    colors: NDArray[np.uint8] | None = None,
    form: CloudForm = AS_STORED,
) -> NDArray[np.float32]:
    """Encode stored clouds in eval mode; by default their first points without normalisation (MM-Point spec 6.1).

    Args:
        encoder: Maps (B, N, C) float32 to (B, d), with ``in_channels`` C (3 where it does not say).
        points: (S, P, 3) as stored.
        num_points: N, at most P unless ``form`` draws with replacement.
        batch_size: Clouds per forward pass.
        device: Torch device.
        colors: (S, P, 3) uint8, or None; read by encoders of six channels only.
        form: Choice of points, normalisation and layer.

    Returns:
        (S, d) float32. The encoder's training mode is put back afterwards.

    Raises:
        BadCloud: No clouds, fewer points than asked, or coordinates that are not finite.
        EvaluationError: The encoder lacks the layer, or returned values that are not finite.
    """
    batches = cloud_batches(points, num_points, batch_size, cloud_channels(encoder), colors, form)
    return encode_batches(encoder, batches, device, form.layer)


def encode_batches(
    encoder: nn.Module, batches: Iterator[Tensor], device: str = "cpu", layer: Layer = "output"
) -> NDArray[np.float32]:
    """Encode batches of clouds (B, N, C) in eval mode; arguments, result and errors as in :func:`extract_features`."""
    encode: Any = encoder
    if layer == "backbone":
        if not hasattr(encoder, "backbone_features"):
            raise EvaluationError(
                "The encoder has no features before a projection",
                expected="an encoder that projects into a tower's space",
                found=type(encoder).__name__,
                next_step="set layer: output in the protocol's settings",
            )
        encode = encoder.backbone_features
    was_training = encoder.training
    encoder.eval().to(device)
    rows = []
    try:
        with torch.inference_mode():
            for batch in batches:
                rows.append(encode(batch.to(device)).float().cpu().numpy())
    finally:
        encoder.train(was_training)
    features = np.concatenate(rows)
    check_features(features)
    return features

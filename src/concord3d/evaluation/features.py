"""Frozen features of stored clouds.

Shape legend: S shapes, P points stored per shape, N points used, d feature width.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from concord3d.errors import BadCloud, EvaluationError


def first_points(points: NDArray[np.float32], num_points: int, where: str = "clouds") -> NDArray[np.float32]:
    """Return the first ``num_points`` points of each cloud as stored, without normalisation (spec 4.1, 6.1).

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
    if not np.isfinite(chosen).all():
        raise BadCloud("Clouds hold coordinates that are not finite", where=where, expected="finite coordinates")
    return chosen.astype(np.float32, copy=False)


def extract_features(
    encoder: nn.Module,
    points: NDArray[np.float32],
    num_points: int,
    batch_size: int = 32,
    device: str = "cpu",
) -> NDArray[np.float32]:
    """Encode the first ``num_points`` points of each cloud in eval mode, without normalisation (spec 6.1).

    Args:
        encoder: Maps (B, N, 3) float32 to (B, d).
        points: (S, P, 3) as stored.
        num_points: N, at most P.
        batch_size: Clouds per forward pass.
        device: Torch device.

    Returns:
        (S, d) float32. The encoder's training mode is put back afterwards.

    Raises:
        BadCloud: No clouds, fewer points than asked, or coordinates that are not finite.
        EvaluationError: The encoder returned values that are not finite.
    """
    chosen = first_points(points, num_points)
    was_training = encoder.training
    encoder.eval().to(device)
    rows = []
    try:
        with torch.inference_mode():
            for start in range(0, len(chosen), batch_size):
                batch = torch.from_numpy(np.ascontiguousarray(chosen[start : start + batch_size]))
                rows.append(encoder(batch.to(device)).float().cpu().numpy())
    finally:
        encoder.train(was_training)
    features = np.concatenate(rows)
    check_features(features)
    return features


def check_features(features: NDArray[np.float32], where: str = "features") -> None:
    """Raise EvaluationError unless ``features`` is a non-empty (S, d) array of finite values."""
    if features.ndim != 2 or 0 in features.shape:
        raise EvaluationError("Features have the wrong shape", where=where, expected="(S, d)", found=features.shape)
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise EvaluationError(
            "Features are not finite",
            where=where,
            expected="finite values",
            found=f"{len(bad)} of {len(features)} rows, first: {bad[0]}",
            next_step="check the weights and the training history for divergence",
        )

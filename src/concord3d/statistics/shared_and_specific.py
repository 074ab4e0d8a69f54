"""What linear encoders of one modality keep of what two share and of what is its own, in closed form (CMCR spec 3.8).

A sweep is x = A s + B p + noise and its picture y = C s + D q + noise, with s, p, q and noise independent and normal.
Both share s; p and q are what one alone has. The model illustrates a thesis about contrastive distillation and proves
nothing about networks.

Shape legend: d channels of x, e of y, k shared factors, l factors of x alone, m features, S shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError

FloatArray = NDArray[np.float64]
# Canonical correlations below this are rounding.
_NO_CORRELATION = 1e-9


@dataclass(frozen=True)
class TwoModalities:
    """A linear Gaussian model of sweeps and pictures; all factors have variance 1.

    Attributes:
        shared_in_sweep: (d, k) A.
        specific_in_sweep: (d, l) B.
        shared_in_picture: (e, k) C.
        specific_in_picture: (e, any) D.
        sweep_noise: Variance of the noise in each channel of x.
        picture_noise: Variance of the noise in each channel of y.

    Raises:
        EvaluationError: Sizes do not match, a value is not finite, or a variance is not positive.
    """

    shared_in_sweep: FloatArray
    specific_in_sweep: FloatArray
    shared_in_picture: FloatArray
    specific_in_picture: FloatArray
    sweep_noise: float = 0.1
    picture_noise: float = 0.1

    def __post_init__(self) -> None:
        """Check what the closed forms rest on."""
        loadings = (self.shared_in_sweep, self.specific_in_sweep, self.shared_in_picture, self.specific_in_picture)
        shapes = [loading.shape for loading in loadings]
        if any(len(shape) != 2 for shape in shapes) or (
            (shapes[0][0], shapes[2][0], shapes[0][1]) != (shapes[1][0], shapes[3][0], shapes[2][1])
        ):
            raise EvaluationError(
                "Loadings do not match", expected="(d, k), (d, l), (e, k), (e, any)", found=", ".join(map(str, shapes))
            )
        variances = (self.sweep_noise, self.picture_noise)
        if not all(np.isfinite(loading).all() for loading in loadings) or not all(0 < v < np.inf for v in variances):
            raise EvaluationError(
                "A model of two modalities has no covariance that can be inverted",
                expected="finite loadings and noise of positive variance",
                found=f"noise {variances}",
            )

    @property
    def sweep_covariance(self) -> FloatArray:
        """(d, d) covariance of x."""
        return _gram(self.shared_in_sweep) + _gram(self.specific_in_sweep) + self.sweep_noise * np.eye(self.width)

    @property
    def picture_covariance(self) -> FloatArray:
        """(e, e) covariance of y."""
        noise = self.picture_noise * np.eye(len(self.shared_in_picture))
        return _gram(self.shared_in_picture) + _gram(self.specific_in_picture) + noise

    @property
    def cross_covariance(self) -> FloatArray:
        """(d, e) covariance of x with y."""
        return self.shared_in_sweep @ self.shared_in_picture.T

    @property
    def width(self) -> int:
        """Channels of x."""
        return len(self.shared_in_sweep)


def canonical_correlations(model: TwoModalities) -> FloatArray:
    """Return the (min(d, e),) correlations that linear features of both modalities can reach, falling."""
    return np.asarray(np.linalg.svd(_whitened_cross(model), compute_uv=False), dtype=np.float64)


def agreement_encoder(model: TwoModalities, num_features: int) -> FloatArray:
    """Return the encoder whose features agree most with the picture's: canonical correlation analysis.

    Directions that correlate with nothing in the picture are left out: agreement is the same with and without them, so
    that it gives no reason to keep them. There are never more features than shared factors.

    Args:
        model: The model.
        num_features: At most so many.

    Returns:
        (m, d) rows W, m at most ``num_features``; features W x are uncorrelated and have variance 1.
    """
    left, correlations, _ = np.linalg.svd(_whitened_cross(model), full_matrices=False)
    num = min(num_features, int((correlations > _NO_CORRELATION).sum()))
    return _of_directions(model, left[:, :num])


def mixed_encoder(model: TwoModalities, num_features: int, reconstruction: float) -> FloatArray:
    """Return the encoder that is best for agreement and reconstruction of the sweep by one set of features.

    For features W x of variance 1 without correlations the objective is the sum of their squared canonical correlations
    plus ``reconstruction`` times the share of the variance of x that a linear decoder gives back. Its best features are
    leading eigenvectors; with a large weight they are principal components.

    Args:
        model: The model.
        num_features: m, at most d.
        reconstruction: Weight of the share of variance, above 0.

    Returns:
        (m, d) rows W.
    """
    cross, covariance = _whitened_cross(model), model.sweep_covariance
    objective = _gram(cross) + reconstruction * covariance / np.trace(covariance)
    return _of_directions(model, _leading(objective, num_features))


def decoupled_encoder(model: TwoModalities, num_shared: int, num_specific: int) -> FloatArray:
    """Return shared features that agree, and specific ones that reconstruct what these leave, uncorrelated with them.

    Args:
        model: The model.
        num_shared: At most so many shared features, see :func:`agreement_encoder`.
        num_specific: Specific features.

    Returns:
        (m, d) rows W, the shared ones first.
    """
    root = _root(model.sweep_covariance, 0.5)
    shared = (agreement_encoder(model, num_shared) @ root).T
    outside = np.eye(model.width) - shared @ shared.T
    specific = _leading(outside @ model.sweep_covariance @ outside, min(num_specific, model.width - shared.shape[1]))
    return _of_directions(model, np.hstack([shared, specific]))


def explained_factors(model: TwoModalities, encoder: FloatArray) -> tuple[float, float]:
    """Return which shares of the variance of shared factors, and of the sweep's own, linear readers of features find.

    Args:
        model: The model.
        encoder: (m, d) rows W, of any scale.
    """
    shared, specific = (
        float(_explained(model, encoder, loading).mean())
        for loading in (model.shared_in_sweep, model.specific_in_sweep)
    )
    return shared, specific


def label_errors(
    model: TwoModalities, encoder: FloatArray, specific_shares: FloatArray, direction: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Return the squared error of the best linear reader of a label of variance 1, by where the label lives.

    The label is sqrt(1 - share) u s + sqrt(share) v p.

    Args:
        model: The model.
        encoder: (m, d) rows W; the identity reads the sweep itself, the bound for all encoders.
        specific_shares: (S,) shares of the label's variance in the sweep's own factors, from 0 to 1.
        direction: (k,) u and (l,) v, of length 1.

    Returns:
        (S,) errors between 0 and 1; 1 is what knowing nothing gives.

    Raises:
        EvaluationError: A share lies outside 0 to 1, or a direction does not have length 1.
    """
    shares, (u, v) = np.asarray(specific_shares, dtype=np.float64), direction
    lengths = [float(np.linalg.norm(u)), float(np.linalg.norm(v))]
    if not ((shares >= 0) & (shares <= 1)).all() or not np.allclose(lengths, 1):
        raise EvaluationError(
            "A label needs shares of its variance and directions of length 1",
            expected="shares from 0 to 1, lengths 1",
            found=f"shares {shares.min():g} to {shares.max():g}, lengths {lengths[0]:g} and {lengths[1]:g}",
        )
    shared, specific = model.shared_in_sweep @ u, model.specific_in_sweep @ v
    with_sweep = np.sqrt(1 - shares) * shared[:, None] + np.sqrt(shares) * specific[:, None]
    return 1 - _explained(model, encoder, with_sweep)


def _explained(model: TwoModalities, encoder: FloatArray, with_sweep: FloatArray) -> FloatArray:
    """Return (n,) shares that features explain of n variables of variance 1, given their (d, n) covariances with x."""
    if not len(encoder):
        return np.zeros(with_sweep.shape[1])
    features = encoder @ model.sweep_covariance @ encoder.T
    with_features = encoder @ with_sweep
    explained: FloatArray = (with_features * np.linalg.solve(features, with_features)).sum(axis=0)
    return explained


def _whitened_cross(model: TwoModalities) -> FloatArray:
    left, right = _root(model.sweep_covariance, -0.5), _root(model.picture_covariance, -0.5)
    return left @ model.cross_covariance @ right


def _of_directions(model: TwoModalities, directions: FloatArray) -> FloatArray:
    """Return (m, d) rows that give (d, m) orthonormal directions of the whitened sweep."""
    return directions.T @ _root(model.sweep_covariance, -0.5)


def _leading(symmetric: FloatArray, num: int) -> FloatArray:
    """Return (d, num) eigenvectors of the largest eigenvalues, falling."""
    return np.linalg.eigh(symmetric)[1][:, ::-1][:, :num]


def _root(symmetric: FloatArray, power: float) -> FloatArray:
    values, vectors = np.linalg.eigh(symmetric)
    root: FloatArray = (vectors * values**power) @ vectors.T
    return root


def _gram(loading: FloatArray) -> FloatArray:
    return loading @ loading.T

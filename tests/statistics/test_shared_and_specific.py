"""Closed forms of the linear Gaussian model against draws from it, and against what it reduces to by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.statistics.shared_and_specific import (
    TwoModalities,
    agreement_encoder,
    canonical_correlations,
    decoupled_encoder,
    explained_factors,
    label_errors,
    mixed_encoder,
)

FloatArray = NDArray[np.float64]
SHARES = np.array([0.0, 0.25, 0.5, 1.0])
U, V = np.array([0.6, 0.8]), np.array([0.0, 1.0, 0.0])


@pytest.fixture
def model() -> TwoModalities:
    draw = np.random.default_rng(3)
    a, b, c, d = (draw.normal(size=size) for size in ((9, 2), (9, 3), (7, 2), (7, 4)))
    return TwoModalities(a, b, c, d, sweep_noise=0.3, picture_noise=0.5)


def drawn(model: TwoModalities, num: int, seed: int = 0) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Shared and specific factors, sweeps and pictures by row."""
    draw = np.random.default_rng(seed)
    s, p, q = (
        draw.normal(size=(num, loading.shape[1]))
        for loading in (model.shared_in_sweep, model.specific_in_sweep, model.specific_in_picture)
    )
    x = s @ model.shared_in_sweep.T + p @ model.specific_in_sweep.T
    y = s @ model.shared_in_picture.T + q @ model.specific_in_picture.T
    x += np.sqrt(model.sweep_noise) * draw.normal(size=x.shape)
    y += np.sqrt(model.picture_noise) * draw.normal(size=y.shape)
    return s, p, x, y


def residual(features: FloatArray, target: FloatArray) -> FloatArray:
    """Mean squared error of least squares by column."""
    found, *_ = np.linalg.lstsq(features, target, rcond=None)
    return ((target - features @ found) ** 2).mean(axis=0)


def encoders(model: TwoModalities) -> dict[str, FloatArray]:
    return {
        "agreement": agreement_encoder(model, 6),
        "mixed": mixed_encoder(model, 5, 4.0),
        "decoupled": decoupled_encoder(model, 2, 3),
        "sweep": np.eye(model.width),
    }


def test_errors_of_labels_are_those_of_least_squares_on_draws(model: TwoModalities) -> None:
    s, p, x, _ = drawn(model, 200_000)
    labels = np.sqrt(1 - SHARES) * (s @ U)[:, None] + np.sqrt(SHARES) * (p @ V)[:, None]
    for name, encoder in encoders(model).items():
        expected = label_errors(model, encoder, SHARES, (U, V))
        np.testing.assert_allclose(residual(x @ encoder.T, labels), expected, atol=0.01, err_msg=name)
        found = [1 - residual(x @ encoder.T, factors).mean() for factors in (s, p)]
        np.testing.assert_allclose(found, explained_factors(model, encoder), atol=0.01, err_msg=name)


def test_agreement_is_the_canonical_correlation_of_draws(model: TwoModalities) -> None:
    _, _, x, y = drawn(model, 200_000)
    features = x @ agreement_encoder(model, 2).T
    np.testing.assert_allclose(np.cov(features.T), np.eye(2), atol=0.02)
    reached = np.sqrt(1 - residual(y, features))
    np.testing.assert_allclose(reached, canonical_correlations(model)[:2], atol=0.01)
    directions = np.random.default_rng(1).normal(size=(200, model.width))
    others = np.sqrt(1 - residual(y, x @ directions.T) / (x @ directions.T).var(axis=0))
    assert (others < canonical_correlations(model)[0] + 0.01).all(), "no direction agrees more"


def test_agreement_has_no_use_for_more_features_than_are_shared(model: TwoModalities) -> None:
    assert agreement_encoder(model, 9).shape == (2, 9)
    assert agreement_encoder(model, 1).shape == (1, 9)
    np.testing.assert_allclose(canonical_correlations(model)[2:], 0, atol=1e-12)


def orthogonal(specific: float = 2.0) -> TwoModalities:
    """Shared and specific factors in channels of their own: every form is a ratio of variances."""
    eye = np.eye(8)
    return TwoModalities(1.5 * eye[:, :2], specific * eye[:, 2:5], eye[:6, :2], eye[:6, 2:4], 0.5, 0.5)


def test_where_channels_are_apart_the_forms_are_ratios_of_variances() -> None:
    model, apart = orthogonal(), 2.25 / 2.75
    np.testing.assert_allclose(canonical_correlations(model)[:2], np.sqrt(apart / 1.5))
    errors = label_errors(model, agreement_encoder(model, 5), SHARES, (U, V))
    np.testing.assert_allclose(errors, 1 - (1 - SHARES) * apart)
    errors = label_errors(model, decoupled_encoder(model, 2, 3), SHARES, (U, V))
    np.testing.assert_allclose(errors, 1 - (1 - SHARES) * apart - SHARES * 4 / 4.5)
    np.testing.assert_allclose(errors, label_errors(model, np.eye(8), SHARES, (U, V)))


def test_agreement_alone_is_blind_to_a_label_in_what_is_specific_and_reconstruction_is_not() -> None:
    model = orthogonal()
    alone, mixed = agreement_encoder(model, 5), mixed_encoder(model, 5, 1.0)
    assert label_errors(model, alone, np.array([1.0]), (U, V)) == pytest.approx(1)
    assert label_errors(model, mixed, np.array([1.0]), (U, V)) == pytest.approx(1 - 4 / 4.5)
    assert label_errors(model, mixed, np.array([0.0]), (U, V)) == label_errors(model, alone, np.array([0.0]), (U, V))
    gains = label_errors(model, alone, SHARES, (U, V)) - label_errors(model, mixed, SHARES, (U, V))
    assert (np.diff(gains) > 0).all(), "the more of a label is specific, the more reconstruction gains"


def test_reconstruction_keeps_what_varies_and_not_what_labels_need() -> None:
    faint = orthogonal(specific=0.2)
    # Shared factors vary most, so that two features hold nothing else; with more, what is faint is kept as well.
    assert explained_factors(faint, mixed_encoder(faint, 2, 100.0)) == pytest.approx((2.25 / 2.75, 0))
    assert explained_factors(faint, mixed_encoder(faint, 5, 100.0))[1] == pytest.approx(0.04 / 0.54)
    # Where the specific part varies more than the shared one, narrow features of reconstruction drop what is shared.
    assert explained_factors(orthogonal(), mixed_encoder(orthogonal(), 3, 100.0)) == pytest.approx((0, 4 / 4.5))
    assert explained_factors(orthogonal(), decoupled_encoder(orthogonal(), 2, 1)) == pytest.approx(
        (2.25 / 2.75, 4 / 13.5)
    )


def test_a_large_weight_gives_principal_components(model: TwoModalities) -> None:
    _, vectors = np.linalg.eigh(model.sweep_covariance)
    principal = vectors[:, -4:].T
    found = label_errors(model, mixed_encoder(model, 4, 1e9), SHARES, (U, V))
    np.testing.assert_allclose(found, label_errors(model, principal, SHARES, (U, V)), atol=1e-6)


def test_no_mixture_is_better_for_its_objective(model: TwoModalities) -> None:
    covariance = model.sweep_covariance
    cross = model.cross_covariance @ np.linalg.solve(model.picture_covariance, model.cross_covariance.T)

    def objective(encoder: FloatArray) -> float:
        inverse = np.linalg.inv(encoder @ covariance @ encoder.T)
        agreement = np.trace(inverse @ encoder @ cross @ encoder.T)
        given_back = np.trace(inverse @ encoder @ covariance @ covariance @ encoder.T) / np.trace(covariance)
        return float(agreement + 4 * given_back)

    best = objective(mixed_encoder(model, 4, 4.0))
    draw = np.random.default_rng(0)
    assert all(objective(mixed_encoder(model, 4, 4.0) + 0.1 * draw.normal(size=(4, 9))) < best for _ in range(100))


def test_specific_features_of_a_decoupled_encoder_are_uncorrelated_with_shared_ones(model: TwoModalities) -> None:
    encoder = decoupled_encoder(model, 2, 3)
    np.testing.assert_allclose(encoder @ model.sweep_covariance @ encoder.T, np.eye(5), atol=1e-9)
    np.testing.assert_allclose(encoder[:2], agreement_encoder(model, 2), atol=1e-9)


def test_modalities_that_share_nothing_leave_agreement_with_nothing() -> None:
    model = TwoModalities(np.zeros((4, 1)), np.eye(4)[:, :3], np.zeros((3, 1)), np.eye(3))
    encoder = agreement_encoder(model, 3)
    assert encoder.shape == (0, 4)
    assert explained_factors(model, encoder) == (0, 0)
    np.testing.assert_array_equal(label_errors(model, encoder, SHARES, (np.ones(1), V)), 1)


def test_models_and_labels_that_make_no_sense_are_refused(model: TwoModalities) -> None:
    with pytest.raises(EvaluationError, match="do not match"):
        TwoModalities(np.ones((4, 1)), np.ones((3, 1)), np.ones((3, 1)), np.ones((3, 1)))
    with pytest.raises(EvaluationError, match="inverted"):
        TwoModalities(np.ones((3, 1)), np.ones((3, 1)), np.ones((3, 1)), np.ones((3, 1)), sweep_noise=0.0)
    with pytest.raises(EvaluationError, match="directions of length 1"):
        label_errors(model, np.eye(9), SHARES, (2 * U, V))
    with pytest.raises(EvaluationError, match="shares"):
        label_errors(model, np.eye(9), np.array([1.5]), (U, V))

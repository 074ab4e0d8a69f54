"""Feature extraction: as stored, in eval mode, in order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from concord3d.errors import BadCloud, EvaluationError
from concord3d.features.clouds import extract_features
from concord3d.measures.vectors import check_features


class MeanAndNorm(nn.Module):
    """The mean point through a BatchNorm whose statistics would change in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, points: Tensor) -> Tensor:
        out: Tensor = self.norm(points.mean(dim=1))
        return out


POINTS = np.random.default_rng(0).normal(5, 3, size=(11, 20, 3)).astype(np.float32)


def test_first_points_are_used_as_stored() -> None:
    encoder = MeanAndNorm()
    features = extract_features(encoder, POINTS, 8, batch_size=4)
    expected = POINTS[:, :8].mean(axis=1) / np.sqrt(1 + encoder.norm.eps)
    np.testing.assert_allclose(features, expected, rtol=1e-5)
    assert features.dtype == np.float32


@pytest.mark.parametrize("batch_size", [1, 3, 11, 50])
def test_batch_size_does_not_matter(batch_size: int) -> None:
    encoder = MeanAndNorm()
    np.testing.assert_allclose(
        extract_features(encoder, POINTS, 20, batch_size), extract_features(encoder, POINTS, 20), rtol=1e-6
    )


def test_extraction_leaves_the_encoder_as_it_was() -> None:
    encoder = MeanAndNorm().train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    extract_features(encoder, POINTS, 20)
    assert encoder.training
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, before[name])


@pytest.mark.parametrize("num_points", [0, 21])
def test_more_points_than_stored_are_refused(num_points: int) -> None:
    with pytest.raises(BadCloud, match="fewer points"):
        extract_features(MeanAndNorm(), POINTS, num_points)


def test_clouds_that_are_not_finite_are_refused() -> None:
    bad = POINTS.copy()
    bad[4, 2, 1] = np.nan
    with pytest.raises(BadCloud, match="not finite"):
        extract_features(MeanAndNorm(), bad, 20)
    assert len(extract_features(MeanAndNorm(), bad, 2)) == 11


def test_no_clouds_are_refused() -> None:
    with pytest.raises(BadCloud):
        extract_features(MeanAndNorm(), POINTS[:0], 20)


def test_an_encoder_that_diverged_is_named_and_keeps_its_mode() -> None:
    encoder = MeanAndNorm().train()
    with torch.no_grad():
        encoder.norm.weight.fill_(float("inf"))
    with pytest.raises(EvaluationError, match="not finite"):
        extract_features(encoder, POINTS, 20)
    assert encoder.training


def test_check_features_names_the_first_bad_row() -> None:
    features = np.zeros((5, 3), dtype=np.float32)
    features[3, 1] = np.inf
    with pytest.raises(EvaluationError, match=r"first: 3"):
        check_features(features)
    with pytest.raises(EvaluationError, match="shape"):
        check_features(np.zeros((5, 0), dtype=np.float32))

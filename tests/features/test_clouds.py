"""Features of stored clouds: as stored, in eval mode, in order; colours, normalisation and draws with replacement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.protocols.aligned import clouds
from torch import Tensor, nn

from concord3d.errors import BadCloud, EvaluationError
from concord3d.features.cloud_form import CloudForm
from concord3d.features.clouds import GREY, cloud_batches, extract_features
from concord3d.geometry.augment import normalise_unit_sphere


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


SPLIT = clouds("test", 11, 0)


class MeanChannels(nn.Module):
    """The mean of each channel, doubled by the projection."""

    def __init__(self, in_channels: int = 6) -> None:
        super().__init__()
        self.in_channels, self.feature_dim = in_channels, in_channels

    def backbone_features(self, points: Tensor) -> Tensor:
        return points.mean(dim=1)

    def forward(self, points: Tensor) -> Tensor:
        return 2 * self.backbone_features(points)


def test_colours_follow_their_points() -> None:
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 256, size=SPLIT.points.shape).astype(np.uint8)
    for form in (CloudForm(), CloudForm(resample=(3,))):
        (batch,) = cloud_batches(SPLIT.points, 20, 50, 6, colors, form)
        assert batch.shape == (11, 20, 6) and batch.dtype == torch.float32
        for shape in range(11):
            for point in batch[shape].numpy():
                place = np.flatnonzero((SPLIT.points[shape] == point[:3]).all(axis=1))
                np.testing.assert_allclose(point[3:], colors[shape, place[0]] / 255)


def test_clouds_without_colour_are_grey() -> None:
    (batch,) = cloud_batches(SPLIT.points, 8, 50, 6)
    torch.testing.assert_close(batch[..., 3:], torch.full((11, 8, 3), GREY))
    (plain,) = cloud_batches(SPLIT.points, 8, 50, 3, SPLIT.colors)
    torch.testing.assert_close(plain, torch.from_numpy(SPLIT.points[:, :8]))


def test_normalisation_follows_the_choice_of_points() -> None:
    (batch,) = cloud_batches(7 * SPLIT.points + 3, 8, 50, 6, SPLIT.colors, CloudForm(normalise=True))
    torch.testing.assert_close(batch[..., :3], normalise_unit_sphere(torch.from_numpy(7 * SPLIT.points[:, :8] + 3)))
    torch.testing.assert_close(batch[..., :3].norm(dim=2).amax(dim=1), torch.ones(11))


@pytest.mark.parametrize("batch_size", [1, 4, 11])
def test_draws_depend_on_seeds_and_place_alone(batch_size: int) -> None:
    def drawn(seeds: tuple[int, ...], size: int) -> Tensor:
        return torch.cat(list(cloud_batches(SPLIT.points, 50, size, 6, SPLIT.colors, CloudForm(resample=seeds))))

    torch.testing.assert_close(drawn((0, 1), batch_size), drawn((0, 1), 11))
    assert not torch.equal(drawn((0, 1), 11), drawn((0, 2), 11))
    same_shape = replace(SPLIT, points=np.repeat(SPLIT.points[:1], 11, axis=0)).points
    (batch,) = cloud_batches(same_shape, 50, 11, 3, None, CloudForm(resample=(0,)))
    assert not torch.equal(batch[0], batch[1])


def test_layers() -> None:
    output = extract_features(MeanChannels(), SPLIT.points, 8, colors=SPLIT.colors)
    backbone = extract_features(MeanChannels(), SPLIT.points, 8, colors=SPLIT.colors, form=CloudForm(layer="backbone"))
    np.testing.assert_allclose(output, 2 * backbone)
    assert output.shape == (11, 6)


def test_impossible_input_is_refused() -> None:
    with pytest.raises(EvaluationError, match="unknown form"):
        extract_features(MeanChannels(4), SPLIT.points, 8)
    with pytest.raises(BadCloud, match="Colours do not fit"):
        list(cloud_batches(SPLIT.points, 8, 4, 6, np.zeros((11, 3, 3), np.uint8)))
    bad = SPLIT.points.copy()
    bad[4, 20, 1] = np.nan
    with pytest.raises(BadCloud, match="not finite"):
        list(cloud_batches(bad, 8, 4, 3, None, CloudForm(resample=(0,))))

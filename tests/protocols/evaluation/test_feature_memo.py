"""What encoders are fed: colours, normalisation, draws with replacement; and features kept apart by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from concord3d.evaluation import job as job_module
from concord3d.XX import load_encoder
from tests.protocols.aligned import WIDTH, aligned_job, clouds
from torch import Tensor, nn

from concord3d.errors import BadCloud, EvaluationError
from concord3d.features.cloud_form import CloudForm
from concord3d.features.clouds import GREY, cloud_batches, extract_features
from concord3d.geometry.augment import normalise_unit_sphere
from concord3d.protocols.evaluation.feature_memo import FeatureCache

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


def test_cache_keeps_apart_whatever_changes_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = job_module.extract_features
    monkeypatch.setattr(job_module, "extract_features", lambda *given: calls.append(given) or original(*given))
    cache, encoder = FeatureCache(), MeanChannels()
    assert SPLIT.colors is not None
    variants = [
        (SPLIT, 8, CloudForm()),
        (SPLIT, 9, CloudForm()),
        (SPLIT, 8, CloudForm(normalise=True)),
        (SPLIT, 8, CloudForm(layer="backbone")),
        (SPLIT, 8, CloudForm(resample=(0, 0))),
        (SPLIT, 8, CloudForm(resample=(0, 1))),
        (replace(SPLIT, colors=None), 8, CloudForm()),
        (replace(SPLIT, colors=SPLIT.colors + 1), 8, CloudForm()),
        (replace(SPLIT, points=SPLIT.points + 1), 8, CloudForm()),
    ]
    for split, num_points, form in variants * 2:
        colors = None if split.colors is None else split.colors
        expected = original(encoder, split.points, num_points, 4, "cpu", colors, form)
        np.testing.assert_array_equal(cache.get(encoder, split, num_points, 4, "cpu", form), expected)
    assert len(calls) == len(variants)


def test_colours_that_an_encoder_does_not_see_do_not_part_its_features() -> None:
    cache, encoder = FeatureCache(), MeanChannels(3)
    cache.get(encoder, SPLIT, 8, 4, "cpu")
    cache.get(encoder, replace(SPLIT, colors=None), 8, 4, "cpu")
    assert len(cache.features) == 1


def test_an_encoder_projected_by_its_training_is_loaded_with_its_projection(tmp_path: Path) -> None:
    job = aligned_job(tmp_path, "zero_shot")
    encoder = load_encoder(job, job.model_path)
    features = extract_features(encoder, SPLIT.points, 8, colors=SPLIT.colors)
    backbone = extract_features(encoder, SPLIT.points, 8, colors=SPLIT.colors, form=CloudForm(layer="backbone"))
    assert features.shape == (11, WIDTH) and backbone.shape == (11, 1024)

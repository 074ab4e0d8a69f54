"""Heads of voxels and pictures, and the decoders behind them (CMCR spec 2); parity is in tests/parity."""

from __future__ import annotations

import torch
from torch import nn

from concord3d.models.decoupled_heads import PictureHeads, VoxelHeads, features_at, replaced_at
from concord3d.models.reconstruction_decoders import OccupancyDecoder, PictureDecoder


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_parameters_of_the_specification() -> None:
    assert _count(VoxelHeads()) == 2 * (96 * 64 + 64)
    assert _count(PictureHeads()) == 2 * (2048 * 64 + 64)
    assert _count(PictureDecoder()) == 9 * (64 * 32 + 32 * 16 + 16 * 3) + 32 + 16 + 3
    assert _count(OccupancyDecoder()) == 67 * 128 + 128 + 2 * (128 * 128 + 128) + 128 * 2 + 2


def test_shared_features_have_length_one_and_specific_ones_their_own() -> None:
    for heads, features in ((VoxelHeads(8, 4), _rand(30, 8)), (PictureHeads(8, 4, (9, 14)), _rand(2, 8, 3, 4))):
        found = heads(3 * features)
        torch.testing.assert_close(found.shared.norm(dim=1), torch.ones_like(found.shared[:, 0]))
        assert found.specific.norm(dim=1).std() > 0
        (found.shared.sum() + found.specific.sum()).backward()
        assert all(parameter.grad is not None for parameter in heads.parameters())


def test_pictures_keep_their_size_and_lie_between_black_and_white() -> None:
    decoded = PictureDecoder(4)(50 * (_rand(2, 4, 7, 9) - 0.5))
    assert decoded.shape == (2, 3, 7, 9) and decoded.min() >= 0 and decoded.max() <= 1


def test_a_pair_is_decoded_from_its_feature_and_the_way_to_the_query() -> None:
    decoder, features, ways = OccupancyDecoder(4), _rand(6, 4), _rand(6, 3, seed=1)
    decoded = decoder(features, ways)
    assert decoded.shape == (6, 2)
    assert not torch.allclose(decoder(features, -ways), decoded) and not torch.allclose(
        decoder(-features, ways), decoded
    )
    torch.testing.assert_close(decoder(features[2:3], ways[2:3].double()), decoded[2:3])
    assert decoder(features[:0], ways[:0]).shape == (0, 2)


def test_no_pixel_to_replace_or_to_read() -> None:
    pictures, none = _rand(2, 4, 3, 5), torch.zeros(0, 3, dtype=torch.int64)
    assert torch.equal(replaced_at(pictures, none, torch.zeros(0, 4)), pictures)
    assert features_at(pictures, none).shape == (0, 4)
    assert PictureHeads(4, 6, (8, 8)).shared_at(pictures, none).shape == (0, 6)


def test_the_geometry_reaches_the_points_through_the_replaced_pixels_alone() -> None:
    pictures, features = _rand(1, 2, 3, 3).requires_grad_(), _rand(2, 2, seed=1).requires_grad_()
    before = pictures.detach().clone()
    replaced_at(pictures, torch.tensor([[0, 1, 1], [0, 1, 1]]), features).sum().backward()
    assert torch.equal(features.grad, torch.full((2, 2), 0.5)) and torch.equal(pictures.detach(), before)
    assert pictures.grad[0, :, 1, 1].abs().sum() == 0 and pictures.grad.sum() == 16

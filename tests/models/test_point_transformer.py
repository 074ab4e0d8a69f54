"""The point tower of Cross-MoST: sizes, groups, its frozen tokeniser, and refusals (Cross-MoST spec 2.2)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tests.models.encoder_checks import bfloat16_error, losses_of_training, same_bits_twice
from torch import Tensor, nn

from concord3d.errors import BadCloud, ConfigError
from concord3d.models.factory import build_point_encoder
from concord3d.models.point_transformer import GroupTokeniser, PointTransformer

SMALL = {
    "out_dim": 24,
    "num_groups": 8,
    "group_size": 6,
    "token_width": 16,
    "width": 32,
    "depth": 3,
    "num_heads": 4,
    "drop_path": 0.0,
}


def _encoder(**changes: Any) -> PointTransformer:
    torch.manual_seed(0)
    encoder = build_point_encoder({"name": "point_transformer", **SMALL, **changes})
    assert isinstance(encoder, PointTransformer)
    return encoder


def _points(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_defaults_are_the_full_size() -> None:
    with torch.device("meta"):
        encoder = PointTransformer()
    assert (encoder.in_channels, encoder.feature_dim, encoder.backbone_dim) == (3, 512, 768)
    assert (encoder.num_groups, encoder.group_size) == (64, 32)
    tokeniser = 3 * 128 + 128 + 2 * 128 + 128 * 256 + 256 + 512 * 512 + 512 + 2 * 512 + 512 * 256 + 256
    block = 4 * 384 + 4 * 384 * 384 + 384 + 8 * 384 * 384 + 5 * 384
    around = 256 * 384 + 384 + 3 * 384 + 3 * 128 + 128 + 128 * 384 + 384 + 2 * 384
    assert _count(encoder.tokeniser) == tokeniser and _count(encoder.blocks[0]) == block
    assert _count(encoder) == tokeniser + 12 * block + around + 768 * 512 == 22_252_416
    assert [block.drop_path for block in encoder.blocks] == pytest.approx([0.1 * i / 11 for i in range(12)])
    assert all(block.to_queries_keys_values.bias is None for block in encoder.blocks)


def test_shapes_and_every_parameter_has_a_gradient() -> None:
    encoder, points = _encoder(), _points(3, 40, 3)
    features = encoder(points)
    assert features.shape == (3, encoder.feature_dim) and features.dtype == torch.float32
    features.square().mean().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    assert not encoder.mask_token.grad.any()
    said = encoder.encode(points, (0.5, 0.5), _generator())
    assert said.tokens.shape == said.targets.shape == (3, 8, 32) and said.neighbourhoods.shape == (3, 8, 6, 3)
    said.feature.sum().backward()
    assert encoder.mask_token.grad.any()


def test_a_batch_changes_no_cloud_in_evaluation() -> None:
    encoder, points = _encoder().eval(), _points(3, 40, 3)
    torch.testing.assert_close(encoder(points[1:2]), encoder(points)[1:2], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder.projection(encoder.backbone_features(points)), encoder(points))


def test_only_the_first_point_of_the_order_matters() -> None:
    encoder, points = _encoder().eval(), _points(2, 40, 3)
    order = 1 + torch.randperm(39, generator=_generator(1))
    permuted = points[:, torch.cat([torch.zeros(1, dtype=torch.int64), order])]
    torch.testing.assert_close(encoder(permuted), encoder(points), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(encoder(points.flip(1)), encoder(points))


def test_the_first_centre_may_be_drawn() -> None:
    encoder, points = _encoder(), _points(50, 40, 3)
    assert torch.equal(encoder.groups(points).centres[:, 0], points[:, 0])
    drawn = encoder.groups(points, _generator(4))
    assert torch.equal(drawn.centres, encoder.encode(points, random_start=_generator(4)).centres)
    starts = (drawn.centres[:, :1] == points).all(2).int().argmax(1)
    assert (drawn.centres[:, :1] == points).all(2).any(1).all() and starts.unique().numel() > 20


def test_what_is_masked_is_not_seen_and_what_is_shown_is() -> None:
    encoder, points = _encoder().eval(), _points(2, 40, 3)
    groups = encoder.groups(points)
    mask = torch.zeros(2, 8, dtype=torch.bool)
    mask[:, 2:5] = True
    changed = groups._replace(neighbourhoods=groups.neighbourhoods.clone())
    changed.neighbourhoods[:, 2:5] *= -0.5
    hidden, other = (encoder.encode_groups(one, mask) for one in (groups, changed))
    assert torch.equal(hidden.feature, other.feature) and torch.equal(hidden.tokens, other.tokens)
    assert not torch.equal(hidden.targets, other.targets)
    assert not torch.allclose(encoder.encode_groups(groups).feature, encoder.encode_groups(changed).feature)
    assert torch.equal(encoder.encode_groups(groups).targets, hidden.targets) and not hidden.targets.requires_grad


def test_two_passes_give_the_same_bits() -> None:
    assert same_bits_twice(_encoder(), _points(2, 50, 3))


def test_training_lowers_a_loss() -> None:
    losses = losses_of_training(_encoder(), 24, num_clouds=8, num_points=40, num_steps=15)
    assert losses[-1] < 0.3 * losses[0]


def test_bfloat16_autocast() -> None:
    assert bfloat16_error(_encoder(), _points(2, 40, 3)) < 0.1


def _buffers(encoder: PointTransformer) -> list[Tensor]:
    return [buffer.clone() for buffer in encoder.tokeniser.buffers()]


@pytest.mark.parametrize("batch_statistics", [False, True])
def test_a_frozen_tokeniser_learns_nothing(batch_statistics: bool) -> None:
    encoder, points = _encoder(), _points(3, 40, 3)
    trained = encoder(points)
    encoder.freeze_tokeniser(batch_statistics)
    for module in (encoder, copy.deepcopy(encoder), copy.deepcopy(encoder).eval().train()):
        assert module.training and module.tokeniser.training == batch_statistics
        assert not any(parameter.requires_grad for parameter in module.tokeniser.parameters())
    assert not encoder.eval().tokeniser.training
    before = _buffers(encoder)
    features = encoder.train()(points)
    features.sum().backward()
    assert torch.allclose(features, trained) == batch_statistics
    assert all(parameter.grad is None for parameter in encoder.tokeniser.parameters())
    assert encoder.lift.weight.grad.any()
    assert all(map(torch.equal, before, _buffers(encoder))) != batch_statistics


def test_a_tokeniser_that_is_not_frozen_follows_the_mode() -> None:
    encoder, before = _encoder(), _buffers(_encoder())
    assert encoder.tokeniser.training and not encoder.eval().tokeniser.training
    encoder.train()(_points(3, 40, 3))
    assert not all(map(torch.equal, before, _buffers(encoder)))


def test_the_order_inside_a_group_does_not_matter() -> None:
    tokeniser, groups = GroupTokeniser(8).eval(), _points(2, 4, 7, 3)
    torch.testing.assert_close(tokeniser(groups.flip(2)), tokeniser(groups))


def test_duplicated_and_collapsed_clouds_stay_finite() -> None:
    encoder, points = _encoder(), _points(2, 40, 3)
    points[0, 5:] = points[0, 0]
    points[1] = 0.4
    output = encoder(points)
    output.sum().backward()
    assert torch.isfinite(output).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in encoder.parameters())


@pytest.mark.parametrize(("changes", "named"), [({}, "num_groups"), ({"group_size": 9, "num_groups": 2}, "group_size")])
def test_as_many_points_as_groups_and_neighbours_and_fewer(changes: dict[str, int], named: str) -> None:
    encoder = _encoder(**changes).eval()
    fewest = max(encoder.num_groups, encoder.group_size)
    assert encoder(_points(2, fewest, 3)).shape == (2, 24)
    with pytest.raises(BadCloud, match="fewer points than") as caught:
        encoder(_points(2, fewest - 1, 3))
    assert f"lower encoder.{named}" in str(caught.value)


@pytest.mark.parametrize(
    "points",
    [
        torch.zeros(2, 10, 6),
        torch.zeros(10, 3),
        torch.full((2, 10, 3), torch.nan),
        torch.cat([torch.zeros(2, 10, 2), torch.full((2, 10, 1), torch.inf)], 2),
    ],
    ids=["channels", "axes", "nan", "infinite"],
)
def test_clouds_that_do_not_fit(points: Tensor) -> None:
    with pytest.raises(BadCloud):
        _encoder()(points)


def test_masks_that_do_not_fit() -> None:
    encoder, points = _encoder(), _points(2, 40, 3)
    with pytest.raises(ConfigError, match="generator"):
        encoder.encode(points, (0.3, 0.4))
    groups = encoder.groups(points)
    for mask in (torch.zeros(2, 7, dtype=torch.bool), torch.zeros(2, 8)):
        with pytest.raises(ConfigError, match="does not fit the groups"):
            encoder.encode_groups(groups, mask)


def test_a_single_neighbour_has_no_batch_statistics() -> None:
    tokeniser = GroupTokeniser(4)
    with pytest.raises(BadCloud, match="more than one neighbour"):
        tokeniser(_points(1, 1, 1, 3))
    assert tokeniser.eval()(_points(1, 1, 1, 3)).shape == (1, 1, 4)


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(ConfigError, match=r"'num_heads' must divide 'width' \(5 heads, width 32\)"):
        _encoder(num_heads=5)
    with pytest.raises(ConfigError, match=r"'token_width'.*multiple of 2"):
        _encoder(token_width=5)
    with pytest.raises(ConfigError, match=r"'drop_path'.*less than 1"):
        _encoder(drop_path=1.0)
    with pytest.raises(ConfigError, match="did you mean 'num_groups'"):
        _encoder(num_group=8)
    with pytest.raises(ConfigError, match=r"encoder\.num_heads"):
        PointTransformer(width=32, num_heads=5)
    with pytest.raises(ConfigError, match=r"encoder\.token_width"):
        GroupTokeniser(5)

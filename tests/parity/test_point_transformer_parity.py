"""Groups, masks and the point tower of Cross-MoST against literal transcriptions (Cross-MoST spec 2.2, 3.3)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parity import literal_point_transformer as literal
from torch import Tensor

from concord3d.models import point_transformer
from concord3d.models.group_masks import nearest_group_masks
from concord3d.models.point_transformer import PointTransformer

SIZE = {
    "out_dim": 7,
    "num_groups": 6,
    "group_size": 5,
    "token_width": 4,
    "width": 12,
    "depth": 3,
    "num_heads": 3,
    "mlp_ratio": 2,
}
PARTS = ("feature", "class_token", "tokens", "targets", "centres")


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _points(num_clouds: int, num_points: int, seed: int) -> Tensor:
    return torch.rand(num_clouds, num_points, 3, dtype=torch.float64, generator=_generator(seed)) * 2 - 1


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fast, points = _pair()[0].eval(), _points(3, 20, 6)
    whole = fast(points)
    monkeypatch.setattr(point_transformer, "_CPU_PIECE_POINTS", 12)
    torch.testing.assert_close(fast(points), whole)


def _pair() -> tuple[PointTransformer, literal.LiteralPointTransformer]:
    generator = _generator(1)
    fast = PointTransformer(**SIZE, drop_path=0.0).double()
    with torch.no_grad():
        for norm in (fast.tokeniser.first[1], fast.tokeniser.norm):
            for tensor in (norm.weight, norm.bias, norm.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
            norm.running_var.copy_(0.5 + torch.rand(norm.bias.shape, generator=generator))
        for token in (fast.class_token, fast.class_position, fast.mask_token):
            token.copy_(torch.randn(12, generator=generator))
    slow = literal.LiteralPointTransformer(**SIZE).double()
    literal.copy_point_transformer(fast, slow)
    return fast, slow


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 12), st.integers(0, 999))
def test_groups_equal_literal(num_clouds: int, num_groups: int, group_size: int, seed: int) -> None:
    points = _points(num_clouds, 12, seed)
    encoder = PointTransformer(num_groups=num_groups, group_size=group_size, token_width=2, width=6, depth=1)
    found = encoder.groups(points)
    centres, groups = literal.literal_groups(points, num_groups, group_size)
    assert torch.equal(found.centres, torch.stack(centres))
    for cloud, of_cloud in zip(found.neighbourhoods, groups, strict=True):
        for group, members in zip(cloud, of_cloud, strict=True):
            # The order inside a group is free.
            assert sorted(group.tolist()) == sorted(members.tolist())


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 70), st.floats(0, 1), st.floats(0, 1), st.integers(0, 999))
def test_masks_equal_literal(num_groups: int, one: float, other: float, seed: int) -> None:
    low, high = sorted((one, other))
    centres = _points(4, num_groups, seed)
    masks = nearest_group_masks(centres, (low, high), _generator(seed))
    draw = _generator(seed)
    seeds = torch.randint(num_groups, (4,), generator=draw).tolist()
    uniform = torch.rand((4, 1), generator=draw, dtype=torch.float64)[:, 0].tolist()
    for mask, own, first, share in zip(masks, centres, seeds, uniform, strict=True):
        assert mask.tolist() == literal.literal_group_mask(own, first, low + (high - low) * share)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("share", [None, (0.3, 0.7)], ids=["whole", "masked"])
def test_network_equals_literal(share: tuple[float, float] | None, training: bool) -> None:
    fast, slow = _pair()
    fast.train(training), slow.train(training)
    points = _points(3, 20, 5)
    mine, theirs = (points.clone().requires_grad_() for _ in range(2))
    said = fast.encode(mine, share, _generator(2))
    expected = slow(theirs, said.mask.tolist())
    assert said.mask.any() == (share is not None)
    for name in PARTS:
        torch.testing.assert_close(getattr(said, name), expected[name], rtol=1e-9, atol=1e-10)
    assert not said.targets.requires_grad
    upstream = torch.randn(3, 7, dtype=torch.float64, generator=_generator(3))
    for output in (said.feature, expected["feature"]):
        (output * upstream).sum().backward()
    pairs = [
        (mine.grad, theirs.grad),
        (fast.tokeniser.first[0].weight.grad, slow.first[0].weight.grad[:, :, 0]),
        (fast.tokeniser.first[1].weight.grad, slow.first[1].weight.grad),
        (fast.tokeniser.widen.weight.grad, slow.second[0].weight.grad[:, :, 0]),
        (fast.tokeniser.norm.bias.grad, slow.second[1].bias.grad),
        (fast.tokeniser.narrow.weight.grad, slow.second[3].weight.grad[:, :, 0]),
        (fast.position[0].weight.grad, slow.widen.weight.grad),
        (fast.class_position.grad, slow.class_position.grad),
        (fast.projection.weight.grad, slow.projection.grad.T),
        (fast.blocks[0].to_output.weight.grad, slow.blocks[0].output.weight.grad),
    ]
    if share is not None:
        pairs.append((fast.mask_token.grad, slow.mask_token.grad))
    for ours, other in pairs:
        torch.testing.assert_close(ours, other, rtol=1e-8, atol=1e-9)
    for ours, other in ((fast.tokeniser.first[1], slow.first[1]), (fast.tokeniser.norm, slow.second[1])):
        torch.testing.assert_close(ours.running_var, other.running_var)
        torch.testing.assert_close(ours.running_mean, other.running_mean)


def test_the_backbone_is_the_class_token_beside_the_largest_of_the_tokens() -> None:
    fast, slow = _pair()
    points = _points(2, 20, 8)
    torch.testing.assert_close(fast.eval().backbone_features(points), slow.eval()(points)["pooled"])

"""Shapes, parameter counts, invariances and errors of the point encoders."""

from __future__ import annotations

import copy

import pytest
import torch
from tests.models.encoder_checks import losses_of_training, same_bits_twice
from torch import nn

from concord3d.errors import BadCloud, ConfigError
from concord3d.models.dgcnn import DGCNN
from concord3d.models.dgcnn_partseg import DGCNNPartSeg, PartSegmenter, SpatialTransform
from concord3d.models.dgcnn_semseg import DGCNNSemSeg, SemSegmenter
from concord3d.models.edge_mlp import EdgeMLP
from concord3d.models.factory import build_point_encoder
from concord3d.models.pointnet import PointNet
from concord3d.models.pooled_embedding import PooledEmbedding
from concord3d.models.segmentation_trunk import linear_on_repeated

SETTINGS = [
    {"name": "dgcnn", "k": 5},
    {"name": "pointnet"},
    {"name": "dgcnn_partseg", "k": 5},
    {"name": "dgcnn_semseg"},
]


def _points(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_of_the_specification():
    assert _count(DGCNN()) == 617_856
    assert _count(PointNet()) == 150_336


@pytest.mark.parametrize("settings", SETTINGS)
def test_shape_permutation_and_training(settings):
    encoder = build_point_encoder(settings)
    points = _points(3, 40, 3)
    features = encoder(points)
    assert features.shape == (3, encoder.feature_dim) and features.dtype == torch.float32
    features.square().mean().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    encoder.eval()
    permuted = points[:, torch.randperm(40, generator=torch.Generator().manual_seed(1))]
    torch.testing.assert_close(encoder(permuted), encoder(points), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(encoder(points[1:2]), encoder(points)[1:2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS)
def test_two_passes_give_the_same_bits(settings):
    assert same_bits_twice(build_point_encoder(settings), _points(2, 33, 3))


def test_training_on_points_lowers_a_loss():
    torch.manual_seed(0)
    losses = losses_of_training(DGCNN(k=4, emb_dims=16), 32, num_clouds=8, num_points=24, num_steps=12)
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("encoder", [DGCNN(k=20), DGCNNPartSeg(k=20), DGCNNSemSeg(k=20)])
def test_more_neighbours_than_points(encoder):
    with pytest.raises(ConfigError, match="number of neighbours"):
        encoder(_points(2, 10, 3))


@pytest.mark.parametrize("encoder", [DGCNN(k=2), PointNet(), DGCNNPartSeg(k=2), DGCNNSemSeg(k=2)])
@pytest.mark.parametrize("shape", [(2, 10, 4), (10, 3)])
def test_wrong_shapes(encoder, shape):
    with pytest.raises(BadCloud):
        encoder(torch.zeros(shape))


@pytest.mark.parametrize("training", [True, False])
def test_pooled_embedding_equals_the_literal_sequence(training):
    layer = PooledEmbedding(6, 9).double()
    norm = nn.BatchNorm1d(9).double()
    with torch.no_grad():
        layer.norm.weight.copy_(torch.linspace(-1, 1, 9))
        layer.norm.bias.copy_(torch.linspace(0.5, -0.5, 9))
        layer.norm.bias[4] = 0.25
    norm.load_state_dict(layer.norm.state_dict())
    layer.train(training)
    norm.train(training)
    features = _points(3, 7, 6).double().requires_grad_()
    again = features.detach().clone().requires_grad_()
    weight = layer.linear.weight.detach().clone().requires_grad_()
    embedded = nn.functional.leaky_relu(norm((again @ weight.t()).transpose(1, 2)), 0.2)
    expected = torch.cat([embedded.amax(2), embedded.mean(2)], 1)
    upstream = _points(3, 18, seed=2).double()
    output = layer(features)
    (output * upstream).sum().backward()
    (expected * upstream).sum().backward()
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(features.grad, again.grad)
    torch.testing.assert_close(layer.linear.weight.grad, weight.grad)
    torch.testing.assert_close(layer.norm.bias.grad, norm.bias.grad)
    nonzero = layer.norm.weight != 0
    torch.testing.assert_close(layer.norm.weight.grad[nonzero], norm.weight.grad[nonzero])
    torch.testing.assert_close(layer.norm.running_var, norm.running_var)
    torch.testing.assert_close(layer.norm.running_mean, norm.running_mean)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_copies_of_a_point_are_embedded_once_and_count_as_often_as_they_are_there(training, dtype):
    layer = PooledEmbedding(6, 9).train(training)
    with torch.no_grad():
        layer.norm.weight.copy_(torch.linspace(-1, 1, 9) + 0.1)
        layer.norm.bias.copy_(torch.linspace(0.5, -0.5, 9))
    if dtype == torch.float64:
        layer = layer.double()
    again = copy.deepcopy(layer)
    # All of a cloud but its first point, some, none.
    copies = torch.zeros(3, 7, dtype=torch.bool)
    copies[0, 1:], copies[1, [2, 5]] = True, True
    features = _points(3, 7, 6).to(layer.linear.weight.dtype)
    features = torch.where(copies.unsqueeze(-1), features[:, :1], features).requires_grad_()
    unread = torch.where(copies.unsqueeze(-1), float("nan"), features.detach()).requires_grad_()
    upstream = _points(3, 18, seed=2)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        expected, output = again(features), layer(unread, copies)
    (expected * upstream).sum().backward()
    (output * upstream).sum().backward()
    close = {"rtol": 2e-2, "atol": 2e-2} if dtype == torch.bfloat16 else {}
    torch.testing.assert_close(output, expected, **close)
    shares = torch.where(copies.unsqueeze(-1), features.grad, 0.0).sum(1)
    assert unread.grad[copies].abs().max() == 0
    torch.testing.assert_close(unread.grad[:, 0], features.grad[:, 0] + shares, **close)
    torch.testing.assert_close(unread.grad[:, 1:][~copies[:, 1:]], features.grad[:, 1:][~copies[:, 1:]], **close)
    for one, other in zip(layer.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, **close)
    for one, other in zip(layer.buffers(), again.buffers(), strict=True):
        torch.testing.assert_close(one, other, **close)


def test_copies_are_counted_in_the_type_of_the_weights():
    layer = PooledEmbedding(4, 5).eval()
    features = _points(1, 1, 4).to(torch.bfloat16).expand(1, 450, 4).clone()
    copies = torch.ones(1, 450, dtype=torch.bool)
    copies[0, 0] = False
    # 449 is no number of bfloat16.
    torch.testing.assert_close(layer(features, copies), layer(features[:, :1]), rtol=1e-6, atol=1e-6)


def test_edge_mlp_equals_the_built_edges():
    layer = EdgeMLP(3, 5, 4).double()
    features = _points(2, 12, 3).double()
    indices = torch.randint(0, 12, (2, 12, 4), generator=torch.Generator().manual_seed(1))
    neighbours = features[torch.arange(2).view(-1, 1, 1), indices]
    own = features.unsqueeze(2).expand_as(neighbours)
    edges = layer.second(layer.first(torch.cat([neighbours - own, own], -1)))
    torch.testing.assert_close(layer(features, indices), edges.amax(2))


def test_linear_on_repeated_equals_concatenation():
    linear = nn.Linear(7, 4, bias=False)
    shared, local = _points(2, 3), _points(2, 5, 4)
    expected = linear(torch.cat([shared.unsqueeze(1).expand(-1, 5, -1), local], -1))
    torch.testing.assert_close(linear_on_repeated(linear, shared, local), expected)


def test_spatial_transform_starts_as_the_identity():
    points = _points(2, 20, 3)
    indices = torch.zeros(2, 20, 2, dtype=torch.int64)
    torch.testing.assert_close(SpatialTransform(2)(points, indices), points)


def test_segmenters():
    parts = PartSegmenter(DGCNNPartSeg(k=4, emb_dims=64), num_categories=3, num_parts=7).eval()
    points = _points(2, 16, 3)
    logits = parts(points, torch.tensor([0, 2]))
    assert logits.shape == (2, 16, 7)
    assert not torch.allclose(logits, parts(points, torch.tensor([1, 2])))
    assert parts.fuse.linear.in_features == 64 + 64 + 192
    rooms = SemSegmenter(DGCNNSemSeg(k=4, emb_dims=64, in_channels=9), num_classes=5)
    assert rooms(_points(2, 16, 9)).shape == (2, 16, 5)


def test_semantic_segmentation_builds_its_first_graph_on_the_room_position():
    encoder = DGCNNSemSeg(k=3, emb_dims=16, in_channels=9).eval()
    points = _points(1, 12, 9)
    seen = []
    handle = encoder.trunk.edge_mlps[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    encoder(points)
    handle.remove()
    distances = torch.cdist(points[..., 6:], points[..., 6:])
    assert torch.equal(seen[0].sort(-1).values, distances.topk(3, largest=False).indices.sort(-1).values)


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"name": "dgcn"}, "did you mean 'dgcnn'"),
        ({"name": None}, "Unknown point encoder"),
        ({}, "Unknown point encoder"),
        ({"name": "dgcnn", "emb_dim": 8}, "unknown key 'emb_dim'; did you mean 'emb_dims'"),
        ({"name": "dgcnn", "k": 0}, r"(?s)'k'.*greater than 0.*found 0.*where: encoder"),
        ({"name": "dgcnn", "k": "15"}, r"(?s)'k'.*valid integer.*found '15'.*where: encoder"),
        ({"name": "dgcnn", "k": True}, r"(?s)'k'.*valid integer.*found True"),
        ({"name": "dgcnn", "k": 15.0}, r"(?s)'k'.*valid integer.*found 15.0"),
        ({"name": "pointnet", "k": 3}, "unknown key 'k'"),
    ],
)
def test_factory_names_the_mistake(settings, hint):
    with pytest.raises(ConfigError, match=hint):
        build_point_encoder(settings)

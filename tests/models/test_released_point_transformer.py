"""Released names: a network built under those names, with blocks by timm, says the same after renaming."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from concord3d.models.point_transformer import PointTransformer
from concord3d.models.released_point_transformer import from_release

TOKEN_WIDTH, WIDTH, DEPTH, HEADS, OUT_DIM = 8, 12, 3, 3, 5


def _tokeniser_part(*widths: int) -> nn.Sequential:
    (first, last) = (nn.Conv1d(*pair, 1) for pair in pairwise(widths))
    return nn.Sequential(first, nn.BatchNorm1d(widths[1]), nn.ReLU(), last)


class _Tokeniser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first_conv = _tokeniser_part(3, TOKEN_WIDTH // 2, TOKEN_WIDTH)
        self.second_conv = _tokeniser_part(2 * TOKEN_WIDTH, 2 * TOKEN_WIDTH, TOKEN_WIDTH)

    def forward(self, groups: Tensor) -> Tensor:
        points = self.first_conv(groups.flatten(0, 1).transpose(1, 2))
        largest = points.amax(2, keepdim=True).expand_as(points)
        return self.second_conv(torch.cat([largest, points], 1)).amax(2).unflatten(0, groups.shape[:2])


class _Blocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        vision_transformer = pytest.importorskip("timm.models.vision_transformer")
        self.blocks = nn.ModuleList(vision_transformer.Block(WIDTH, HEADS, qkv_bias=False) for _ in range(DEPTH))


class _Tower(nn.Module):
    """The tower under the names of the releases."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _Tokeniser()
        self.reduce_dim = nn.Linear(TOKEN_WIDTH, WIDTH)
        self.cls_token, self.cls_pos = (nn.Parameter(torch.randn(1, 1, WIDTH)) for _ in range(2))
        self.pos_embed = nn.Sequential(nn.Linear(3, 128), nn.GELU(), nn.Linear(128, WIDTH))
        self.blocks = _Blocks()
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, centres: Tensor, groups: Tensor) -> Tensor:
        tokens = torch.cat([self.cls_token.expand(len(groups), -1, -1), self.reduce_dim(self.encoder(groups))], 1)
        positions = torch.cat([self.cls_pos.expand(len(groups), -1, -1), self.pos_embed(centres)], 1)
        for block in self.blocks.blocks:
            tokens = block(tokens + positions)
        tokens = self.norm(tokens)
        return torch.cat([tokens[:, 0], tokens[:, 1:].amax(1)], 1)


def _network() -> PointTransformer:
    return PointTransformer(OUT_DIM, 6, 4, TOKEN_WIDTH, WIDTH, DEPTH, HEADS).eval()


@pytest.mark.parametrize("parallel", ["", "module."])
def test_ulip(parallel: str) -> None:
    torch.manual_seed(0)
    tower, projection, network = _Tower().eval(), torch.randn(2 * WIDTH, OUT_DIM), _network()
    tower(torch.zeros(2, 6, 3), torch.randn(2, 6, 4, 3))
    for norm in (tower.encoder.first_conv[1], tower.encoder.second_conv[1]):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    released = {f"{parallel}point_encoder.{name}": value for name, value in tower.state_dict().items()}
    released |= {f"{parallel}pc_projection": projection, f"{parallel}logit_scale": torch.ones(())}
    released |= {f"{parallel}visual.blocks.0.norm1.weight": torch.ones(3), f"{parallel}ln_final.weight": torch.ones(3)}
    left = network.load_state_dict(from_release(released), strict=False)
    assert left.missing_keys == ["mask_token"] and not left.unexpected_keys
    points = torch.randn(2, 30, 3)
    expected = tower(*network.groups(points))
    torch.testing.assert_close(network.backbone_features(points), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(points), expected @ projection, rtol=1e-4, atol=1e-5)


def test_pre_training_of_point_bert() -> None:
    released = {f"transformer_q.{name}": value for name, value in _Tower().state_dict().items()}
    released |= {"transformer_q.mask_token": torch.ones(1, 1, WIDTH), "transformer_q.lm_head.weight": torch.ones(9, 9)}
    released |= {"transformer_q.cls_head.0.weight": torch.ones(2, 2), "queue": torch.ones(2)}
    left = _network().load_state_dict(from_release(released), strict=False)
    assert left.missing_keys == ["projection.weight"] and not left.unexpected_keys


def test_the_tokeniser_of_the_autoencoder() -> None:
    released = {f"encoder.{name}": value for name, value in _Tokeniser().state_dict().items()}
    renamed = from_release({**released, "dgcnn_1.layer1.0.weight": torch.ones(2), "codebook": torch.ones(2, 2)})
    own = {f"tokeniser.{name}" for name in _network().tokeniser.state_dict()}
    assert renamed.keys() == own
    left = _network().load_state_dict(renamed, strict=False)
    assert not left.unexpected_keys

"""The classifier with two branches."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from concord3d.models.hybrid_vit import HybridViT
from concord3d.models.point_transformer import PointTransformer
from concord3d.models.two_branch import PixelDecoder, TwoBranchClassifier, picture_patches

WIDTH, CLASSES = 10, 4


def trunk() -> nn.Module:
    return nn.Conv2d(3, 6, 16, 16)


def classifier(**options: Any) -> TwoBranchClassifier:
    torch.manual_seed(0)
    vit = HybridViT(trunk(), 6, 16, width=8, depth=1, num_heads=2, mlp_width=8, out_dim=WIDTH)
    points = PointTransformer(WIDTH, num_groups=4, group_size=5, token_width=8, width=12, depth=1, num_heads=2)
    features = 3 * torch.randn(CLASSES, WIDTH)
    return TwoBranchClassifier(vit, points, features, **options).eval()


def pixels(count: int = 3, size: int = 48) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def clouds(count: int = 3) -> Tensor:
    return torch.rand(count, 20, 3, generator=torch.Generator().manual_seed(2))


def test_logits_of_both_branches_are_scaled_cosines_with_the_same_classes() -> None:
    model = classifier(initial_scale=30.0)
    pictures, points = model.of_pictures(pixels(), False), model.of_points(model.points.encode(clouds()))
    for said in (pictures, points):
        for b in range(3):
            for k in range(CLASSES):
                column = model.classifier[:, k]
                cosine = torch.dot(said.feature[b], column) / said.feature[b].norm() / column.norm()
                assert said.logits[b, k].item() == pytest.approx(30 * cosine.item(), rel=1e-4, abs=1e-4)


def test_the_classes_are_not_normalised_again() -> None:
    model = classifier()
    before = model.of_pictures(pixels(), False).logits
    with torch.no_grad():
        model.classifier[:, 1] *= 3
    after = model.of_pictures(pixels(), False).logits
    factors = torch.ones(CLASSES)
    factors[1] = 3
    torch.testing.assert_close(after, before * factors)


def test_classes_and_scale_learn_from_either_branch() -> None:
    model = classifier()
    for said in (model.of_pictures(pixels(), False), model.of_points(model.points.encode(clouds()))):
        found = torch.autograd.grad(said.logits.square().sum(), (model.classifier, model.log_scale))
        assert all(gradient.any() for gradient in found)


def test_a_map_of_the_trunk_and_its_pixels_are_the_same_picture() -> None:
    model, masks = classifier(), torch.rand(3, 3, 3) < 0.4
    network: Any = model.pictures
    of_pixels = model.of_pictures(pixels(), False, masks)
    of_map = model.of_pictures(network.trunk_map(pixels(), masks), True, masks)
    for mine, its in zip(of_pixels, of_map, strict=True):
        torch.testing.assert_close(mine, its)
    assert torch.equal(of_map.mask, masks.flatten(1)) and of_map.tokens.shape == (3, 9, 8)
    assert not model.of_pictures(pixels(), False).mask.any()


def test_pixels_come_back_to_their_places() -> None:
    """A decoder that copies what a token holds restores the picture that tokens were cut from."""
    patch, side = 4, 3
    picture = torch.randn(2, 3, patch * side, patch * side)
    tokens = picture.unfold(2, patch, patch).unfold(3, patch, patch).permute(0, 2, 3, 1, 4, 5).reshape(2, side**2, -1)
    decoder = PixelDecoder(3 * patch**2, patch)
    with torch.no_grad():
        decoder.expand.weight.copy_(torch.eye(3 * patch**2))
        decoder.expand.bias.zero_()
    assert torch.equal(decoder(tokens), picture)
    patches = picture_patches(picture, patch).flatten(1, 2)
    assert torch.equal(patches.flatten(2), tokens)
    assert torch.equal(decoder.patches(tokens[0]), patches[0])


@pytest.mark.parametrize("predicts_points", [False, True])
def test_hidden_groups_are_predicted_as_tokens_or_as_points(predicts_points: bool) -> None:
    model = classifier(predicts_points=predicts_points)
    said = model.points.encode(clouds(), (0.4, 0.4), torch.Generator().manual_seed(0))
    width = 15 if predicts_points else 12
    assert model.group_head(said.tokens).shape == (3, 4, width)
    assert model.group_alignment(said.class_token).shape == (3, WIDTH) and model.group_alignment.bias is None

"""A CLIP's vision transformer with a mask token: unmasked it is open_clip's, and what is masked leaves no trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from concord3d.errors import ConfigError
from concord3d.features.open_clip_adapter import build_clip
from concord3d.models.clip_patches import ClipPatches

SIDE, PATCH, GRID, WIDTH, DIM, DEPTH = 32, 8, 4, 16, 6, 3
VISION = {"image_size": SIDE, "patch_size": PATCH, "width": WIDTH, "layers": DEPTH, "head_width": 8}
TEXT = {"context_length": 8, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1}


def clip_of(folder: Path, quick_gelu: bool = False, **vision: Any) -> Any:
    model_cfg = {"embed_dim": DIM, "quick_gelu": quick_gelu, "vision_cfg": {**VISION, **vision}, "text_cfg": TEXT}
    (folder / "clip.json").write_text(json.dumps({"model_cfg": model_cfg}))
    torch.manual_seed(0)
    module = build_clip(str(folder / "clip.json")).module
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.eval()


@pytest.fixture
def model(tmp_path: Path) -> ClipPatches:
    found = ClipPatches(clip_of(tmp_path).visual)
    torch.nn.init.uniform_(found.patch_norm.weight, 0.5, 1.5)
    return found.eval()


def pictures(count: int = 3) -> Tensor:
    return torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def half_masked(count: int = 3) -> Tensor:
    return torch.rand(count, GRID, GRID, generator=torch.Generator().manual_seed(2)) < 0.5


@pytest.mark.parametrize("quick_gelu", [False, True])
@torch.no_grad()
def test_without_a_mask_it_is_encode_image(tmp_path: Path, quick_gelu: bool) -> None:
    module = clip_of(tmp_path, quick_gelu)
    expected, found = module.encode_image(pictures()), ClipPatches(module.visual).eval()(pictures())
    torch.testing.assert_close(found.pooled, expected, rtol=0, atol=1e-6)
    nothing = torch.zeros(3, GRID, GRID, dtype=torch.bool)
    assert torch.equal(ClipPatches(module.visual).eval()(pictures(), nothing).pooled, found.pooled)
    assert found.tokens.shape == (3, GRID**2, WIDTH)


@torch.no_grad()
def test_the_activation_function_is_the_configurations(tmp_path: Path) -> None:
    plain, quick = (ClipPatches(clip_of(tmp_path, quick).visual).eval() for quick in (False, True))
    assert not torch.allclose(plain(pictures()).pooled, quick(pictures()).pooled, atol=1e-3)


@torch.no_grad()
def test_a_masked_picture_is_what_the_formula_says(model: ClipPatches) -> None:
    """Literal: embed, put the token, add class token and positions, norm, blocks; LN_post and A for the class token."""
    visual, mask, pixels = model.visual, half_masked(), pictures()
    found = model(pixels, mask)
    for number in range(len(pixels)):
        rows = []
        for row in range(GRID):
            for column in range(GRID):
                patch = pixels[number, :, row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH]
                embedded = torch.einsum("wcij,cij->w", visual.conv1.weight, patch)
                rows.append(model.mask_token if mask[number, row, column] else embedded)
        states = visual.ln_pre(torch.stack([visual.class_embedding, *rows]) + visual.positional_embedding)[None]
        for block in visual.transformer.resblocks:
            states = block(states)
        torch.testing.assert_close(found.pooled[number], visual.ln_post(states[0, 0]) @ visual.proj)
        torch.testing.assert_close(found.tokens[number], model.patch_norm(states[0, 1:]))
    torch.testing.assert_close(model.project(found.tokens), torch.einsum("btw,wd->btd", found.tokens, visual.proj))


@torch.no_grad()
def test_pixels_under_the_mask_change_no_bit_of_the_output(model: ClipPatches) -> None:
    mask, before = half_masked(), pictures()
    hidden = mask.repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)[:, None]
    for found, expected in zip(model(torch.where(hidden, 9.0, before), mask), model(before, mask), strict=True):
        assert torch.equal(found, expected)
    assert not torch.equal(model(torch.where(hidden, before, 9.0), mask).pooled, model(before, mask).pooled)


def test_layers_are_those_below_the_head_from_bottom_to_top(model: ClipPatches) -> None:
    trunk, embeddings, *blocks = model.layers()
    assert trunk == [] and len(blocks) == DEPTH
    name_of = {id(parameter): name.removeprefix("visual.") for name, parameter in model.named_parameters()}
    names = {"conv1.weight", "class_embedding", "positional_embedding", "mask_token", "ln_pre.weight", "ln_pre.bias"}
    assert {name_of[id(parameter)] for parameter in embeddings} == names
    for number, block in enumerate(blocks):
        assert {name_of[id(p)].startswith(f"transformer.resblocks.{number}.") for p in block} == {True}
    listed = {id(parameter) for layer in model.layers() for parameter in layer}
    head = {name for key, name in name_of.items() if key not in listed}
    assert head == {"ln_post.weight", "ln_post.bias", "proj", "patch_norm.weight", "patch_norm.bias"}


def test_every_parameter_takes_part_where_patches_are_hidden(model: ClipPatches) -> None:
    said = model.train()(pictures(), half_masked())
    (said.pooled.square().sum() + model.project(said.tokens).square().sum()).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
    assert 0 < float(model.mask_token.detach().std()) < 0.06


@pytest.mark.parametrize(
    ("vision", "part"),
    [
        ({"layers": [1, 1, 1, 1], "head_width": 16}, "ModifiedResNet: no class_embedding"),
        ({"pool_type": "avg"}, "pool_type 'avg'"),
        ({"attentional_pool": True, "attn_pooler_heads": 2}, "a pool of attention"),
        ({"final_ln_after_pool": True}, "a norm after the pool"),
        ({"patch_dropout": 0.5}, "patch dropout"),
    ],
)
def test_another_picture_encoder_is_refused(tmp_path: Path, vision: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError, match=f"class token(?s:.*){part}"):
        ClipPatches(clip_of(tmp_path, **vision).visual)


def test_pictures_and_masks_must_fit(model: ClipPatches) -> None:
    with pytest.raises(ConfigError, match="another size"):
        model(torch.zeros(1, 3, 2 * SIDE, 2 * SIDE))
    for mask in (torch.zeros(1, 3, 3, dtype=torch.bool), torch.zeros(1, GRID, GRID)):
        with pytest.raises(ConfigError, match="mask does not fit"):
            model(torch.zeros(1, 3, SIDE, SIDE), mask)

"""Stochastic depth of the pre-norm block; its sums are compared with a literal block in the parity tests."""

from __future__ import annotations

import pytest
import torch

from concord3d.models.transformer_block import PreNormBlock


def _block(drop_path: float) -> PreNormBlock:
    torch.manual_seed(1)
    return PreNormBlock(8, 16, 2, drop_path).double()


def _tokens(count: int) -> torch.Tensor:
    return torch.randn(1, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).expand(count, -1, -1)


def test_a_sequence_skips_a_branch_as_a_whole_or_has_it_scaled() -> None:
    block, tokens = _block(0.25), _tokens(1)
    attention = block._attend(block.attention_norm(tokens)) / 0.75
    possible = []
    for middle in (tokens, tokens + attention):
        possible += [middle, middle + block.mlp(block.mlp_norm(middle)) / 0.75]
    torch.manual_seed(0)
    found = block(_tokens(4000))
    distances = torch.stack([(found - one).abs().amax((1, 2)) for one in possible])
    assert (distances.amin(0) < 1e-12).all()
    shares = (distances < 1e-12).double().mean(1)
    expected = torch.tensor([0.0625, 0.1875, 0.1875, 0.5625], dtype=torch.float64)
    torch.testing.assert_close(shares, expected, atol=0.025, rtol=0)


def test_nothing_is_skipped_in_evaluation_or_without_a_probability() -> None:
    whole = _block(0.0)
    expected = whole(_tokens(3))
    before = torch.get_rng_state()
    assert torch.equal(_block(0.0)(_tokens(3)), expected)
    torch.set_rng_state(before)
    assert torch.equal(_block(0.9).eval()(_tokens(3)), expected)


@pytest.mark.parametrize("drop_path", [0.0, 0.5])
def test_the_global_generator_decides(drop_path: float) -> None:
    block = _block(drop_path)
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append(block(_tokens(16)))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2]) == (drop_path == 0)

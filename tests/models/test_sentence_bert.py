"""The sentence encoder: what is filled up does not count, names of the release, and training."""

from __future__ import annotations

import pytest
import torch

from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.models.sentence_bert import SentenceBert, from_names_of_bert


def small(seed: int = 0) -> SentenceBert:
    torch.manual_seed(seed)
    return SentenceBert(vocabulary=50, width=16, depth=2, num_heads=4, mlp_width=32, max_tokens=20).eval()


def test_what_is_filled_up_changes_nothing() -> None:
    model = small()
    tokens = torch.randint(1, 50, (3, 7))
    alone = model(tokens, torch.ones(3, 7, dtype=torch.bool))
    filled = torch.cat([tokens, torch.randint(1, 50, (3, 5))], dim=1)
    is_real = torch.arange(12).expand(3, 12) < 7
    torch.testing.assert_close(model(filled, is_real), alone, atol=1e-6, rtol=0)
    torch.testing.assert_close(alone.norm(dim=1), torch.ones(3))


def test_order_and_every_token_count() -> None:
    model = small()
    tokens = torch.randint(1, 50, (1, 6))
    real = torch.ones(1, 6, dtype=torch.bool)
    base = model(tokens, real)
    assert (model(tokens.flip(1), real) - base).abs().max() > 1e-3
    for position in range(6):
        other = tokens.clone()
        other[0, position] = 0
        assert (model(other, real) - base).abs().max() > 1e-3


def test_the_default_is_the_size_of_the_release() -> None:
    with torch.device("meta"):
        model = SentenceBert()
    assert sum(parameter.numel() for parameter in model.parameters()) == 22_565_376


def test_every_parameter_gets_a_gradient() -> None:
    model = small()
    model(torch.randint(1, 50, (2, 5)), torch.ones(2, 5, dtype=torch.bool))[:, 0].sum().backward()
    # A constant added to all keys changes no attention.
    without = {
        name for name, value in model.named_parameters() if value.grad is None or not value.grad.abs().max() > 1e-9
    }
    assert without <= {"layers.0.to_keys.bias", "layers.1.to_keys.bias"}


def test_absent_tensors_and_heads_that_do_not_fit_are_named() -> None:
    with pytest.raises(CheckpointCorrupt, match=r"embeddings\.LayerNorm\.bias"):
        from_names_of_bert({}, 1)
    with pytest.raises(ConfigError, match="a divisor of 16"):
        SentenceBert(width=16, num_heads=3)

"""The codebook: start, gradients, exact resume, processes, dead codes (CMCR spec 3.2); parity is in tests/parity."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from concord3d.errors import BadCloud, ConfigError
from concord3d.models.codebook import Codebook, perplexity
from concord3d.models.weights import load_weights, save_weights


def _codebook(num_codes: int = 12, dim: int = 4, decay: float = 0.9) -> Codebook:
    torch.manual_seed(0)
    return Codebook(num_codes, dim, decay)


def _pairs(count: int, dim: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    points, pixels = (functional.normalize(torch.randn(count, dim, generator=draw), dim=1) for _ in range(2))
    return points, pixels


def _draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_start_of_the_specification() -> None:
    torch.manual_seed(3)
    codebook = Codebook()
    torch.manual_seed(3)
    uniform = torch.rand(400, 64) * 2 - 1
    torch.testing.assert_close(codebook.codes, uniform / uniform.norm(dim=1, keepdim=True))
    assert torch.equal(codebook.sums, codebook.codes) and not codebook.counts.any() and codebook.decay == 0.999
    assert not list(codebook.parameters())


def test_features_become_codes_exactly_and_gradients_pass() -> None:
    codebook = _codebook()
    features = (7 * _pairs(30)[0]).requires_grad_()
    quantised = codebook.quantise(features)
    assert torch.equal(quantised, codebook.codes[codebook.assign(features)])
    upstream = torch.randn(30, 4, generator=_draw())
    (quantised * upstream).sum().backward()
    assert torch.equal(features.grad, upstream)
    assert codebook.quantise(features[:0]).shape == (0, 4)


def test_what_is_quantised_before_an_update_stays() -> None:
    codebook = _codebook()
    quantised = codebook.quantise(_pairs(30)[0])
    before = quantised.clone()
    codebook.update(*_pairs(50))
    assert torch.equal(quantised, before)


def test_the_nearest_code_and_not_the_most_parallel_one() -> None:
    codebook = _codebook(num_codes=2, dim=2)
    codebook.codes.copy_(torch.tensor([[3.0, 0.0], [0.6, 0.8]]))
    assert codebook.assign(torch.tensor([[1.0, 0.0], [2.5, 0.0]])).tolist() == [1, 0]


def test_assignment_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    codebook, features = _codebook(), _pairs(100)[0]
    whole = codebook.assign(features)
    monkeypatch.setattr("concord3d.models.codebook._CPU_CHUNK_ELEMENTS", 30)
    assert torch.equal(codebook.assign(features), whole)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(codebook.assign(features), whole)


@pytest.mark.parametrize("count", [1, 5, 200])
def test_codes_have_length_one_after_any_update(count: int) -> None:
    codebook = _codebook()
    for step in range(20):
        codebook.update(*_pairs(count, seed=step))
        torch.testing.assert_close(codebook.codes.norm(dim=1), torch.ones(12))
        assert torch.isfinite(codebook.sums).all() and (codebook.counts >= 0).all()


def test_codes_move_to_what_chooses_them() -> None:
    codebook = _codebook(num_codes=3)
    centres = functional.normalize(codebook.codes + 0.3 * torch.randn(3, 4, generator=_draw()), dim=1)
    assert codebook.assign(centres).tolist() == [0, 1, 2]
    before = (codebook.codes - centres).norm(dim=1)
    for _ in range(100):
        codebook.update(centres, centres)
    assert ((codebook.codes - centres).norm(dim=1) < 0.05 * before).all()


def test_a_code_that_is_never_chosen_keeps_its_direction() -> None:
    codebook = _codebook()
    points = codebook.codes[:2].clone()
    before = codebook.codes.clone()
    for _ in range(50):
        codebook.update(points, points)
    torch.testing.assert_close(codebook.codes[2:], before[2:])
    assert codebook.unused.tolist() == [0, 0, *[50] * 10]


def test_no_pairs_and_sums_of_nothing_leave_finite_codes() -> None:
    codebook = _codebook()
    before = codebook.codes.clone()
    codebook.update(torch.zeros(0, 4), torch.zeros(0, 4))
    torch.testing.assert_close(codebook.codes, before)
    sums = codebook.sums.clone()
    codebook.sums.zero_()
    codebook.update(torch.zeros(0, 4), torch.zeros(0, 4))
    torch.testing.assert_close(codebook.codes, before)
    assert not torch.equal(sums, codebook.sums) and torch.isfinite(codebook.counts).all()


def test_it_works_without_a_process_group() -> None:
    """CMCR spec 9: the released code reduces over processes where there are none."""
    assert not torch.distributed.is_initialized()
    _codebook().update(*_pairs(5))


def test_two_processes_with_the_same_pairs_are_one() -> None:
    alone, joint = _codebook(), _codebook()
    for step in range(3):
        pairs = _pairs(20, seed=step)
        alone.update(*pairs)
        joint.update(*pairs, lambda values: (torch.cat([values, values]), 0))
    for name, buffer in alone.named_buffers():
        torch.testing.assert_close(getattr(joint, name), buffer)


def test_a_code_that_another_process_uses_is_used() -> None:
    codebook = _codebook()
    code = codebook.codes[:1].clone()
    # The other process has chosen code 5; the third call gathers who is used.
    calls: list[Tensor] = []

    def gather(values: Tensor) -> tuple[Tensor, int]:
        calls.append(values)
        other = values.clone()
        if len(calls) == 3:
            other = other.roll(5, 0)
        return torch.cat([values, other]), 0

    codebook.update(code, code, gather)
    assert (codebook.unused == 0).nonzero().squeeze(1).tolist() == [0, 5]


def test_a_resumed_codebook_goes_on_bit_for_bit(tmp_path: Path) -> None:
    straight, path = _codebook(), tmp_path / "codebook.safetensors"
    for step in range(4):
        straight.update(*_pairs(9, seed=step))
    save_weights(straight, path)
    resumed = Codebook(12, 4, 0.9)
    load_weights(resumed, path)
    for step in range(4, 8):
        for codebook in (straight, resumed):
            codebook.update(*_pairs(9, seed=step))
            codebook.revive(_draw(step), dead_after=2, used_within=2)
    for name, buffer in straight.named_buffers():
        assert torch.equal(getattr(resumed, name), buffer), name


def _with_dead_codes() -> Codebook:
    codebook = _codebook()
    codebook.unused.copy_(torch.tensor([0, 99, 100, 300, 301, 400, 99, 0, 150, 150, 150, 150]))
    codebook.counts.fill_(2.0)
    codebook.sums.mul_(2.0)
    return codebook


def test_dead_codes_come_back_beside_recent_ones() -> None:
    codebook, before = _with_dead_codes(), _with_dead_codes()
    assert codebook.revive(_draw()) == 2
    alive = [row for row in range(12) if row not in (4, 5)]
    for name in ("codes", "sums", "counts", "unused"):
        assert torch.equal(getattr(codebook, name)[alive], getattr(before, name)[alive]), name
    recent = before.codes[[0, 1, 6, 7]]
    distances = (codebook.codes[[4, 5], None] - recent).norm(dim=2).min(1).values
    assert (distances < 4**0.5 / 1024).all() and (distances > 0).all()
    torch.testing.assert_close(codebook.codes.norm(dim=1), torch.ones(12))
    assert codebook.counts[[4, 5]].tolist() == [0, 0] and codebook.unused[[4, 5]].tolist() == [0, 0]
    # An update must not bring them back to where they were.
    revived = codebook.codes[[4, 5]].clone()
    codebook.update(torch.zeros(0, 4), torch.zeros(0, 4))
    torch.testing.assert_close(codebook.codes[[4, 5]], revived)


def test_collapse_is_seen_and_undone() -> None:
    codebook = _codebook()
    point = codebook.codes[:1].clone()
    for _ in range(4):
        codebook.update(point, point)
    assert perplexity(codebook.assign(point.expand(50, 4)), 12).item() == pytest.approx(1.0)
    assert codebook.revive(_draw(), dead_after=3, used_within=1) == 11
    assert (codebook.codes - point).norm(dim=1).max() < 4**0.5 / 1024


def test_nothing_dead_or_nothing_recent() -> None:
    codebook = _codebook()
    draws = [_draw(), _draw()]
    assert codebook.revive(draws[0]) == 0
    codebook.unused.fill_(500)
    before = codebook.codes.clone()
    assert codebook.revive(draws[1]) == 0 and torch.equal(codebook.codes, before)
    assert torch.equal(draws[0].get_state(), draws[1].get_state())


def test_all_processes_revive_what_the_first_one_draws() -> None:
    first, second = _with_dead_codes(), _with_dead_codes()
    drawn: list[Tensor] = []

    def of_the_first(values: Tensor) -> tuple[Tensor, int]:
        drawn.append(values)
        return torch.cat([drawn[0], values]), 0

    first.revive(_draw(0), of_the_first)
    second.revive(_draw(1), of_the_first)
    assert torch.equal(first.codes, second.codes) and not torch.equal(drawn[0], drawn[1])


def test_perplexity() -> None:
    assert perplexity(torch.arange(8).repeat(3), 8).item() == pytest.approx(8.0)
    assert perplexity(torch.zeros(5, dtype=torch.int64), 400).item() == pytest.approx(1.0)
    assert perplexity(torch.zeros(0, dtype=torch.int64), 400).item() == 0


def test_what_does_not_fit() -> None:
    codebook = _codebook()
    with pytest.raises(BadCloud, match="do not fit"):
        codebook.assign(torch.zeros(3, 5))
    with pytest.raises(BadCloud, match="not matched"):
        codebook.update(torch.zeros(3, 4), torch.zeros(2, 4))
    for told in ((0, 4, 0.9), (4, 0, 0.9), (4, 4, 1.0)):
        with pytest.raises(ConfigError):
            Codebook(*told)

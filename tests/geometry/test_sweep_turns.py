"""Turns of sweeps: rotations about z with mirrorings, drawn from a generator."""

from __future__ import annotations

import torch

from concord3d.geometry.sweep_turns import draw_turn, turned


def _turns(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.stack([draw_turn(generator) for _ in range(count)])


def test_heights_and_distances_stay() -> None:
    points = torch.randn(50, 5)
    for turn in _turns(10):
        found = turned(points, turn)
        assert torch.equal(found[:, 2:], points[:, 2:])
        torch.testing.assert_close(found[:, :2].norm(dim=1), points[:, :2].norm(dim=1))
        torch.testing.assert_close(turn @ turn.T, torch.eye(3))


def test_half_are_mirrored_and_angles_are_all_around() -> None:
    turns = _turns(2000)
    assert abs((torch.linalg.det(turns) < 0).float().mean() - 0.5) < 0.04
    # Directions of the x axis in four quarters, and of y on either side of it.
    quarters = torch.stack([turns[:, 0, 0] > 0, turns[:, 1, 0] > 0, torch.linalg.det(turns) > 0], 1).long()
    counts = torch.bincount(quarters @ torch.tensor([4, 2, 1]), minlength=8)
    assert counts.min() > 190


def test_it_turns_column_vectors_by_a_known_matrix() -> None:
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert turned(torch.tensor([[1.0, 0, 5, 7]]), quarter).tolist() == [[0.0, 1.0, 5.0, 7.0]]


def test_one_generator_says_all() -> None:
    assert torch.equal(_turns(3), _turns(3))

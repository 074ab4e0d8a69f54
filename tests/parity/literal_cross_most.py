"""Losses and rules of labels of Cross-MoST, written out loop by loop in double precision (Cross-MoST spec 3.4, 3.5)."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


def softmax(row: Tensor) -> list[Tensor]:
    largest = max(row.tolist())
    exponentials = [torch.exp(value - largest) for value in row]
    return [value / sum(exponentials) for value in exponentials]


def self_training(logits: Tensor, labels: list[int], kept: list[bool]) -> Tensor:
    total, count = logits.sum() * 0, 0
    for row, label, keep in zip(logits, labels, kept, strict=True):
        if keep:
            total, count = total - torch.log(softmax(row)[label]), count + 1
    return total / count if count else total


def fairness(logits: Tensor) -> Tensor:
    num_rows, num_classes = logits.shape
    total = logits.sum() * 0
    shares = [softmax(row) for row in logits]
    for k in range(num_classes):
        mean = sum(shares[i][k] for i in range(num_rows)) / num_rows
        total = total + torch.log(torch.as_tensor(mean))
    return -total / num_classes


def entropy(logits: Tensor) -> Tensor:
    total = logits.sum() * 0
    for row in logits:
        for share in softmax(row):
            total = total - share * torch.log(share)
    return total / len(logits)


def masked_pixels(predicted: Tensor, target: Tensor, hidden: Tensor, divisor: float) -> Tensor:
    total, count = predicted.sum() * 0, 0
    batch, channels, height, width = predicted.shape
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                if hidden[b, y, x]:
                    count += 1
                    for c in range(channels):
                        total = total + abs(predicted[b, c, y, x] - target[b, c, y, x])
    return total / count / divisor if count else total


def masked_tokens(predicted: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
    total, count = predicted.sum() * 0, 0
    for b, t in torch.cartesian_prod(torch.arange(len(hidden)), torch.arange(hidden.shape[1])).tolist():
        if hidden[b, t]:
            count += 1
            for w in range(predicted.shape[2]):
                total = total + abs(predicted[b, t, w] - target[b, t, w])
    return total / count / len(predicted) if count else total


def masked_groups(predicted: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
    total, count = predicted.sum() * 0, 0
    for b, t in torch.cartesian_prod(torch.arange(len(hidden)), torch.arange(hidden.shape[1])).tolist():
        if hidden[b, t]:
            count += 1
            for ones, others in ((predicted[b, t], target[b, t]), (target[b, t], predicted[b, t])):
                nearest = [min(((one - other) ** 2).sum() for other in others) for one in ones]
                total = total + sum(nearest) / len(nearest)
    return total / count if count else total


def unit(vector: Tensor) -> Tensor:
    return vector / torch.sqrt((vector**2).sum())


def global_local(tokens: Tensor, whole: Tensor, hidden: Tensor) -> Tensor:
    total, count = (tokens.sum() + whole.sum()) * 0, 0
    for b in range(len(tokens)):
        for t in range(tokens.shape[1]):
            if hidden[b, t]:
                count += 1
                total = total + ((unit(tokens[b, t]) - unit(whole[b])) ** 2).sum()
    return total / count if count else total


def cross_modal(points: Tensor, pictures: Tensor, scale: float = 1.0) -> Tensor:
    total = points.sum() * 0
    count = len(points)
    for i in range(count):
        of_point = [scale * torch.dot(unit(points[i]), unit(pictures[j])) for j in range(count)]
        of_picture = [scale * torch.dot(unit(points[j]), unit(pictures[i])) for j in range(count)]
        for row in (of_point, of_picture):
            total = total + torch.log(sum(torch.exp(value) for value in row)) - row[i]
    return total / count


class Label(NamedTuple):
    """What the branches learn of one object."""

    picture: int
    picture_kept: bool
    point: int
    point_kept: bool


def label(rule: str, votes: tuple[int, float, int, float], thresholds: dict[str, float], coin: float) -> Label:
    """The label of one object from ``y_I, c_I, y_P, c_P``; ``coin`` < 0.5 takes the point branch's."""
    y_i, c_i, y_p, c_p = votes
    scaled = thresholds["point_factor"] * c_p
    if rule == "per_modality":
        return Label(y_i, c_i > thresholds["pictures"], y_p, c_p > thresholds["points"])
    if rule == "joint":
        y, keep = (y_p, scaled > thresholds["joint"]) if scaled > c_i else (y_i, c_i > thresholds["joint"])
    elif rule == "random":
        y, keep = (y_p, scaled > thresholds["joint"]) if coin < 0.5 else (y_i, c_i > thresholds["joint"])
    elif rule == "agreement":
        y, keep = y_i, y_i == y_p and min(c_i, c_p) > thresholds["agreement"]
    elif rule == "from_pictures":
        y, keep = y_i, c_i > thresholds["pictures"]
    else:
        assert rule == "from_points"
        y, keep = y_p, c_p > thresholds["points"]
    return Label(y, keep, y, keep)


def initial_share(num_steps: int, start: float = 0.99, end: float = 0.9998, ramp: int = 400) -> float:
    """Weight that the initial model has in the teacher after some steps (Cross-MoST spec 3.1)."""
    return math.prod(start + (end - start) * min(1.0, it / ramp) for it in range(num_steps))

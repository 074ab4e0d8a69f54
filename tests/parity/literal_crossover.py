"""CrossOver's losses and attention, one number after another (CrossOver spec 3.1 and 4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def literal_one_way(queries: list, keys: list, present_q: list, present_k: list, tau: float, released: bool) -> list:
    """Eq. 5 of every query with a partner."""
    losses = []
    for i, query in enumerate(queries):
        if not (present_q[i] and present_k[i]):
            continue
        own = math.exp(float(query @ keys[i]) / tau)
        others = sum(
            math.exp(float(query @ keys[j]) / tau) for j in range(len(keys)) if j != i and (released or present_k[j])
        )
        losses.append(-math.log(own / (own + others)))
    return losses


def literal_batch_loss(a: Tensor, b: Tensor, pa: Tensor, pb: Tensor, tau: float, released: bool) -> float:
    """Both ways, the mean over rows with both."""
    forward = literal_one_way(list(a), list(b), pa.tolist(), pb.tolist(), tau, released)
    backward = literal_one_way(list(b), list(a), pb.tolist(), pa.tolist(), tau, released)
    if not forward:
        return 0.0
    both = [x + y for x, y in zip(forward, backward, strict=True)]
    return sum(both) / len(both)


def literal_scan_loss(a: Tensor, b: Tensor, pa: Tensor, pb: Tensor, tau: float, released: bool) -> float:
    """Objects of each scan among themselves, halved, the mean over all objects with both."""
    sums = []
    for scan in range(len(a)):
        forward = literal_one_way(list(a[scan]), list(b[scan]), pa[scan].tolist(), pb[scan].tolist(), tau, released)
        backward = literal_one_way(list(b[scan]), list(a[scan]), pb[scan].tolist(), pa[scan].tolist(), tau, released)
        sums += [(x + y) / 2 for x, y in zip(forward, backward, strict=True)]
    return sum(sums) / len(sums) if sums else 0.0


def literal_relations(centres: Tensor, present: Tensor, released: bool) -> Tensor:
    """The five numbers of every pair of objects of one scan; (N, N, 5)."""
    count = len(centres)
    result = torch.zeros(count, count, 5, dtype=centres.dtype)
    largest = 0.0
    for k in range(count):
        for m in range(count):
            if released or (present[k] and present[m]):
                largest = max(largest, math.sqrt(float(((centres[k] - centres[m]) ** 2).sum()) + 1e-10))
    for i in range(count):
        for j in range(count):
            dx, dy, dz = (centres[i] - centres[j]).tolist()
            d, d2 = math.sqrt(dx**2 + dy**2 + dz**2 + 1e-10), math.sqrt(dx**2 + dy**2 + 1e-10)
            result[i, j] = torch.tensor(
                [min(1.0, d / (largest or 1e-5)), dz / d, d2 / d, dy / d2, dx / d2], dtype=centres.dtype
            )
    return result


def literal_attention(module, tokens: Tensor, relations: Tensor, present: Tensor) -> Tensor:
    """Attention of one scan in evaluation mode, query by query and head by head; (N, W)."""
    heads, width = module.num_heads, tokens.shape[1]
    size = width // heads
    rows = []
    for i in range(len(tokens)):
        told = module.to_relevance(tokens[i])
        outputs = []
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            query = module.to_queries(tokens[i])[part]
            weight, bias = told[6 * h : 6 * h + 5], told[6 * h + 5]
            logits, values = [], []
            for j in range(len(tokens)):
                if not present[j]:
                    continue
                relevance = max(1 / (1 + math.exp(-float((weight @ relations[i, j] + bias).detach()))), 1e-6)
                logits.append(float(query @ module.to_keys(tokens[j])[part]) / math.sqrt(size) + math.log(relevance))
                values.append(module.to_values(tokens[j])[part])
            total = sum(math.exp(logit) for logit in logits)
            outputs.append(sum(math.exp(logit) / total * value for logit, value in zip(logits, values, strict=True)))
        rows.append(module.norm(module.to_output(torch.cat(outputs)) + tokens[i]))
    return torch.stack(rows)

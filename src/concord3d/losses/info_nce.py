"""InfoNCE between two sets of embeddings matched by row, with a learnable scale.

Shape legend: B rows on this process, N rows over all processes, D embedding width.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from concord3d.losses.embeddings import NORM_FLOOR, Gather, no_gather

INITIAL_SCALE = 14.28
MAX_SCALE = 100.0
# Cosines closer than this count as equal: rounding must not decide between equal candidates.
TIE_TOLERANCE = 1e-6


def unit_rows(embeddings: Tensor) -> Tensor:
    """Divide each row by its length in float32; value and gradient stay finite at the zero vector.

    Args:
        embeddings: (B, D) floating point.

    Returns:
        (B, D) float32.
    """
    return functional.normalize(embeddings.float(), dim=1, eps=NORM_FLOOR)


def info_nce(
    a: Tensor,
    b: Tensor,
    scale: Tensor,
    gather: Gather = no_gather,
    valid: Tensor | None = None,
    chunk_size: int | None = None,
    weight: Tensor | None = None,
) -> Tensor:
    """Return 1/2 [CE(s n(a) n(b)^T, diagonal) + CE(s n(b) n(a)^T, diagonal)], the mean over the valid rows.

    Every row has all valid rows of the other side as candidates. Similarities and the log-sum-exp are computed in
    float32 whatever the precision of the input.

    Args:
        a: (B, D) embeddings of one side, floating point, need not be normalised.
        b: (B, D) embeddings of the other side, matched by row.
        scale: 0-d factor s of the cosine similarities, see :class:`LogitScale`.
        gather: Collects rows over processes; the mean of the processes' losses is then the loss of the joint batch,
            also where the processes have different numbers of valid rows.
        valid: (B,) bool; the other rows are neither scored nor candidates. Without any valid row the loss is exactly
            0, and its gradient too.
        chunk_size: Rows whose logits are held at once; the others are computed again in the backward pass. Value and
            gradient do not depend on it.
        weight: (B,) factors of the rows' losses; they do not change the number of rows that the mean divides by.

    Returns:
        Scalar float32 loss in nats.

    Source: MM-Mixing spec 3.
    """
    with torch.autocast(device_type=a.device.type, enabled=False):
        scale = scale.float()
        rows, targets = unit_rows(a), unit_rows(b)
        if len(rows) == 0:
            return (rows.sum() + targets.sum() + scale) * 0
        mask = torch.ones_like(rows[:, :1]) if valid is None else valid[:, None].to(rows)
        joint, offset = gather(torch.cat([rows, targets, mask], dim=1))
        all_rows, all_targets, all_valid = joint.split([rows.shape[1], targets.shape[1], 1], dim=1)
        own = torch.arange(len(rows), device=rows.device) + offset
        num_processes = len(joint) / len(rows)
        if valid is not None:
            kept = all_valid[:, 0] > 0
            own = (kept.cumsum(0) - 1)[own][valid]
            rows, targets, all_rows, all_targets = rows[valid], targets[valid], all_rows[kept], all_targets[kept]
            weight = None if weight is None else weight[valid]
        if len(all_rows) == 0:
            return (joint.sum() + scale) * 0
        losses = _row_losses(rows, all_targets, own, scale, chunk_size)
        losses = losses + _row_losses(targets, all_rows, own, scale, chunk_size)
        weighted = losses if weight is None else losses * weight
        return weighted.sum() * (num_processes / (2 * len(all_rows)))


def _row_losses(rows: Tensor, candidates: Tensor, positives: Tensor, scale: Tensor, chunk_size: int | None) -> Tensor:
    # (B,) cross-entropies of the rows against (N, D) candidates, of which positives (B,) are the right ones.
    if chunk_size is None or chunk_size >= len(rows):
        return _block_losses(rows, candidates, positives, scale)
    blocks = [
        checkpoint(
            _block_losses,
            rows[start : start + chunk_size],
            candidates,
            positives[start : start + chunk_size],
            scale,
            use_reentrant=False,
            preserve_rng_state=False,
        )
        for start in range(0, len(rows), chunk_size)
    ]
    return torch.cat(blocks)


def _block_losses(rows: Tensor, candidates: Tensor, positives: Tensor, scale: Tensor) -> Tensor:
    # Autocast is off here as well, because the backward pass calls this outside of the caller's context.
    with torch.autocast(device_type=rows.device.type, enabled=False):
        return functional.cross_entropy(scale * (rows @ candidates.T), positives, reduction="none")


class LogitScale(nn.Module):
    """A learnable factor of cosine similarities, exp(t), that never exceeds a maximum.

    The parameter itself is moved back to the maximum: a clamp of the output would leave it there without a gradient.

    Args:
        initial: Factor at the start.
        maximum: Largest factor.

    Source: MM-Mixing spec 3 (start 14.28); the maximum 100 is CLIP's.
    """

    def __init__(self, initial: float = INITIAL_SCALE, maximum: float = MAX_SCALE) -> None:
        super().__init__()
        self.maximum = maximum
        self.log_scale = nn.Parameter(torch.tensor(math.log(initial)))

    def forward(self) -> Tensor:
        """Return the factor, 0-d float32."""
        with torch.no_grad():
            self.log_scale.clamp_(max=math.log(self.maximum))
        return self.log_scale.exp()


class Agreement(NamedTuple):
    """How well two sets of embeddings matched by row agree.

    Attributes:
        cosine: Mean cosine of matched rows.
        recall_ab: Share of the rows of the first set whose nearest row of the second is their own, in percent; among n
            equally near rows a hit counts 1/n, so that constant embeddings score chance.
        recall_ba: The same from the second set to the first.
    """

    cosine: float
    recall_ab: float
    recall_ba: float


def agreement(a: Tensor, b: Tensor) -> Agreement:
    """Return mean cosine and recall at 1 of (B, D) and (B, D) embeddings matched by row, B at least 1."""
    with torch.autocast(device_type=a.device.type, enabled=False):
        cosines = unit_rows(a) @ unit_rows(b).T
    return Agreement(float(cosines.diagonal().mean()), _recall_at_1(cosines), _recall_at_1(cosines.T))


def _recall_at_1(cosines: Tensor) -> float:
    # Rows are queries, the diagonal holds the right candidates.
    nearest = cosines >= cosines.amax(dim=1, keepdim=True) - TIE_TOLERANCE
    return 100 * float((nearest.diagonal() / nearest.sum(dim=1)).mean())

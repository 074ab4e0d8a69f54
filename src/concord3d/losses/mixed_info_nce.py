"""InfoNCE of mixtures with the targets of the two objects that they are mixed from.

Shape legend: n mixtures on this process, D embedding width.
"""

from __future__ import annotations

from torch import Tensor

from concord3d.losses.embeddings import Gather, no_gather
from concord3d.losses.info_nce import info_nce, unit_rows


def mixture(first: Tensor, second: Tensor, ratio: Tensor) -> Tensor:
    """Return u = n(lambda n(first) + (1 - lambda) n(second)), with n(x) = x / |x|.

    Args:
        first: (n, D) features, need not be normalised.
        second: (n, D).
        ratio: (n,) lambda in [0, 1].

    Returns:
        (n, D) float32 of unit length.

    Source: MM-Mixing spec 3.2.
    """
    share = ratio.float()[:, None]
    return unit_rows(share * unit_rows(first) + (1 - share) * unit_rows(second))


def mixed_info_nce(
    mixtures: Tensor,
    first: Tensor,
    second: Tensor,
    ratio: Tensor,
    scale: Tensor,
    has: tuple[Tensor, Tensor] | None = None,
    soft: bool = False,
    gather: Gather = no_gather,
    chunk_size: int | None = None,
) -> Tensor:
    """Contrast mixtures with mixed targets, or with both targets unmixed.

    Args:
        mixtures: (n, D) features of mixtures, or mixtures of features.
        first: (n, D) targets of each pair's first object, of weight lambda.
        second: (n, D) targets of its second object.
        ratio: (n,) lambda in [0, 1], as realised.
        scale: 0-d factor of the cosine similarities.
        has: Two (n,) bool: which targets exist. A row counts if both do, or if the missing one has weight 0; the
            values of missing targets are never read.
        soft: Unmixed targets: lambda times the loss with the first plus 1 - lambda times the loss with the second.
        gather: See :func:`info_nce`.
        chunk_size: See :func:`info_nce`.

    Returns:
        Scalar float32 loss in nats; with lambda 1 that of :func:`info_nce` with ``first``.

    Source: MM-Mixing spec 3.2.
    """
    complete = None
    if has is not None:
        complete = (has[0] | (ratio == 0)) & (has[1] | (ratio == 1))
        # Weight 0 alone would let a NaN through.
        first, second = first.masked_fill(~has[0][:, None], 0), second.masked_fill(~has[1][:, None], 0)
    if not soft:
        return info_nce(mixtures, mixture(first, second, ratio), scale, gather, complete, chunk_size)
    one, other = (None, None) if has is None or complete is None else (complete & has[0], complete & has[1])
    weighted = info_nce(mixtures, first, scale, gather, one, chunk_size, ratio)
    return weighted + info_nce(mixtures, second, scale, gather, other, chunk_size, 1 - ratio)

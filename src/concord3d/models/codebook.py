"""One codebook for two modalities, moved by averages of the features that chose each code (CMCR spec 3.2).

Shape legend: m features, n pairs, C channels, V codes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import BadCloud, ConfigError

_SMOOTHING = 1e-5
# Distances kept at once: on a CPU they stay in its cache.
_CPU_CHUNK_ELEMENTS = 1 << 18
_GPU_CHUNK_ELEMENTS = 1 << 26

Gather = Callable[[Tensor], tuple[Tensor, int]]


class Codebook(nn.Module):
    """Unit vectors that features of points and of pixels are both replaced by.

    The codes, the counts and sums behind them, and the steps since each was used are buffers: a training that goes on
    from a checkpoint has the same bits. No gradient reaches a code.

    Args:
        num_codes: V.
        dim: C.
        decay: gamma, of the averages over steps.

    Attributes:
        codes: (V, C) E, rows of length 1.
        counts: (V,) N.
        sums: (V, C) W.
        unused: (V,) int64: updates since a code was chosen last.

    Raises:
        ConfigError: A number does not fit.

    Example:
        >>> codebook = Codebook(num_codes=8, dim=4)
        >>> points, pixels = torch.rand(5, 4, requires_grad=True), torch.rand(5, 4)
        >>> quantised = codebook.quantise(points)
        >>> torch.equal(quantised, codebook.codes[codebook.assign(points)])
        True
        >>> codebook.update(points, pixels)

    Source: CMCR spec 3.2.
    """

    codes: Tensor
    counts: Tensor
    sums: Tensor
    unused: Tensor

    def __init__(self, num_codes: int = 400, dim: int = 64, decay: float = 0.999) -> None:
        super().__init__()
        if num_codes < 1 or dim < 1 or not 0 <= decay < 1:
            raise ConfigError(
                "A codebook cannot be like this",
                expected="codes, channels, and a decay in [0, 1)",
                found=f"{num_codes} codes, {dim} channels, decay {decay}",
            )
        self.decay = decay
        codes = functional.normalize(2 * torch.rand(num_codes, dim) - 1, dim=1)
        self.register_buffer("codes", codes)
        self.register_buffer("counts", torch.zeros(num_codes))
        self.register_buffer("sums", codes.clone())
        self.register_buffer("unused", torch.zeros(num_codes, dtype=torch.int64))

    @torch.no_grad()
    def assign(self, features: Tensor) -> Tensor:
        """Return the (m,) int64 nearest codes of (m, C) features, by squared Euclidean distance.

        Among equally near codes the first is chosen.

        Raises:
            BadCloud: The features have another width.
        """
        if features.ndim != 2 or features.shape[1] != self.codes.shape[1]:
            raise BadCloud(
                "Features do not fit the codebook",
                expected=f"(m, {self.codes.shape[1]})",
                found=tuple(features.shape),
            )
        with torch.autocast(features.device.type, enabled=False):
            # |x|^2 is the same for all codes.
            codes = self.codes.to(torch.promote_types(features.dtype, self.codes.dtype))
            squares = codes.square().sum(1)
            budget = _CPU_CHUNK_ELEMENTS if features.device.type == "cpu" else _GPU_CHUNK_ELEMENTS
            parts = features.to(codes).split(max(1, budget // len(codes)))
            nearest = [torch.addmm(squares, part, codes.T, alpha=-2).argmin(1) for part in parts]
        return torch.cat(nearest)

    def quantise(self, features: Tensor) -> Tensor:
        """Return the nearest codes in place of (m, C) features; gradients pass as if nothing had happened.

        The value is exactly the code: x + sg(e - x) would round.

        Raises:
            BadCloud: The features have another width.
        """
        quantised: Tensor = _StraightThrough.apply(features, self.codes[self.assign(features)].to(features.dtype))
        return quantised

    @torch.no_grad()
    def update(self, points: Tensor, pixels: Tensor, gather: Gather | None = None) -> None:
        """Move the codes towards the pairs that chose them: by the points' choice, then by the pixels' choice.

        Every process has to call this, with pairs or without.

        Args:
            points: (n, C) features a.
            pixels: (n, C) features b, matched by row.
            gather: Collects rows over processes, whose counts and sums are averaged; None for one process.

        Raises:
            BadCloud: The features have another width, or are not matched.
        """
        if points.shape != pixels.shape:
            raise BadCloud("Points and pixels are not matched", found=f"{tuple(points.shape)}, {tuple(pixels.shape)}")
        chosen = [self.assign(values) for values in (points, pixels)]
        both = points.to(self.sums) + pixels.to(self.sums)
        counts, sums = self.counts, self.sums
        for own in chosen:
            fresh = torch.bincount(own, minlength=len(counts)).to(counts)
            counts = self.decay * counts + (1 - self.decay) * fresh
            total = counts.sum()
            counts = (counts + _SMOOTHING) / (total + len(counts) * _SMOOTHING) * total
            moved = torch.zeros_like(sums).index_add(0, own, both)
            sums = self.decay * sums + 0.5 * (1 - self.decay) * moved
        used = torch.bincount(torch.cat(chosen), minlength=len(counts)).to(counts)
        if gather is not None:
            counts, sums, used = (_averaged(values, gather) for values in (counts, sums, used))
        # Dividing by the counts first, as published, changes no direction. A code without any sum stays where it is.
        moved = torch.where(sums.norm(dim=1, keepdim=True) > 0, functional.normalize(sums, dim=1), self.codes)
        self.unused.add_(1).masked_fill_(used > 0, 0)
        self.counts.copy_(counts)
        self.sums.copy_(sums)
        self.codes.copy_(moved)

    @torch.no_grad()
    def revive(
        self, draw: torch.Generator, gather: Gather | None = None, dead_after: int = 300, used_within: int = 100
    ) -> int:
        """Put codes that nobody chooses beside codes that are chosen.

        A revived code starts like a new one: no count, and itself as its sum. Every process has to call this; all take
        what the first one has drawn.

        Args:
            draw: CPU generator; as many numbers are drawn whatever the outcome.
            gather: See :meth:`update`.
            dead_after: A code is dead that has not been chosen for more updates than this.
            used_within: A code may be copied that was chosen less than so many updates ago.

        Returns:
            How many codes were revived; none where no code is recent.

        Source: CMCR spec 3.2; the published code has it switched off.
        """
        num_codes, dim = self.codes.shape
        noise = (2 * torch.rand((num_codes, dim), generator=draw) - 1) / 1024
        picks = torch.rand((num_codes, 1), generator=draw)
        drawn = torch.cat([noise, picks], 1).to(self.codes)
        if gather is not None:
            drawn = gather(drawn)[0][:num_codes]
        dead, recent = self.unused > dead_after, (self.unused < used_within).nonzero().squeeze(1)
        if not len(recent) or not dead.any():
            return 0
        copied = recent[(drawn[:, dim] * len(recent)).long().clamp(max=len(recent) - 1)]
        beside = functional.normalize(self.codes[copied] + drawn[:, :dim], dim=1)
        self.codes.copy_(torch.where(dead[:, None], beside, self.codes))
        self.sums.copy_(torch.where(dead[:, None], beside, self.sums))
        self.counts.masked_fill_(dead, 0)
        self.unused.masked_fill_(dead, 0)
        return int(dead.sum())


def perplexity(chosen: Tensor, num_codes: int) -> Tensor:
    """Return exp(-sum_v p_v log p_v), p the shares of the codes among (m,) choices: how many codes are in use.

    Args:
        chosen: (m,) int64.
        num_codes: V.

    Returns:
        Scalar float32 between 1 and V; 0 without a choice.

    Source: CMCR spec 3.2.
    """
    if not len(chosen):
        return torch.zeros((), device=chosen.device)
    shares = torch.bincount(chosen, minlength=num_codes).float() / len(chosen)
    return torch.special.entr(shares).sum().exp()


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, features: Tensor, codes: Tensor) -> Tensor:
        return codes.clone()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def _averaged(values: Tensor, gather: Gather) -> Tensor:
    """Return the mean over processes of a (V,) or (V, C) tensor."""
    rows, _ = gather(values if values.ndim == 2 else values[:, None])
    return rows.view(-1, len(values), rows.shape[1]).mean(0).view_as(values)

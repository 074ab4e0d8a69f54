"""Rulebooks of sparse convolutions: which input voxel meets which output voxel under which kernel offset.

Voxels are sorted by their integer keys, and a step along the grid adds a constant to a key. So the neighbours under all
offsets of a run along z are found by one search in the sorted keys and a walk from there.

Shapes: M input voxels, L output voxels, K kernel offsets, P pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.voxel import MAX_COORDINATE, key_coordinates, stacked_coordinates, voxel_keys

_LARGEST_KEY = torch.iinfo(torch.int64).max


@dataclass(frozen=True)
class Rulebook:
    """Pairs of one sparse convolution, ordered by kernel offset, then by output voxel.

    Under one offset no input and no output voxel occurs twice.

    Args:
        in_rows: (P,) int64.
        out_rows: (P,) int64.
        counts: Pairs under each of the K offsets; x is the slowest axis of the offsets.
        in_coordinates: (M, 4) int32, sorted.
        out_coordinates: (L, 4) int32, sorted.
        stride: Fine voxels per coarse voxel along each axis.
        is_transposed: Whether the inputs are the coarse voxels.
    """

    in_rows: Tensor
    out_rows: Tensor
    counts: tuple[int, ...]
    in_coordinates: Tensor
    out_coordinates: Tensor
    stride: int
    is_transposed: bool = False

    @property
    def num_inputs(self) -> int:
        """M."""
        return len(self.in_coordinates)

    def transposed(self) -> Rulebook:
        """Return the same pairs with inputs and outputs exchanged: the rulebook of the transposed convolution."""
        return Rulebook(
            self.out_rows,
            self.in_rows,
            self.counts,
            self.out_coordinates,
            self.in_coordinates,
            self.stride,
            not self.is_transposed,
        )

    @classmethod
    def joined(cls, books: Sequence[Rulebook]) -> Rulebook:
        """Return the rulebook of a batch from those of its clouds, which were made for the same kernel.

        Args:
            books: One of each cloud, whose coordinates are numbered 0.

        Raises:
            BadCloud: There are none, they are of several kernels, or hold several clouds.
        """
        kinds = {(len(book.counts), book.stride, book.is_transposed) for book in books}
        if len(kinds) != 1:
            raise BadCloud("Rulebooks of one kernel can be joined", expected="one kernel", found=f"{len(kinds)}")
        _, stride, is_transposed = kinds.pop()
        rows = []
        for side in ("in", "out"):
            shift, pieces = 0, []
            for book in books:
                pieces.append((getattr(book, f"{side}_rows") + shift).split(book.counts))
                shift += len(getattr(book, f"{side}_coordinates"))
            rows.append(torch.cat([piece for offset in zip(*pieces, strict=True) for piece in offset]))
        return cls(
            rows[0],
            rows[1],
            tuple(sum(counts) for counts in zip(*(book.counts for book in books), strict=True)),
            stacked_coordinates([book.in_coordinates for book in books]),
            stacked_coordinates([book.out_coordinates for book in books]),
            stride,
            is_transposed,
        )

    @property
    def identity(self) -> int | None:
        """The offset under which every voxel meets itself, where inputs and outputs are the same voxels."""
        return len(self.counts) // 2 if self.stride == 1 else None


def kernel_offsets(kernel_size: int, stride: int = 1) -> list[int]:
    """Return the steps of a kernel along one axis.

    They are centred where the size is odd, and begin at 0 where it is even or equals a stride above 1, so that the
    kernel sees just the voxels that its output voxel holds.
    """
    is_centred = kernel_size % 2 and not kernel_size == stride > 1
    first = -(kernel_size // 2) if is_centred else 0
    return list(range(first, first + kernel_size))


def check_kernel(kernel_size: int, stride: int) -> None:
    """Refuse kernels under which an output voxel misses an input voxel that it holds.

    Args:
        kernel_size: Voxels of the kernel along each axis.
        stride: Input voxels per output voxel; 1 is a submanifold convolution, whose kernel must have a centre.

    Raises:
        ConfigError: Stride or kernel size does not fit.
    """
    if stride == 1 and (kernel_size < 1 or kernel_size % 2 == 0):
        raise ConfigError("A submanifold convolution needs an odd kernel", found=kernel_size)
    if stride < 1 or kernel_size < 1 or kernel_offsets(kernel_size, stride)[-1] < stride - 1:
        raise ConfigError(
            "A strided convolution needs a kernel that covers its stride",
            expected=f"a kernel of {stride}, an even one of more, or an odd one of at least {2 * stride - 1}",
            found=f"kernel size {kernel_size}, stride {stride}",
        )


def submanifold_rules(coordinates: Tensor, kernel_size: int) -> Rulebook:
    """Build the rulebook of a convolution whose output voxels are its input voxels.

    Args:
        coordinates: (M, 4) int32, sorted, all different.
        kernel_size: Odd.

    Raises:
        ConfigError: The kernel size is even.
        BadCloud: There are no voxels, or they are not sorted or not different.
    """
    check_kernel(kernel_size, 1)
    keys = _sorted_keys(coordinates)
    searched = _with_sentinel(keys)
    steps = kernel_offsets(kernel_size)
    own = torch.arange(len(keys), device=keys.device)
    # The pairs under an offset are those under the opposite offset with their roles exchanged.
    upper = []
    for x, y in product(steps, steps):
        if (x, y) >= (0, 0):
            run = [z for z in steps if (x, y, z) > (0, 0, 0)]
            upper += _pairs_along_z(searched, keys, (x, y), run)
    lower = [(out_rows, in_rows) for in_rows, out_rows in reversed(upper)]
    return _rulebook([*lower, (own, own), *upper], coordinates, coordinates, 1)


def strided_rules(coordinates: Tensor, kernel_size: int, stride: int) -> Rulebook:
    """Build the rulebook of a convolution that coarsens the grid.

    The output voxels are those that hold an input voxel: floor(index / stride). Output voxel o sees the input voxels
    stride * o + offset.

    Args:
        coordinates: (M, 4) int32, sorted, all different.
        kernel_size: The stride, or even and more than it, or odd and at least twice the stride less one.
        stride: At least 2.

    Raises:
        ConfigError: Stride or kernel size does not fit.
        BadCloud: There are no voxels, or they are not sorted or not different.
    """
    check_kernel(kernel_size, stride)
    searched = _with_sentinel(_sorted_keys(coordinates))
    out_coordinates = strided_sites(coordinates, stride)
    corners = voxel_keys(_corners(out_coordinates, stride))
    steps = kernel_offsets(kernel_size, stride)
    pairs = []
    for x, y in product(steps, steps):
        pairs += _pairs_along_z(searched, corners, (x, y), steps)
    return _rulebook(pairs, coordinates, out_coordinates, stride)


def strided_sites(coordinates: Tensor, stride: int) -> Tensor:
    """Return the (L, 4) int32 sorted coarse voxels that hold at least one of the (M, 4) voxels."""
    return key_coordinates(torch.unique(voxel_keys(_parents(coordinates, stride))))


def parent_rows(coordinates: Tensor, coarse_coordinates: Tensor, stride: int) -> Tensor:
    """Find for each voxel the coarser voxel that holds it.

    Args:
        coordinates: (M, 4) int32.
        coarse_coordinates: (L, 4) int32, sorted.
        stride: Voxels per coarse voxel along each axis.

    Returns:
        (M,) int64 rows of ``coarse_coordinates``.

    Raises:
        BadCloud: A voxel has no parent.
    """
    coarse_keys = _sorted_keys(coarse_coordinates)
    keys = voxel_keys(_parents(coordinates, stride))
    rows = torch.searchsorted(coarse_keys, keys).clamp_(max=len(coarse_keys) - 1)
    if not torch.equal(coarse_keys[rows], keys):
        raise BadCloud("A voxel has no coarser voxel around it", found=f"{len(keys)} voxels, {len(coarse_keys)} coarse")
    return rows


def _sorted_keys(coordinates: Tensor) -> Tensor:
    if coordinates.ndim != 2 or coordinates.shape[1] != 4 or len(coordinates) == 0:
        raise BadCloud("A sparse convolution needs voxels", expected="(M >= 1, 4)", found=tuple(coordinates.shape))
    if int(coordinates[:, 1:].abs().max()) > MAX_COORDINATE or int(coordinates[:, 0].min()) < 0:
        raise BadCloud(
            "Voxel coordinates are out of range", expected=f"clouds from 0, indices within {MAX_COORDINATE} of 0"
        )
    keys = voxel_keys(coordinates)
    if not (keys[1:] > keys[:-1]).all():
        raise BadCloud("Voxels must be sorted by cloud, x, y, z and all different", found="another order")
    return keys


def _parents(coordinates: Tensor, stride: int) -> Tensor:
    cells = coordinates[:, 1:].div(stride, rounding_mode="floor")
    return torch.cat([coordinates[:, :1], cells], 1)


def _corners(coordinates: Tensor, stride: int) -> Tensor:
    return torch.cat([coordinates[:, :1], coordinates[:, 1:] * stride], 1)


def _with_sentinel(keys: Tensor) -> Tensor:
    """Append a key larger than all others, so that a walk past the end finds nothing."""
    return torch.cat([keys, keys.new_tensor([_LARGEST_KEY])])


def _pairs_along_z(
    keys: Tensor, starts: Tensor, column: tuple[int, int], run: list[int]
) -> list[tuple[Tensor, Tensor]]:
    """Return (input rows, output rows) for each offset (*column, z) of a run of consecutive z.

    Args:
        keys: (M + 1,) sorted keys of the inputs and the sentinel.
        starts: (L,) keys of the input positions that outputs see under offset zero.
        column: Offset along x and y.
        run: Consecutive offsets along z; may be empty.
    """
    if not run:
        return []
    origin, first = voxel_keys(torch.tensor([[0, 0, 0, 0], [0, *column, run[0]]], device=keys.device))
    wanted = starts + (first - origin)
    candidates = torch.searchsorted(keys, wanted)
    pairs = []
    for _ in run:
        found = keys[candidates] == wanted
        out_rows = found.nonzero().squeeze(1)
        pairs.append((candidates[out_rows], out_rows))
        candidates = candidates + found
        wanted = wanted + 1
    return pairs


def _rulebook(
    pairs: list[tuple[Tensor, Tensor]], in_coordinates: Tensor, out_coordinates: Tensor, stride: int
) -> Rulebook:
    in_rows, out_rows = (torch.cat(rows) for rows in zip(*pairs, strict=True))
    return Rulebook(in_rows, out_rows, tuple(len(rows) for rows, _ in pairs), in_coordinates, out_coordinates, stride)

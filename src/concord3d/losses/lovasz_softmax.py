"""The Lovasz extension of the mean Jaccard loss of classes.

Libraries have it beside much else: segmentation_models_pytorch takes five seconds to import.

Shape legend: M voxels, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.losses.embeddings import full_precision

_ALL_BITS = (1 << 32) - 1


def lovasz_softmax(probabilities: Tensor, labels: Tensor, ignored: int | None = None) -> Tensor:
    """Return the mean over the classes that occur of the Lovasz extension of 1 - IoU, at the errors of probabilities.

    Args:
        probabilities: (M, K), each row a distribution.
        labels: (M,) int64 class of each voxel.
        ignored: Label of voxels that do not count.

    Returns:
        Scalar between 0 and 1; without a counting voxel exactly 0, and its gradient too.

    Source: Berman et al., The Lovasz-Softmax loss, CVPR 2018, equations 8 to 11 and algorithm 1; CMCR spec 4.2.
    """
    with torch.autocast(probabilities.device.type, enabled=False):
        rows = full_precision(probabilities)
        if ignored is not None:
            rows, labels = rows[labels != ignored], labels[labels != ignored]
        present = labels.unique()
        if not len(present):
            return rows.sum() * 0
        foreground = (labels[:, None] == present).to(rows)
        errors, order = _largest_first((foreground - rows[:, present]).abs())
        steps = _jaccard_steps(foreground.gather(0, order))
        return (errors * steps).sum(0).mean()


def _largest_first(errors: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (M, K) errors, none below zero, sorted down each column, equal ones as they come, and their rows."""
    if errors.device.type != "cpu" or errors.dtype != torch.float32:
        return errors.sort(dim=0, descending=True, stable=True)
    # Numbers from zero on are in the order of their bits, and integers in one list are sorted digit by digit, several
    # times faster: the column above, the bits that the largest error has least of below.
    num_rows, num_columns = errors.shape
    columns = torch.arange(num_columns)[:, None]
    keys = (columns << 32) + (_ALL_BITS - errors.t().contiguous().view(torch.int32).to(torch.int64))
    order = (keys.flatten().sort(stable=True).indices.view(num_columns, num_rows) - columns * num_rows).t().contiguous()
    return errors.gather(0, order), order


def _jaccard_steps(sorted_foreground: Tensor) -> Tensor:
    """Return by how much the Jaccard loss grows with each further error; (M, K) of (M, K) zeros and ones."""
    total = sorted_foreground.sum(0)
    missed, added = sorted_foreground.cumsum(0), (1 - sorted_foreground).cumsum(0)
    jaccard = 1 - (total - missed) / (total + added)
    return torch.cat([jaccard[:1], jaccard.diff(dim=0)])

"""Classes as mean text features of their shapes, for encoders that learn to tell classes by their names.

Shape legend: K classes, D width of tower features.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from concord3d.batches.objects import ObjectData
from concord3d.errors import ConfigError, DatasetError
from concord3d.losses.info_nce import unit_rows

_CHUNK = 4096


def text_prototypes(data: ObjectData) -> Tensor:
    """Return the mean direction of the texts of each class's shapes, one text of each, drawn with a fixed seed.

    Args:
        data: What is trained on, with labels and tower features.

    Returns:
        (K, D) float32 of unit length, on the CPU.

    Raises:
        DatasetError: The data have no labels.
        ConfigError: A class has no shape with a text.
    """
    if data.labels is None or data.targets is None:
        raise DatasetError(
            "Cross-entropy among the names of classes needs labels and tower features of one data set",
            expected="one class index per shape",
            found="none",
        )
    draw = torch.Generator().manual_seed(0)
    sums = torch.zeros(data.num_classes, data.target_dim)
    for start in range(0, len(data), _CHUNK):
        places = np.arange(start, min(start + _CHUNK, len(data)))
        _, texts, has_text = (torch.from_numpy(part) for part in data.targets.read(places, draw))
        labels = torch.from_numpy(data.labels[places].astype(np.int64))
        sums.index_add_(0, labels[has_text], unit_rows(texts[has_text]))
    empty = (sums == 0).all(dim=1).nonzero().flatten().tolist()
    if empty:
        raise ConfigError(
            "Classes without a text cannot be told apart by their texts",
            where="data.dataset",
            expected="a shape with a text in every class",
            found=f"none in {len(empty)} of {data.num_classes} classes, such as class {empty[0]}",
            next_step="leave data.without_classes empty, or take a data set whose shapes have texts",
        )
    return unit_rows(sums)

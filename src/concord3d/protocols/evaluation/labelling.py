"""What a trained classifier or segmenter says about test items, after the last epoch and at its best snapshot.

Shape legend: T test items; a label per item or per point of an item.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

    from concord3d.protocols.evaluation.job import EvaluationJob

Labels = NDArray[np.int64]


def labelled(module: nn.Module, inputs: Sequence[NDArray[Any]], batch_size: int, device: str) -> Labels:
    """Return the labels with the greatest logits, in evaluation mode.

    Args:
        module: Maps batches of the inputs to (B, ..., C) logits.
        inputs: Arrays of T rows each.
        batch_size: Items per forward pass.
        device: Torch device.

    Returns:
        (T, ...).
    """
    import torch

    module.eval().to(device)
    rows = []
    with torch.inference_mode():
        for start in range(0, len(inputs[0]), batch_size):
            batch = [torch.from_numpy(np.ascontiguousarray(part[start : start + batch_size])) for part in inputs]
            rows.append(module(*(part.to(device) for part in batch)).argmax(dim=-1).cpu().numpy())
    return np.concatenate(rows).astype(np.int64)


def best_snapshot(
    job: EvaluationJob, label: Callable[[nn.Module], Labels], score: Callable[[Labels], float]
) -> tuple[Labels, dict[str, Any]]:
    """Return the labels of the kept snapshot that is best on the test split, and how it was found.

    Args:
        job: Whose snapshots; without any, its final weights.
        label: Gives the labels of the test split by a module.
        score: Rates them as a fraction; the first snapshot with the greatest score is the best.
    """
    outcomes = {path.stem: label(job.load_module(path)) for path in job.snapshot_paths or [job.model_path]}
    scores = {name: score(labels) for name, labels in outcomes.items()}
    selected = max(scores, key=lambda name: scores[name])
    by_snapshot = {name: 100 * value for name, value in scores.items()}
    return outcomes[selected], {"selected": selected, "test_score_by_snapshot": by_snapshot}

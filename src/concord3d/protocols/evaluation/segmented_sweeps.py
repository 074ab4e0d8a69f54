"""Labelled test sweeps, the classes that a segmenter gives to their points, and what counts as drawn at random.

Shape legend: S sweeps, P_i points of sweep i, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from concord3d.data.nuscenes_splits import scene_of
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import EvaluationError
from concord3d.measures.sweep_confusion import confusion_matrix
from concord3d.protocols.evaluation.tested_sweeps import tested_sweeps

if TYPE_CHECKING:
    from concord3d.models.sweep_segmenter import SweepSegmenter
    from concord3d.protocols.evaluation.job import EvaluationJob


def loaded_segmenter(job: EvaluationJob) -> SweepSegmenter:
    """Return the segmenter of a job, in evaluation mode on its device.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    from concord3d.models.sweep_segmenter import SweepSegmenter

    segmenter = job.load_module()
    assert isinstance(segmenter, SweepSegmenter)
    return segmenter.eval().to(job.torch_device)


def labelled_sweeps(job: EvaluationJob, segmenter: SweepSegmenter) -> SweepSplit:
    """Return the tested sweeps of a job.

    Raises:
        EvaluationError: The split holds no sweeps, has no labels, or has other classes than the segmenter.
        BadCloud: Values that are not finite.
    """
    sweeps = tested_sweeps(job).validated()
    if sweeps.labels is None or len(sweeps.class_names) != segmenter.num_classes:
        raise EvaluationError(
            "The tested sweeps have no labels, or other classes than the segmenter",
            where=f"{sweeps.dataset}/{sweeps.split}",
            expected=f"{segmenter.num_classes} classes",
            found="no labels" if sweeps.labels is None else f"{len(sweeps.class_names)} classes",
        )
    return sweeps


def predicted_classes(
    segmenter: SweepSegmenter, sweeps: SweepSplit, batch_size: int, device: str
) -> Iterator[NDArray[np.int64]]:
    """Yield the (P_i,) class of every point, sweep by sweep.

    Args:
        segmenter: Names the class of every point, as :func:`loaded_segmenter` returns it.
        sweeps: The sweeps.
        batch_size: Sweeps per forward pass.
        device: Torch device.

    Raises:
        BadCloud: The sweeps have no intensity.
    """
    import torch

    for start in range(0, len(sweeps), batch_size):
        rows = range(start, min(start + batch_size, len(sweeps)))
        points = [torch.from_numpy(sweeps.network_points(row)).to(device) for row in rows]
        with torch.inference_mode():
            found = segmenter.point_classes(points)
        yield from (classes.cpu().numpy() for classes in found)


def sweep_confusions(segmenter: SweepSegmenter, sweeps: SweepSplit, batch_size: int, device: str) -> NDArray[np.int64]:
    """Return the (S, K, K) confusion matrix of each sweep; arguments as in :func:`predicted_classes`.

    Raises:
        EvaluationError: A label is no class.
        BadCloud: The sweeps have no intensity.
    """
    found = np.zeros((len(sweeps), segmenter.num_classes, segmenter.num_classes), dtype=np.int64)
    for row, classes in enumerate(predicted_classes(segmenter, sweeps, batch_size, device)):
        found[row] = confusion_matrix(classes, np.asarray(sweeps.sweep(row).labels), segmenter.num_classes)
    return found


def scenes_of(sweeps: SweepSplit, sweeps_per_block: int | None = None) -> list[str]:
    """Return the (S,) scene of each sweep, or the block of its scene.

    Args:
        sweeps: The sweeps.
        sweeps_per_block: So many consecutive sweeps of a scene are a block; None takes whole scenes.

    Raises:
        EvaluationError: There is one alone, which has no spread.
    """
    scenes = [scene_of(name) for name in sweeps.names]
    if sweeps_per_block is not None:
        seen: dict[str, int] = {}
        for row, scene in enumerate(scenes):
            seen[scene] = seen.get(scene, 0) + 1
            scenes[row] = f"{scene}/block{(seen[scene] - 1) // sweeps_per_block:03d}"
    if len(set(scenes)) < 2:
        raise EvaluationError(
            "One scene has no spread",
            where=f"{sweeps.dataset}/{sweeps.split}",
            expected="two or more tested scenes",
            found=scenes[0],
            next_step="test more scenes, or set sweeps_per_block",
        )
    return scenes

"""mIoU of a trained segmenter of LiDAR sweeps, on every point (CMCR spec 5).

Voxels are labelled, and their classes copied to all their points. One confusion matrix is added up over everything that
is tested. Sweeps of one scene show the same things, so scenes are what intervals take to be drawn at random and what
comparisons are paired over (:mod:`concord3d.statistics.jackknife`); the matrix of every sweep is kept beside them.

Shape legend: S sweeps, P_i points of sweep i, K classes, G scenes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.data.even_spread import even_spread
from concord3d.data.nuscenes_splits import scene_of
from concord3d.errors import EvaluationError
from concord3d.measures.sweep_confusion import (
    AbsentClass,
    SceneConfusions,
    class_iou,
    confusion_matrix,
    frequency_weighted_iou,
    point_accuracy,
)
from concord3d.protocols.evaluation.results import ProtocolResult, record_from_interval
from concord3d.protocols.interface import Protocol
from concord3d.statistics.jackknife import jackknife_interval

if TYPE_CHECKING:
    from concord3d.data.stores.sweeps import SweepSplit
    from concord3d.models.sweep_segmenter import SweepSegmenter
    from concord3d.protocols.evaluation.job import EvaluationJob


class Settings(StrictModel):
    """Settings of the segmentation of sweeps.

    Attributes:
        batch_size: Sweeps per forward pass.
        max_sweeps: So many sweeps of an even spread are tested; null tests all, as published.
        sweeps_per_block: So many consecutive sweeps of a scene count as one in intervals and comparisons, for data sets
            of few scenes; null takes whole scenes.
        absent_class: What a class counts that is neither predicted nor true: ``one``, as in the released code, or
            nothing (``left_out``), as in the nuScenes devkit.
    """

    batch_size: PositiveInt = 4
    max_sweeps: PositiveInt | None = None
    sweeps_per_block: PositiveInt | None = None
    absent_class: AbsentClass = "one"


def sweep_confusions(segmenter: SweepSegmenter, sweeps: SweepSplit, batch_size: int, device: str) -> NDArray[np.int64]:
    """Return the (S, K, K) confusion matrix of each sweep.

    Args:
        segmenter: Names the class of every point.
        sweeps: Labelled sweeps.
        batch_size: Sweeps per forward pass.
        device: Torch device.

    Raises:
        EvaluationError: A label is no class.
        BadCloud: The sweeps have no intensity.
    """
    import torch

    segmenter.eval().to(device)
    found = np.zeros((len(sweeps), segmenter.num_classes, segmenter.num_classes), dtype=np.int64)
    with torch.inference_mode():
        for start in range(0, len(sweeps), batch_size):
            rows = range(start, min(start + batch_size, len(sweeps)))
            points = [torch.from_numpy(sweeps.network_points(row)).to(device) for row in rows]
            for row, classes in zip(rows, segmenter.point_classes(points), strict=True):
                truth = np.asarray(sweeps.sweep(row).labels)
                found[row] = confusion_matrix(classes.cpu().numpy(), truth, segmenter.num_classes)
    return found


def example_arrays(segmenter: SweepSegmenter, sweeps: SweepSplit, device: str) -> dict[str, NDArray[Any]]:
    """Return the first sweep for figures (CMCR spec 8, figure 6).

    Args:
        segmenter: As :func:`sweep_confusions` leaves it.
        sweeps: Labelled sweeps.
        device: Torch device.

    Returns:
        ``example_points`` (P_0, 3) float16, ``example_truth`` and ``example_predicted`` (P_0,) int16, -1 where a point
        has no class, and ``class_names`` (K,).
    """
    import torch

    points = sweeps.network_points(0)
    with torch.inference_mode():
        [predicted] = segmenter.point_classes([torch.from_numpy(points).to(device)])
    return {
        "example_points": points[:, :3].astype(np.float16),
        "example_truth": np.asarray(sweeps.sweep(0).labels).astype(np.int16),
        "example_predicted": predicted.cpu().numpy().astype(np.int16),
        "class_names": np.array(sweeps.class_names),
    }


def _tested(job: EvaluationJob, segmenter: SweepSegmenter, settings: Settings) -> SweepSplit:
    """Return the sweeps that are tested.

    Raises:
        EvaluationError: The split holds no sweeps, has no labels, or has other classes than the segmenter.
        ConfigError: There are fewer sweeps than asked for.
    """
    from concord3d.protocols.evaluation.tested_sweeps import tested_sweeps

    sweeps = tested_sweeps(job).validated()
    if sweeps.labels is None or len(sweeps.class_names) != segmenter.num_classes:
        raise EvaluationError(
            "The tested sweeps have no labels, or other classes than the segmenter",
            where=f"{sweeps.dataset}/{sweeps.split}",
            expected=f"{segmenter.num_classes} classes",
            found="no labels" if sweeps.labels is None else f"{len(sweeps.class_names)} classes",
        )
    if settings.max_sweeps is None:
        return sweeps
    return sweeps.subset(even_spread(len(sweeps), settings.max_sweeps, "max_sweeps"))


def _blocks(sweeps: SweepSplit, sweeps_per_block: int | None) -> list[str]:
    """Return the scene of each sweep, or the block of its scene.

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


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure mIoU, frequency-weighted IoU and the accuracy of points."""
    from concord3d.models.sweep_segmenter import SweepSegmenter

    segmenter = job.load_module()
    assert isinstance(segmenter, SweepSegmenter)
    tested = _tested(job, segmenter, settings)
    blocks = _blocks(tested, settings.sweeps_per_block)
    confusions = sweep_confusions(segmenter, tested, settings.batch_size, job.torch_device)
    scenes = SceneConfusions.of(confusions, blocks)
    outcomes = {
        "miou": scenes.miou_outcomes(settings.absent_class),
        "fwiou": scenes.outcomes(frequency_weighted_iou),
        "overall_accuracy": scenes.outcomes(point_accuracy),
    }
    ious = class_iou(scenes.total)
    return ProtocolResult(
        tuple(record_from_interval(name, jackknife_interval(values)) for name, values in outcomes.items()),
        {f"{name}__last": values for name, values in outcomes.items()},
        scenes.names,
        {
            "num_sweeps_tested": len(tested),
            "num_scenes_tested": len({scene_of(name) for name in tested.names}),
            "class_iou": {
                name: None if np.isnan(iou) else float(100 * iou)
                for name, iou in zip(tested.class_names, ious, strict=True)
            },
        },
        {
            "confusions": confusions,
            "sweep_names": np.array(tested.names),
            **example_arrays(segmenter, tested, job.torch_device),
        },
    )


PROTOCOL = Protocol(Settings, run, store="sweeps")

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
from concord3d.measures.sweep_confusion import (
    AbsentClass,
    SceneConfusions,
    class_iou,
    frequency_weighted_iou,
    point_accuracy,
)
from concord3d.protocols.evaluation.results import ProtocolResult, record_from_interval
from concord3d.protocols.evaluation.segmented_sweeps import (
    labelled_sweeps,
    loaded_segmenter,
    predicted_classes,
    scenes_of,
    sweep_confusions,
)
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
            of few scenes, or such numbers by data set; null takes whole scenes, as do data sets that are not named.
        absent_class: What a class counts that is neither predicted nor true: ``one``, as in the released code, or
            nothing (``left_out``), as in the nuScenes devkit.
    """

    batch_size: PositiveInt = 4
    max_sweeps: PositiveInt | None = None
    sweeps_per_block: PositiveInt | dict[str, PositiveInt] | None = None
    absent_class: AbsentClass = "one"

    def block_of(self, dataset: str) -> int | None:
        """Return how many sweeps of a data set count as one, or None where its scenes do."""
        if isinstance(self.sweeps_per_block, dict):
            return self.sweeps_per_block.get(dataset)
        return self.sweeps_per_block


def example_arrays(segmenter: SweepSegmenter, sweeps: SweepSplit, device: str) -> dict[str, NDArray[Any]]:
    """Return the first sweep for figures (CMCR spec 8, figure 6).

    Args:
        segmenter: Names the class of every point.
        sweeps: Labelled sweeps.
        device: Torch device.

    Returns:
        ``example_points`` (P_0, 3) float16, ``example_truth`` and ``example_predicted`` (P_0,) int16, -1 where a point
        has no class, and ``class_names`` (K,).
    """
    points = sweeps.network_points(0)
    [predicted] = predicted_classes(segmenter, sweeps.subset(np.zeros(1, np.int64)), 1, device)
    return {
        "example_points": points[:, :3].astype(np.float16),
        "example_truth": np.asarray(sweeps.sweep(0).labels).astype(np.int16),
        "example_predicted": predicted.astype(np.int16),
        "class_names": np.array(sweeps.class_names),
    }


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure mIoU, frequency-weighted IoU and the accuracy of points."""
    segmenter = loaded_segmenter(job)
    tested = labelled_sweeps(job, segmenter)
    if settings.max_sweeps is not None:
        tested = tested.subset(even_spread(len(tested), settings.max_sweeps, "max_sweeps"))
    blocks = scenes_of(tested, settings.block_of(tested.dataset))
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

"""Average precision of a trained detector in KITTI's frames, in three dimensions at 40 recalls (CMCR spec 5).

mAP is the mean over the classes that the tested frames have something of. Of fewer than 41 wanted boxes KITTI's rule
counts one recall a box and drops the first, so that even the truth stays below 100 %. KITTI's frames are of many drives
and shuffled; blocks of consecutive frames are what intervals take to be drawn at random and what comparisons are paired
over (:mod:`concord3d.statistics.jackknife`).

Shape legend: S frames, K classes, G blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.data.even_spread import even_spread
from concord3d.errors import EvaluationError
from concord3d.measures.kitti_precision import KittiFrame, kitti_average_precision
from concord3d.protocols.evaluation.kitti_frames import CLASSES, MIN_OVERLAPS, kitti_frames, required_kitti_boxes
from concord3d.protocols.evaluation.predicted_boxes import Suppression, found_boxes
from concord3d.protocols.evaluation.results import ProtocolResult, record_from_interval
from concord3d.protocols.evaluation.tested_sweeps import tested_sweeps
from concord3d.protocols.interface import Protocol
from concord3d.statistics.jackknife import jackknife_interval, jackknife_outcomes

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.statistics.intervals import FloatArray


class Settings(StrictModel):
    """Settings of detection on KITTI.

    Attributes:
        batch_size: Frames per forward pass.
        max_sweeps: So many frames of an even spread are tested; null tests all.
        difficulty: Boxes of this difficulty and of easier ones must be found.
        num_blocks: G, at most one for each frame.
        min_score: Boxes of lower scores are left out.
        boxes_before: Best boxes of each group of classes that are compared with each other.
        boxes_after: Of these at most so many are kept.
        max_overlap: IoU seen from above, beyond which a box is left out for a better one of its group.
        max_boxes: Most boxes of a frame.
    """

    batch_size: PositiveInt = 4
    max_sweeps: PositiveInt | None = None
    difficulty: Literal["easy", "moderate", "hard"] = "moderate"
    num_blocks: int = Field(default=20, ge=2)
    min_score: float = Field(default=0.1, ge=0, lt=1)
    boxes_before: PositiveInt = 1000
    boxes_after: PositiveInt = 83
    max_overlap: float = Field(default=0.2, ge=0, le=1)
    max_boxes: PositiveInt = 500


def precisions(
    frames: Mapping[str, Sequence[KittiFrame]], blocks: Sequence[int], num_blocks: int
) -> dict[str, FloatArray]:
    """Return the (G,) outcomes of mAP and of the average precision of each class, fractions.

    Args:
        frames: S frames by class.
        blocks: (S,) block of each, from 0 to G - 1.
        num_blocks: G.

    Raises:
        EvaluationError: No class has a box that must be found.
    """
    own = {name: every for name, every in frames.items() if any(frame.is_wanted.any() for frame in every)}
    if not own:
        raise EvaluationError(
            "No true box must be found", expected=f"boxes of {', '.join(frames)}",
            found=f"none in {len(blocks)} frames", next_step="test more frames, or a harder difficulty",
        )  # fmt: skip
    whole, without = {}, {}
    for name, every in own.items():
        limit = MIN_OVERLAPS[name]
        whole[name] = kitti_average_precision(every, limit)
        without[name] = [
            kitti_average_precision([frame for frame, own in zip(every, blocks, strict=True) if own != block], limit)
            for block in range(num_blocks)
        ]
    mean, means = float(np.mean(list(whole.values()))), np.mean(list(without.values()), axis=0)
    of_classes = {f"ap_{name}": jackknife_outcomes(value, without[name]) for name, value in whole.items()}
    return {"map": jackknife_outcomes(mean, means), **of_classes}


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure mAP and the average precision of each class."""
    from concord3d.models.centre_detector import CentreDetector

    tested = tested_sweeps(job).validated()
    required_kitti_boxes(tested)
    if settings.max_sweeps is not None:
        tested = tested.subset(even_spread(len(tested), settings.max_sweeps, "max_sweeps"))
    detector = job.load_module()
    assert isinstance(detector, CentreDetector)
    told = Suppression(settings.boxes_before, settings.boxes_after, "rectangles", settings.max_overlap, 0.0)
    detector = detector.eval().to(job.torch_device)
    found = found_boxes(detector, tested, settings.batch_size, settings.min_score, told, CLASSES, settings.max_boxes)
    frames = {name: kitti_frames(tested, found, name, settings.difficulty) for name in CLASSES}
    count = min(settings.num_blocks, len(tested))
    blocks = [row * count // len(tested) for row in range(len(tested))]
    outcomes = precisions(frames, blocks, count)
    return ProtocolResult(
        tuple(record_from_interval(metric, jackknife_interval(each)) for metric, each in outcomes.items()),
        {f"{metric}__last": each for metric, each in outcomes.items()},
        tuple(f"frames from {tested.names[blocks.index(block)]}" for block in range(count)),
        {
            "num_sweeps_tested": len(tested),
            "num_boxes_predicted": len(found.scores),
            "num_boxes_wanted": {name: sum(int(f.is_wanted.sum()) for f in each) for name, each in frames.items()},
            "difficulty": settings.difficulty,
        },
    )


PROTOCOL = Protocol(Settings, run, store="sweeps")

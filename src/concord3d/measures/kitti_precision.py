r"""Average precision of KITTI at 40 recall positions (CMCR spec 5).

Boxes match where they overlap by more than a limit, 0.7 for cars and 0.5 for pedestrians and cyclists, in three
dimensions or from above. Scores at which the recall passes k/40 are thresholds; at each of them boxes are matched
anew, and

.. math:: AP_{40} = \frac{1}{40} \sum_{k=1}^{40} \max_{j \ge k} p_j.

A true box of another difficulty or of a neighbouring class is ignored: it need not be found, and what finds it is no
error. The same holds for predictions that are too small in the picture, and for those in regions without labels.

Shape legend: D predictions and G true boxes of one frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import FloatArray

BoolArray = NDArray[np.bool_]
NUM_POSITIONS = 40


class KittiFrame(NamedTuple):
    """One class in one frame.

    Attributes:
        overlaps: (D, G) IoU.
        scores: (D,).
        is_wanted: (G,) whether a true box must be found; others are ignored.
        is_judged: (D,) whether a prediction that finds nothing is an error.
        is_unlabelled: (D,) whether a prediction lies in a region without labels.
    """

    overlaps: FloatArray
    scores: FloatArray
    is_wanted: BoolArray
    is_judged: BoolArray
    is_unlabelled: BoolArray


def kitti_average_precision(frames: Sequence[KittiFrame], min_overlap: float) -> float:
    """Return the average precision of one class, a fraction; 0 where no true box must be found.

    Args:
        frames: All frames.
        min_overlap: IoU above which boxes match.

    Raises:
        EvaluationError: Arrays of a frame do not fit each other, or a score is not finite.
    """
    for number, frame in enumerate(frames):
        _require_fit(number, frame)
    num_wanted = sum(int(frame.is_wanted.sum()) for frame in frames)
    hits = [score for frame in frames for score in _best_scores(frame, min_overlap)]
    precisions = np.zeros(NUM_POSITIONS + 1)
    for place, threshold in enumerate(_thresholds(hits, num_wanted)):
        right, wrong = np.sum([_counts(frame, min_overlap, threshold) for frame in frames], axis=0)
        precisions[place] = right / (right + wrong) if right + wrong > 0 else 0.0
    best_from = np.maximum.accumulate(precisions[::-1])[::-1]
    return float(best_from[1:].mean())


def _require_fit(number: int, frame: KittiFrame) -> None:
    predicted, true = frame.overlaps.shape
    found = {len(frame.scores), len(frame.is_judged), len(frame.is_unlabelled)}
    if found != {predicted} or len(frame.is_wanted) != true or not np.isfinite(frame.scores).all():
        raise EvaluationError(
            "Overlaps, scores and flags of a frame do not fit", where=f"frame {number}",
            expected=f"{predicted} predictions with finite scores, {true} true boxes",
            found=f"{sorted(found)} predictions, {len(frame.is_wanted)} true boxes",
        )  # fmt: skip


def _best_scores(frame: KittiFrame, min_overlap: float) -> list[float]:
    """Return the scores of predictions that find what must be found; each true box takes the best score."""
    taken, scores = np.zeros(len(frame.scores), dtype=np.bool_), []
    for true in range(frame.overlaps.shape[1]):
        near = np.flatnonzero((frame.overlaps[:, true] > min_overlap) & ~taken)
        if len(near):
            chosen = near[frame.scores[near].argmax()]
            taken[chosen] = True
            if frame.is_wanted[true] and frame.is_judged[chosen]:
                scores.append(float(frame.scores[chosen]))
    return scores


def _thresholds(hits: Sequence[float], num_wanted: int) -> list[float]:
    """Return the scores whose recalls are nearest to the positions."""
    ordered, chosen, position = sorted(hits, reverse=True), list[float](), 0.0
    for number, score in enumerate(ordered):
        is_last = number == len(ordered) - 1
        here = (number + 1) / num_wanted
        after = here if is_last else (number + 2) / num_wanted
        if after - position < position - here and not is_last:
            continue
        chosen.append(score)
        position += 1 / NUM_POSITIONS
    return chosen


def _counts(frame: KittiFrame, min_overlap: float, threshold: float) -> tuple[int, int]:
    """Return right and wrong predictions of at least a score; each true box takes the greatest overlap."""
    left = frame.scores >= threshold
    right = 0
    for true in range(frame.overlaps.shape[1]):
        near = np.flatnonzero((frame.overlaps[:, true] > min_overlap) & left)
        if not len(near):
            continue
        judged = near[frame.is_judged[near]]
        chosen = judged[frame.overlaps[judged, true].argmax()] if len(judged) else near[0]
        left[chosen] = False
        right += int(frame.is_wanted[true] and frame.is_judged[chosen])
    wrong = int((left & frame.is_judged & ~frame.is_unlabelled).sum())
    return right, wrong

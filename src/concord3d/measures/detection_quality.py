r"""mAP, errors of right predictions, and the detection score of nuScenes (CMCR spec 5).

A prediction is right where the nearest true box of its class in its sweep, of those that no prediction of a higher
score has taken, has its centre within a distance, seen from above. With precision :math:`p` interpolated at recalls of
whole percents,

.. math:: AP = \operatorname{mean}_{r > 10\,\%} \frac{\max(0, p_r - 0.1)}{0.9},

mAP its mean over classes and distances, and :math:`NDS = (5\,mAP + \sum_5 (1 - \min(1, err))) / 10`. Errors are means
over the recalls above 10 % that are reached, of means over all predictions of at least the score there.

Sweeps are matched one by one, so that a quality without some scenes needs no new matching.

Shape legend: N boxes, S sweeps, K classes, T thresholds, n predictions of one class, E errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.detection_rules import ERRORS, DetectionRules
from concord3d.statistics.intervals import FloatArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
_RECALLS = np.linspace(0, 1, 101)


class Boxes(NamedTuple):
    """Boxes of many sweeps, in a frame whose z axis is upwards.

    Attributes:
        sweeps: (N,) number of the sweep of each, rising.
        classes: (N,).
        centres: (N, 3) metres.
        sizes: (N, 3) length, width and height.
        yaws: (N,) direction of the front in radians.
        velocities: (N, 2) metres per second; NaN where they are unknown.
        attributes: (N,) number of the attribute, -1 where there is none.
    """

    sweeps: IntArray
    classes: IntArray
    centres: FloatArray
    sizes: FloatArray
    yaws: FloatArray
    velocities: FloatArray
    attributes: IntArray

    def at(self, rows: NDArray[np.generic]) -> Boxes:
        """Return some of them."""
        return Boxes(*(array[rows] for array in self))


class ClassMatches(NamedTuple):
    """What became of the predictions of one class, by falling score.

    Attributes:
        num_true: (S,) true boxes of each sweep.
        sweeps: (n,) sweep of each prediction.
        scores: (n,).
        right: (T, n) whether it is right, by threshold.
        errors: (n, E) of those that are right at the threshold of errors; of others NaN, which in the velocity and the
            attribute also stands for one that the truth does not know.
    """

    num_true: IntArray
    sweeps: IntArray
    scores: FloatArray
    right: BoolArray
    errors: FloatArray


class DetectionQuality(NamedTuple):
    """Qualities as fractions.

    Attributes:
        precisions: (K, T) average precision.
        errors: (K, E); NaN where an error means nothing for a class.
    """

    precisions: FloatArray
    errors: FloatArray

    @property
    def mean_ap(self) -> float:
        """The mean over classes and thresholds."""
        return float(self.precisions.mean(axis=1).mean())

    @property
    def mean_errors(self) -> dict[str, float]:
        """The mean of each error over the classes that it means something for."""
        return dict(zip(ERRORS, np.nanmean(self.errors, axis=0).tolist(), strict=True))

    def score(self, rules: DetectionRules) -> float:
        """Return the NDS."""
        bounded = [max(0.0, 1.0 - error) for error in self.mean_errors.values()]
        return (rules.ap_weight * self.mean_ap + sum(bounded)) / (rules.ap_weight + len(bounded))


def is_judged(boxes: Boxes, vehicles: FloatArray, racks: Boxes, rules: DetectionRules) -> BoolArray:
    """Say which boxes lie in the range of their class, and in no rack for bicycles where that excuses them.

    Args:
        boxes: N true boxes or predictions.
        vehicles: (S, 2) place of the vehicle in each sweep.
        racks: Racks for bicycles; their classes count nothing.
        rules: The rules.

    Returns:
        (N,) bool.
    """
    distance = np.linalg.norm(boxes.centres[:, :2] - vehicles[boxes.sweeps], axis=1)
    kept = distance < np.array(rules.ranges)[boxes.classes]
    excused = np.isin(boxes.classes, [rules.classes.index(name) for name in rules.in_racks])
    for rack in range(len(racks.sweeps)):
        near = np.flatnonzero(excused & kept & (boxes.sweeps == racks.sweeps[rack]))
        offset = boxes.centres[near] - racks.centres[rack]
        cosine, sine = np.cos(racks.yaws[rack]), np.sin(racks.yaws[rack])
        along, across = offset[:, 0] * cosine + offset[:, 1] * sine, offset[:, 1] * cosine - offset[:, 0] * sine
        inside = np.abs(np.stack([along, across, offset[:, 2]], axis=1)) <= racks.sizes[rack] / 2
        kept[near[inside.all(axis=1)]] = False
    return kept


def matched_classes(
    truth: Boxes, predicted: Boxes, scores: FloatArray, num_sweeps: int, rules: DetectionRules
) -> tuple[ClassMatches, ...]:
    """Match the predictions of every class.

    Args:
        truth: True boxes that are judged.
        predicted: Predictions that are judged.
        scores: One of each prediction. Of equal ones the later prediction comes first, as in the official code.
        num_sweeps: S.
        rules: The rules.

    Returns:
        Matches of the K classes.

    Raises:
        EvaluationError: Scores are not as many as predictions or not finite, a class or a sweep does not exist, or a
            sweep has more predictions than the rules allow.
    """
    _require_fit(truth, predicted, scores, num_sweeps, rules)
    by_class = []
    for number in range(len(rules.classes)):
        true = truth.at(truth.classes == number)
        own = np.flatnonzero(predicted.classes == number)
        order = own[np.lexsort((own, scores[own]))[::-1]]
        by_class.append(_matched(true, predicted.at(order), scores[order], num_sweeps, number, rules))
    return tuple(by_class)


def _require_fit(truth: Boxes, predicted: Boxes, scores: FloatArray, num_sweeps: int, rules: DetectionRules) -> None:
    if scores.shape != predicted.sweeps.shape or not np.isfinite(scores).all():
        raise EvaluationError(
            "Predictions need a score each", expected=f"{len(predicted.sweeps)} finite ones", found=scores.shape
        )
    for what, boxes in (("True boxes", truth), ("Predictions", predicted)):
        for name, numbers, count in (
            ("classes", boxes.classes, len(rules.classes)), ("sweeps", boxes.sweeps, num_sweeps),
        ):  # fmt: skip
            if numbers.size and (numbers.min() < 0 or numbers.max() >= count):
                raise EvaluationError(
                    f"{what} lie outside the {name}", expected=f"0 to {count - 1}",
                    found=(int(numbers.min()), int(numbers.max())),
                )  # fmt: skip
    most = int(np.bincount(predicted.sweeps, minlength=1).max())
    if most > rules.max_boxes:
        raise EvaluationError("A sweep has too many predictions", expected=f"at most {rules.max_boxes}", found=most)


def _matched(
    truth: Boxes, predicted: Boxes, scores: FloatArray, num_sweeps: int, number: int, rules: DetectionRules
) -> ClassMatches:
    """Match the predictions of one class, which are ordered by score."""
    partner = np.full((len(rules.thresholds), len(scores)), -1)
    rows_of = _rows_by_sweep(truth.sweeps, num_sweeps)
    for sweep, own in enumerate(_rows_by_sweep(predicted.sweeps, num_sweeps)):
        if len(own) and len(rows_of[sweep]):
            offsets = predicted.centres[own, None, :2] - truth.centres[None, rows_of[sweep], :2]
            distances = np.linalg.norm(offsets, axis=2)
            for place, threshold in enumerate(rules.thresholds):
                taken = _taken(distances, threshold)
                partner[place, own] = np.where(taken >= 0, rows_of[sweep][taken], -1)
    errors = np.full((len(scores), len(ERRORS)), np.nan)
    at_errors = partner[rules.thresholds.index(rules.error_threshold)]
    found = np.flatnonzero(at_errors >= 0)
    errors[found] = box_errors(truth.at(at_errors[found]), predicted.at(found), rules.period(number))
    num_true = np.bincount(truth.sweeps, minlength=num_sweeps).astype(np.int64)
    return ClassMatches(num_true, predicted.sweeps, scores, partner >= 0, errors)


def _rows_by_sweep(sweeps: IntArray, num_sweeps: int) -> list[IntArray]:
    order = np.argsort(sweeps, kind="stable")
    return np.split(order, np.cumsum(np.bincount(sweeps, minlength=num_sweeps))[:-1])


def _taken(distances: FloatArray, threshold: float) -> IntArray:
    """Return the true box that each prediction takes, the first prediction first; -1 where it takes none."""
    left, taken = distances.copy(), np.full(len(distances), -1)
    for row in np.flatnonzero(distances.min(axis=1) < threshold):
        nearest = int(left[row].argmin())
        if left[row, nearest] < threshold:
            taken[row] = nearest
            left[:, nearest] = np.inf
    return taken


def box_errors(truth: Boxes, predicted: Boxes, period: float) -> FloatArray:
    """Return the (N, E) errors of predictions, each beside its true box; NaN where the truth does not know.

    Args:
        truth: N boxes.
        predicted: N boxes.
        period: Angle in radians after which a box looks the same.
    """
    translation = np.linalg.norm(predicted.centres[:, :2] - truth.centres[:, :2], axis=1)
    # The boxes are compared in their sizes alone, as if they were aligned.
    shared = np.minimum(truth.sizes, predicted.sizes).prod(axis=1)
    union = truth.sizes.prod(axis=1) + predicted.sizes.prod(axis=1) - shared
    turn = np.mod(truth.yaws - predicted.yaws + period / 2, period) - period / 2
    velocity = np.linalg.norm(predicted.velocities - truth.velocities, axis=1)
    attribute = np.where(truth.attributes < 0, np.nan, truth.attributes != predicted.attributes)
    return np.stack([translation, 1 - shared / union, np.abs(turn), velocity, attribute], axis=1)


def detection_quality(
    matches: Sequence[ClassMatches], rules: DetectionRules, kept: BoolArray | None = None
) -> DetectionQuality:
    """Return the quality over all sweeps, or over some.

    Args:
        matches: Of :func:`matched_classes`.
        rules: The same rules.
        kept: (S,) sweeps that count.
    """
    precisions = np.zeros((len(matches), len(rules.thresholds)))
    errors = np.ones((len(matches), len(ERRORS)))
    error_place = rules.thresholds.index(rules.error_threshold)
    for number, every in enumerate(matches):
        own = every if kept is None else _kept(every, kept)
        num_true = int(own.num_true.sum())
        for place, right in enumerate(own.right):
            if num_true and right.any():
                precisions[number, place] = _average_precision(right, num_true, rules)
        if num_true and own.right[error_place].any():
            errors[number] = _mean_errors(own, own.right[error_place], num_true, rules)
        errors[number, [ERRORS.index(name) for name in rules.not_judged.get(rules.classes[number], ())]] = np.nan
    return DetectionQuality(precisions, errors)


def _kept(matches: ClassMatches, kept: BoolArray) -> ClassMatches:
    rows = kept[matches.sweeps]
    return ClassMatches(
        matches.num_true[kept], matches.sweeps[rows], matches.scores[rows], matches.right[:, rows], matches.errors[rows]
    )


def _first_counted(rules: DetectionRules) -> int:
    return round(100 * rules.min_recall) + 1


def _average_precision(right: BoolArray, num_true: int, rules: DetectionRules) -> float:
    hits = np.cumsum(right).astype(np.float64)
    precision = np.interp(_RECALLS, hits / num_true, hits / np.arange(1, len(hits) + 1), right=0)
    above = np.maximum(precision[_first_counted(rules) :] - rules.min_precision, 0)
    return float(above.mean()) / (1 - rules.min_precision)


def _mean_errors(matches: ClassMatches, right: BoolArray, num_true: int, rules: DetectionRules) -> FloatArray:
    """Return the (E,) errors of a class, 1 where the recall that counts is not reached."""
    hits = np.cumsum(right).astype(np.float64)
    score_at = np.interp(_RECALLS, hits / num_true, matches.scores, right=0)
    reached = np.flatnonzero(score_at)
    first, last = _first_counted(rules), int(reached[-1]) if len(reached) else 0
    if last < first:
        return np.ones(len(ERRORS))
    scores, means = matches.scores[right], _running_means(matches.errors[right])
    curves = [np.interp(score_at[::-1], scores[::-1], of_error[::-1])[::-1] for of_error in means.T]
    return np.array([curve[first : last + 1].mean() for curve in curves])


def _running_means(values: FloatArray) -> FloatArray:
    """Return the (n, E) means of all rows up to each, of what is known; 0 before that, and 1 where nothing ever is."""
    known = ~np.isnan(values)
    counts = np.cumsum(known, axis=0)
    means = np.divide(np.nancumsum(values, axis=0), counts, out=np.zeros(values.shape), where=counts > 0)
    return np.where(known.any(axis=0), means, 1.0)

"""Literal transcriptions of formulas of detection, one box and one step at a time."""

from __future__ import annotations

import math
from typing import Any

NOTHING = -10_000_000.0


def kitti_statistics(
    frame: dict[str, Any], min_overlap: float, threshold: float, counting: bool
) -> tuple[int, int, list[float]]:
    """Match one frame as the evaluation of KITTI does: right, wrong, scores of right ones."""
    overlaps, scores = frame["overlaps"], frame["scores"]
    assigned = [False] * len(scores)
    too_low = [counting and score < threshold for score in scores]
    right, wrong, hits = 0, 0, []
    for true in range(len(frame["wanted"])):
        chosen, valid, most, chosen_is_ignored = -1, NOTHING, 0.0, False
        for j in range(len(scores)):
            if assigned[j] or too_low[j]:
                continue
            overlap, ignored = overlaps[j][true], not frame["judged"][j]
            if not counting and overlap > min_overlap and scores[j] > valid:
                chosen, valid = j, scores[j]
            elif counting and overlap > min_overlap and (overlap > most or chosen_is_ignored) and not ignored:
                most, chosen, valid, chosen_is_ignored = overlap, j, 1.0, False
            elif counting and overlap > min_overlap and valid == NOTHING and ignored:
                chosen, valid, chosen_is_ignored = j, 1.0, True
        if valid != NOTHING:
            assigned[chosen] = True
            if frame["wanted"][true] and frame["judged"][chosen]:
                right += 1
                hits.append(scores[chosen])
    if counting:
        for j in range(len(scores)):
            if not (assigned[j] or not frame["judged"][j] or too_low[j]):
                wrong += 1
        for j in range(len(scores)):
            if frame["unlabelled"][j] and not (assigned[j] or not frame["judged"][j] or too_low[j]):
                wrong -= 1
    return right, wrong, hits


def kitti_ap(frames: list[dict[str, Any]], min_overlap: float) -> float:
    wanted = sum(sum(frame["wanted"]) for frame in frames)
    hits = sorted((h for f in frames for h in kitti_statistics(f, min_overlap, 0, False)[2]), reverse=True)
    thresholds, recall = [], 0.0
    for i, score in enumerate(hits):
        left = (i + 1) / wanted
        right = (i + 2) / wanted if i < len(hits) - 1 else left
        if right - recall < recall - left and i < len(hits) - 1:
            continue
        thresholds.append(score)
        recall += 1 / 40
    precision = [0.0] * 41
    for i, threshold in enumerate(thresholds):
        found = [kitti_statistics(frame, min_overlap, threshold, True) for frame in frames]
        right_sum, wrong_sum = sum(each[0] for each in found), sum(each[1] for each in found)
        precision[i] = right_sum / (right_sum + wrong_sum)
    for i in range(41):
        precision[i] = max(precision[i:])
    return sum(precision[1:]) / 40


def heat_loss(found: Any, target: Any) -> float:
    """The focal loss of CornerNet over nested lists (maps, rows, columns) of probabilities."""
    total, centres = 0.0, 0
    for p_map, y_map in zip(found, target, strict=True):
        for p_row, y_row in zip(p_map, y_map, strict=True):
            for p, y in zip(p_row, y_row, strict=True):
                if y == 1:
                    total -= (1 - p) ** 2 * math.log(p)
                    centres += 1
                else:
                    total -= (1 - y) ** 4 * p**2 * math.log(1 - p)
    return total / max(1, centres)


def box_distance(found: Any, target: Any, weights: list[float]) -> float:
    """Weighted absolute differences, added up over the numbers of a box, averaged over boxes; NaN counts nothing."""
    total = 0.0
    for own, true in zip(found, target, strict=True):
        for a, b, weight in zip(own, true, weights, strict=True):
            if not math.isnan(b):
                total += weight * abs(a - b)
    return total / max(1, len(target))


def heat_map(centre: tuple[int, int], radius: int, shape: tuple[int, int]) -> list[list[float]]:
    """The Gaussian of one centre, cut off at its radius."""
    sigma = (2 * radius + 1) / 6
    drawn = [[0.0] * shape[1] for _ in range(shape[0])]
    for x in range(-radius, radius + 1):
        for y in range(-radius, radius + 1):
            row, column = centre[0] + x, centre[1] + y
            if 0 <= row < shape[0] and 0 <= column < shape[1]:
                drawn[row][column] = math.exp(-(x * x + y * y) / (2 * sigma * sigma))
    return drawn

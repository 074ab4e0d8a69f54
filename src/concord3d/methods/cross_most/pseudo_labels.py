"""Labels that a teacher gives to objects, from what it says of the picture and of the cloud (Cross-MoST spec 3.4).

Shape legend: B objects, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from concord3d.errors import ConfigError

LabelRule = Literal["joint", "per_modality", "random", "agreement", "from_pictures", "from_points"]


class Votes(NamedTuple):
    """The class that each branch of a teacher takes to be the most likely, with its probability.

    Attributes:
        picture_label: (B,) int64; -1 with probability 0 where the branch was not asked, likewise of points.
        picture_confidence: (B,) in [0, 1].
        point_label: (B,) int64.
        point_confidence: (B,) in [0, 1].
    """

    picture_label: Tensor
    picture_confidence: Tensor
    point_label: Tensor
    point_confidence: Tensor


class Labels(NamedTuple):
    """What each branch of a student learns of a batch.

    Attributes:
        pictures: (B,) int64, labels of the picture branch.
        pictures_kept: (B,) bool, whether the branch learns from them.
        points: (B,) int64.
        points_kept: (B,) bool.
        from_points: (B,) bool, whether the picture branch's label is the point branch's vote.
    """

    pictures: Tensor
    pictures_kept: Tensor
    points: Tensor
    points_kept: Tensor
    from_points: Tensor


@dataclass(frozen=True)
class Thresholds:
    """Confidences above which a label is kept.

    Attributes:
        joint: Of labels that both branches share.
        pictures: Of the picture branch's own.
        points: Of the point branch's own.
        agreement: Of the less confident branch, where both must agree.
        point_factor: omega_P, which the point branch's confidence is multiplied by before it is compared.
    """

    joint: float
    pictures: float
    points: float
    agreement: float = 0.2
    point_factor: float = 1.0

    def __post_init__(self) -> None:
        for name in ("joint", "pictures", "points", "agreement"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ConfigError(
                    "A threshold is no probability", where=name, expected="a number in [0, 1]", found=value
                )


def vote_of(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (B,) labels and probabilities of the most likely classes of (B, K) logits."""
    confidence, label = logits.float().softmax(1).max(1)
    return label, confidence


def votes_of(picture_logits: Tensor, point_logits: Tensor) -> Votes:
    """Return what two (B, K) arrays of logits vote for."""
    return Votes(*vote_of(picture_logits), *vote_of(point_logits))


def joint_confidence(votes: Votes, point_factor: float) -> Tensor:
    """Return (B,) max(c_I, omega_P c_P)."""
    return torch.maximum(votes.picture_confidence, point_factor * votes.point_confidence)


def labels_of(votes: Votes, rule: LabelRule, thresholds: Thresholds, draw: torch.Generator) -> Labels:
    """Return the labels of a batch.

    Args:
        votes: Of the teacher.
        rule: ``joint``: the more confident branch labels the object for both. ``per_modality``: each branch learns from
            its own votes. ``random``: a coin says whose vote labels the object for both. ``agreement``: only objects
            on which both agree. ``from_pictures``, ``from_points``: one branch labels the object for both.
        thresholds: What is kept.
        draw: CPU generator of the coins.

    Source: Cross-MoST spec 3.4; of equal confidences the picture's wins (Cross-MoST spec 9, trap 5).
    """
    return _RULES[rule](votes, thresholds, draw)


def _shared(label: Tensor, kept: Tensor, from_points: Tensor) -> Labels:
    return Labels(label, kept, label, kept, from_points)


def _chosen(votes: Votes, thresholds: Thresholds, from_points: Tensor) -> Labels:
    label = torch.where(from_points, votes.point_label, votes.picture_label)
    confidence = torch.where(from_points, thresholds.point_factor * votes.point_confidence, votes.picture_confidence)
    return _shared(label, confidence > thresholds.joint, from_points)


def _joint(votes: Votes, thresholds: Thresholds, draw: torch.Generator) -> Labels:
    return _chosen(votes, thresholds, thresholds.point_factor * votes.point_confidence > votes.picture_confidence)


def _per_modality(votes: Votes, thresholds: Thresholds, draw: torch.Generator) -> Labels:
    return Labels(
        votes.picture_label,
        votes.picture_confidence > thresholds.pictures,
        votes.point_label,
        votes.point_confidence > thresholds.points,
        torch.zeros_like(votes.picture_label, dtype=torch.bool),
    )


def _random(votes: Votes, thresholds: Thresholds, draw: torch.Generator) -> Labels:
    coins = torch.rand(len(votes.picture_label), generator=draw).to(votes.picture_confidence.device)
    return _chosen(votes, thresholds, coins < 0.5)


def _agreement(votes: Votes, thresholds: Thresholds, draw: torch.Generator) -> Labels:
    agreed = votes.picture_label == votes.point_label
    less = torch.minimum(votes.picture_confidence, votes.point_confidence)
    return _shared(votes.picture_label, agreed & (less > thresholds.agreement), torch.zeros_like(agreed))


def _from_pictures(votes: Votes, thresholds: Thresholds, draw: torch.Generator) -> Labels:
    kept = votes.picture_confidence > thresholds.pictures
    return _shared(votes.picture_label, kept, torch.zeros_like(kept))


def _from_points(votes: Votes, thresholds: Thresholds, draw: torch.Generator) -> Labels:
    kept = votes.point_confidence > thresholds.points
    return _shared(votes.point_label, kept, torch.ones_like(kept))


_RULES: dict[str, Callable[[Votes, Thresholds, torch.Generator], Labels]] = {
    "joint": _joint,
    "per_modality": _per_modality,
    "random": _random,
    "agreement": _agreement,
    "from_pictures": _from_pictures,
    "from_points": _from_points,
}
assert set(_RULES) == set(get_args(LabelRule))


def coverage_thresholds(votes: Votes, coverage: float, point_factor: float, agreement: float = 0.2) -> Thresholds:
    """Return thresholds that keep a share of the objects of a data set, as the initial teacher sees them.

    No label of the data set is read. Of objects that are equally confident all are kept or none, so that more than the
    share may be, and fewer by less than one object.

    Args:
        votes: Of the initial teacher, for all objects.
        coverage: The share, for joint labels and for each branch's own.
        point_factor: omega_P.
        agreement: Of the less confident branch, which is not set by coverage.

    Source: ours. Where a teacher is unsure, the published thresholds keep next to nothing.
    """

    def threshold(confidence: Tensor) -> float:
        found = float(confidence.double().quantile(1 - coverage))
        if int((confidence > found).sum()) >= math.floor(coverage * len(confidence)):
            return found
        least = confidence[confidence <= found].max()
        return float(torch.nextafter(least, torch.zeros_like(least)))

    return Thresholds(
        threshold(joint_confidence(votes, point_factor)),
        threshold(votes.picture_confidence),
        threshold(votes.point_confidence),
        agreement,
        point_factor,
    )

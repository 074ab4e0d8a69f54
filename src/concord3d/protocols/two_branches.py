"""Accuracy of both branches of a student and of its teacher (Cross-MoST spec 5).

The picture branch sees one view of each shape, chosen by the seed of the protocol; beside it stands what any view gives
to the student on average. The selection ``last`` is the last epoch. ``best_test`` is the snapshot whose student
classifies clouds of the test split best, as the released code chooses.

Shape legend: T test shapes, V views, K classes, D feature width.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.features.unseen_classes import UnseenClasses
from concord3d.protocols.evaluation.results import ProtocolResult, Record, class_accuracies, mean_record
from concord3d.protocols.evaluation.two_branch_outputs import Floats, Said, drawn_views, said_of
from concord3d.protocols.interface import Protocol

if TYPE_CHECKING:
    from concord3d.batches.unlabelled import PictureSource
    from concord3d.data.stores.objects import CloudSplit
    from concord3d.protocols.evaluation.job import EvaluationJob

MODELS = ("student", "teacher")
_RESAMPLES = 1000
_CURVE_PARTS = 10


class Settings(StrictModel):
    """Settings of the evaluation of two branches.

    Attributes:
        num_points: First points of each cloud; null takes as many as in training.
        batch_size: Shapes per forward pass.
        view_seed: Decides the one view of each shape.
        of_snapshots: Also measure each kept snapshot, for curves, for the choice that the released code makes, and for
            the models in the middle of the training.
        unseen: By data set, names of classes of which the accuracy is also measured apart, such as those that the
            pre-training of a point encoder has not seen.
        coverage: Share of the shapes of whose most confident votes the precision is measured.
    """

    num_points: PositiveInt | None = None
    batch_size: PositiveInt = 64
    view_seed: int = Field(default=0, ge=0)
    of_snapshots: bool = False
    unseen: dict[str, tuple[str, ...]] = {}
    coverage: float = Field(default=0.5, gt=0, le=1)


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure both branches, the more confident of both, and how near both lie to each other."""
    test, pictures = job.tested_clouds(classified=True), job.pictures()
    views = drawn_views(pictures, settings.view_seed)
    module = job.load_module()
    said = _said_by(module, job, settings, test, pictures, views)
    correct: dict[str, NDArray[np.float64]] = {}
    for name, its in said.items():
        prefix = "" if name == "student" else f"{name}_"
        correct |= {f"{prefix}{metric}": right for metric, right in _correct(its, test.labels).items()}
    student = said["student"]
    if test.dataset in settings.unseen:
        unseen = UnseenClasses(settings.unseen[test.dataset]).labels(test.class_names, test.dataset)
        correct |= _apart(correct, np.isin(test.labels, unseen))
    shown = {"pictures": student.pictures.argmax(1), "points": student.points.argmax(1)}
    gaps = _pair_gaps(student)
    votes = _confident(said["teacher"], test.labels, settings.coverage)
    records = [mean_record(metric, right) for metric, right in (correct | votes).items()]
    records.append(mean_record("pair_gap", gaps, unit="cosine"))
    items = {f"{metric}__last": right for metric, right in correct.items()} | {"pair_gap__last": gaps}
    details: dict[str, Any] = {
        "num_views": pictures.num_views,
        "num_points": job.num_points(settings.num_points, test.points.shape[1]),
        "num_classes": len(test.class_names),
        "class_accuracy": {
            branch: class_accuracies((found == test.labels).astype(np.float64), test.labels, test.class_names)
            for branch, found in shown.items()
        },
        "label_curves": _label_curves(said["teacher"], test.labels),
    }
    for branch, found in shown.items():
        records.append(_class_entropy(f"{branch}_class_entropy", found, len(test.class_names)))
    if settings.of_snapshots:
        kept = _of_snapshots(job, settings, test, pictures, views, said)
        details["by_snapshot"] = kept.curves
        records += [mean_record(metric, right) for metric, right in kept.middle.items()]
        items |= {f"{metric}__last": right for metric, right in kept.middle.items()}
        records += [replace(mean_record(metric, right), selection="best_test") for metric, right in kept.best.items()]
        items |= {f"{metric}__best_test": right for metric, right in kept.best.items()}
    arrays = {"labels": test.labels, **{f"predicted_{branch}": found for branch, found in shown.items()}}
    reasons = {f"{branch}_class_entropy": "it is a number of the whole split" for branch in shown}
    reasons |= dict.fromkeys(votes, "every training is confident about other shapes")
    return ProtocolResult(tuple(records), items, test.names, details, arrays, reasons)


def _said_by(
    module: Any,
    job: EvaluationJob,
    settings: Settings,
    test: CloudSplit,
    pictures: PictureSource,
    views: NDArray[np.int64],
) -> dict[str, Said]:
    """Return what student and teacher say; the student looks at every view. Without a training both are the same."""
    num_points = job.num_points(settings.num_points, test.points.shape[1])
    told = (test, pictures, views, num_points, settings.batch_size, job.torch_device)
    student = said_of(module.student, *told, every_view=True)
    if job.run_config.get("training", {}).get("epochs") == 0:
        return {"student": student, "teacher": student._replace(of_views=None)}
    return {"student": student, "teacher": said_of(module.teacher, *told)}


def _softmax(logits: Floats) -> Floats:
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    found: Floats = exponentials / exponentials.sum(-1, keepdims=True)
    return found


def _correct(said: Said, labels: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return (T,) outcomes by metric."""
    chosen, points = _softmax(said.pictures), _softmax(said.points)
    # Of equal confidences the picture's wins, as in training.
    joint = np.where(points.max(1) > chosen.max(1), points.argmax(1), chosen.argmax(1))
    right = {
        "image_top1": chosen.argmax(1) == labels,
        "point_top1": points.argmax(1) == labels,
        "joint_top1": joint == labels,
    }
    if said.of_views is not None:
        right["image_any_view_top1"] = (said.of_views.argmax(2) == labels[:, None]).mean(1)
        right["image_all_views_top1"] = said.of_views.mean(1).argmax(1) == labels
    return {metric: np.asarray(outcomes, np.float64) for metric, outcomes in right.items()}


def _votes(said: Said) -> dict[str, Floats]:
    """Return (T, K) probabilities by who votes: each branch, and the more confident of both, equally weighted."""
    pictures, points = _softmax(said.pictures), _softmax(said.points)
    by_points = points.max(1) > pictures.max(1)
    return {"image": pictures, "point": points, "joint": np.where(by_points[:, None], points, pictures)}


def _surest(shares: Floats) -> NDArray[np.int64]:
    return np.argsort(-shares.max(1), kind="stable")


def _confident(said: Said, labels: NDArray[np.int64], coverage: float) -> dict[str, NDArray[np.float64]]:
    """Return (T,) outcomes of the most confident votes, NaN for the others: what such pseudo-labels are worth.

    Each branch, and the more confident of both, votes for the same number of shapes.
    """
    count = max(1, round(coverage * len(labels)))
    outcomes = {}
    for name, shares in _votes(said).items():
        kept = _surest(shares)[:count]
        right = np.full(len(labels), np.nan)
        right[kept] = shares[kept].argmax(1) == labels[kept]
        outcomes[f"{name}_label_precision"] = right
    return outcomes


def _label_curves(said: Said, labels: NDArray[np.int64]) -> dict[str, dict[str, list[float]]]:
    """Return what votes are worth, by how many are kept: the most confident 10, 20, ..., 100 % of the shapes.

    Returns:
        By who votes ``coverage`` and ``right`` in percent, and ``confidence``, that of the least confident vote kept.
    """
    curves = {}
    for name, shares in _votes(said).items():
        order = _surest(shares)
        right = np.cumsum(shares[order].argmax(1) == labels[order])
        counts = [max(1, round(part * len(labels) / _CURVE_PARTS)) for part in range(1, _CURVE_PARTS + 1)]
        curves[name] = {
            "coverage": [round(100 * count / len(labels), 2) for count in counts],
            "right": [round(float(100 * right[count - 1] / count), 2) for count in counts],
            "confidence": [round(float(shares[order[count - 1]].max()), 4) for count in counts],
        }
    return curves


def _apart(correct: dict[str, NDArray[np.float64]], unseen: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """Return the student's outcomes on the unseen classes and on the others, NaN elsewhere."""
    outcomes = {}
    for metric in ("image_top1", "point_top1"):
        outcomes[f"{metric}_unseen"] = np.where(unseen, correct[metric], np.nan)
        outcomes[f"{metric}_seen"] = np.where(unseen, np.nan, correct[metric])
    return outcomes


def _pair_gaps(said: Said) -> NDArray[np.float64]:
    """Return per shape the cosine of its picture and its cloud, minus the mean over clouds of other shapes."""
    cosines = said.picture_features @ said.point_features.T
    own = np.diag(cosines)
    others = (cosines.sum(1) - own) / max(1, len(cosines) - 1)
    return np.asarray(own - others, np.float64)


def _class_entropy(metric: str, predicted: NDArray[np.int64], num_classes: int) -> Record:
    """Return the entropy in nats of the distribution of predicted classes, with a bootstrap interval over shapes."""

    def entropy(found: NDArray[np.int64]) -> float:
        shares = np.bincount(found, minlength=num_classes) / len(found)
        shares = shares[shares > 0]
        return float(-(shares * np.log(shares)).sum())

    rng = np.random.default_rng(0)
    drawn = [entropy(predicted[rng.integers(len(predicted), size=len(predicted))]) for _ in range(_RESAMPLES)]
    # The entropy of a resample is too low on average: its spread counts, around the value.
    value, centre = entropy(predicted), float(np.mean(drawn))
    low, high = np.percentile(drawn, (2.5, 97.5)) - centre + value
    return Record(metric, value, len(predicted), float(low), float(high), unit="nats")


class Snapshots(NamedTuple):
    """What the kept snapshots of a training say.

    Attributes:
        curves: Accuracy in percent by snapshot, and by model and metric.
        best: The student's outcomes at the snapshot that is best on the test split.
        middle: Outcomes of both models at the snapshot in the middle of the training.
    """

    curves: dict[str, dict[str, float]]
    best: dict[str, NDArray[np.float64]]
    middle: dict[str, NDArray[np.float64]]


def _of_snapshots(
    job: EvaluationJob,
    settings: Settings,
    test: CloudSplit,
    pictures: PictureSource,
    views: NDArray[np.int64],
    at_last: dict[str, Said],
) -> Snapshots:
    """Measure the kept snapshots, of which the last is the end of the training, where ``at_last`` is what is said."""
    curves: dict[str, dict[str, float]] = {}
    best: dict[str, NDArray[np.float64]] = {}
    middle: dict[str, NDArray[np.float64]] = {}
    paths = list(job.snapshot_paths) or [job.model_path]
    for number, path in enumerate(paths, start=1):
        said, curves[path.stem] = at_last, {}
        if number < len(paths):
            said = _said_by(job.load_module(path), job, settings, test, pictures, views)
        for name in MODELS:
            outcomes = _correct(said[name], test.labels)
            curves[path.stem] |= {f"{name}_{metric}": float(100 * right.mean()) for metric, right in outcomes.items()}
            if name == "student" and (not best or outcomes["point_top1"].mean() > best["point_top1"].mean()):
                best = outcomes
            if len(paths) > 1 and number == (len(paths) + 1) // 2:
                middle |= {f"middle_{name}_{metric}": outcomes[metric] for metric in ("image_top1", "point_top1")}
    return Snapshots(curves, best, middle)


PROTOCOL = Protocol(Settings, run, needs=("pictures",))

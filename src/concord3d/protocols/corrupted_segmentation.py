"""mIoU of a trained segmenter on corrupted LiDAR sweeps, and what it loses in relation to a reference (CMCR spec 5).

A corrupted data set holds every sweep as it was recorded and once for each corruption and severity; all of them are of
the same scenes, so the numbers of a scene rise and fall together. Scenes are what intervals take to be drawn at random
and what comparisons are paired over, as in :mod:`concord3d.protocols.sweep_segmentation`.

Shape legend: D conditions (as recorded, then each corruption at each severity), S keyframes, K classes, G scenes,
I corruptions, V severities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt, field_validator

from concord3d.config.validation import StrictModel
from concord3d.data.corruptions import CLEAN, CORRUPTIONS, SEVERITIES, condition_name, condition_of, conditions
from concord3d.data.even_spread import even_spread
from concord3d.errors import EvaluationError
from concord3d.measures.corruption_error import corruption_errors, resilience_rates
from concord3d.measures.sweep_confusion import AbsentClass, SceneConfusions, class_iou, mean_iou
from concord3d.protocols.evaluation.results import ProtocolResult, Record, record_from_interval
from concord3d.protocols.evaluation.segmented_sweeps import (
    labelled_sweeps,
    loaded_segmenter,
    scenes_of,
    sweep_confusions,
)
from concord3d.protocols.interface import Protocol
from concord3d.statistics.jackknife import jackknife_interval, jackknife_outcomes, sums_without_each
from concord3d.statistics.joint_means import Uncertainty

if TYPE_CHECKING:
    from concord3d.data.stores.sweeps import SweepSplit
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.statistics.intervals import FloatArray

# Mean IoU of MinkUNet-18 in percent, averaged over severities (Robo3D).
MINKUNET_18 = {
    "fog": 53.64, "wet_ground": 73.91, "snow": 40.35, "motion_blur": 73.39, "beam_missing": 68.54, "crosstalk": 26.58,
    "incomplete_echo": 63.83, "cross_sensor": 50.95,
}  # fmt: skip
_UNITS = {"mce": "% of MinkUNet-18", "mrr": "% of clean"}
_CONDITIONS = (CLEAN, *(condition_name(*pair) for pair in conditions()))


class Settings(StrictModel):
    """Settings of the segmentation of corrupted sweeps.

    Attributes:
        batch_size: Sweeps per forward pass.
        max_keyframes: So many keyframes of an even spread are tested, under all corruptions; null tests all.
        absent_class: What a class counts that is neither predicted nor true, as in ``sweep_segmentation``. A corruption
            that takes all points of a class away must not be rewarded, so that here it counts nothing.
        reference: Mean IoU in percent of the network whose errors are the unit of mCE, by corruption.
    """

    batch_size: PositiveInt = 4
    max_keyframes: PositiveInt | None = None
    absent_class: AbsentClass = "left_out"
    reference: dict[str, float] = MINKUNET_18

    @field_validator("reference")
    @classmethod
    def _every_corruption(cls, reference: dict[str, float]) -> dict[str, float]:
        if set(reference) != set(CORRUPTIONS) or not all(0 <= value < 100 for value in reference.values()):
            raise ValueError(f"must give a percentage below 100 for each of {', '.join(CORRUPTIONS)}")
        return reference


class _Tested(NamedTuple):
    """The sweeps of each condition, in the order of :data:`_CONDITIONS` and of the same S keyframes."""

    sweeps: SweepSplit
    rows: NDArray[np.int64]  # (D, S)


def _tested(sweeps: SweepSplit, max_keyframes: int | None) -> _Tested:
    """Sort the sweeps of a corrupted data set by condition.

    Raises:
        EvaluationError: A keyframe lacks a condition, or there is another one.
        ConfigError: There are fewer keyframes than asked for.
    """
    place: dict[str, dict[str, int]] = {}
    for row, name in enumerate(sweeps.names):
        keyframe, condition = condition_of(name) if name.count("/") > 1 else (name, "")
        place.setdefault(keyframe, {})[condition] = row
    for keyframe, found in place.items():
        if set(found) != set(_CONDITIONS):
            raise EvaluationError(
                "A keyframe does not have every corruption once",
                where=f"{sweeps.dataset}/{sweeps.split}: {keyframe}",
                expected=f"{CLEAN}, and {len(_CONDITIONS) - 1} corruptions",
                found=", ".join(found) or "none",
            )
    keyframes = list(place)
    if max_keyframes is not None:
        keyframes = [keyframes[row] for row in even_spread(len(keyframes), max_keyframes, "max_keyframes")]
    return _Tested(sweeps, np.array([[place[each][name] for each in keyframes] for name in _CONDITIONS]))


def _miou_without_each(scenes: SceneConfusions, absent: AbsentClass) -> tuple[float, FloatArray]:
    """Return the mean IoU of a condition, and (G,) without each scene."""
    occurring = ~np.isnan(class_iou(scenes.total))
    return float(mean_iou(scenes.total, absent)), mean_iou(sums_without_each(scenes.sums), absent, occurring)


def _figures(miou: FloatArray, reference: FloatArray) -> dict[str, FloatArray]:
    """Return every figure of (..., D) mean IoU, by metric."""
    clean, rest = miou[..., 0], miou[..., 1:].reshape(*miou.shape[:-1], len(CORRUPTIONS), len(SEVERITIES))
    averages = np.moveaxis(rest.mean(axis=-1), -1, 0)
    return {
        "mce": 100 * corruption_errors(rest, reference).mean(axis=-1),
        "mrr": 100 * resilience_rates(rest, clean).mean(axis=-1),
        "clean_miou": clean,
        **{f"{name}_miou": average for name, average in zip(CORRUPTIONS, averages, strict=True)},
    }


def _record(metric: str, outcomes: FloatArray) -> Record:
    """Return the record of outcomes per scene; what may exceed 100 % is no proportion."""
    if metric not in _UNITS:
        return record_from_interval(metric, jackknife_interval(outcomes))
    value = float(outcomes.mean())
    low, high = Uncertainty(float(outcomes.var(ddof=1)) / len(outcomes), len(outcomes) - 1).ends(value)
    return Record(metric, value, len(outcomes), low, high, unit=_UNITS[metric])


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure mIoU as recorded and under each corruption, corruption error and resilience."""
    segmenter = loaded_segmenter(job)
    sweeps, rows = _tested(labelled_sweeps(job, segmenter), settings.max_keyframes)
    # As recorded first; one condition after another keeps the memory of one of them.
    scenes = scenes_of(sweeps.subset(rows[0]))
    confusions = np.stack([
        sweep_confusions(segmenter, sweeps.subset(of_condition), settings.batch_size, job.torch_device)
        for of_condition in rows
    ])  # fmt: skip
    summed = [SceneConfusions.of(of_condition, scenes) for of_condition in confusions]
    whole, without = zip(*(_miou_without_each(each, settings.absent_class) for each in summed), strict=True)
    reference = np.array([settings.reference[name] for name in CORRUPTIONS]) / 100
    miou = np.array(whole)
    values, parts = _figures(miou, reference), _figures(np.stack(without, axis=-1), reference)
    outcomes = {metric: jackknife_outcomes(float(value), parts[metric]) for metric, value in values.items()}
    by_condition: dict[str, Any] = dict(zip(_CONDITIONS, (100 * miou).tolist(), strict=True))
    return ProtocolResult(
        tuple(_record(metric, each) for metric, each in outcomes.items()),
        {f"{metric}__last": each for metric, each in outcomes.items()},
        summed[0].names,
        {"num_keyframes_tested": rows.shape[1], "num_scenes_tested": len(summed[0].names), "miou": by_condition},
        {"confusions": confusions, "conditions": np.array(_CONDITIONS)},
    )


PROTOCOL = Protocol(Settings, run, store="sweeps")

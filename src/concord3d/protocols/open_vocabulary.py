"""Zero-shot accuracy among a few classes alone, meant for those that no training has seen.

Shapes of other classes take no part, and their names are no candidates. For the encoders that were trained with
``data.without_classes``, and whose tower was aligned without these classes too, the answers are zero-shot in the strict
sense; the same question to other encoders tells what seeing the classes is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, PositiveInt

from concord3d.measures.zero_shot import zero_shot_correct
from concord3d.protocols.evaluation.results import (
    ProtocolResult,
    class_accuracies,
    mean_record,
    record_from_interval,
)
from concord3d.protocols.interface import PUBLISHED_ALIGNED_POINTS, AlignedSettings, Protocol
from concord3d.statistics.intervals import class_mean_interval, class_mean_outcomes

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob


class Settings(AlignedSettings):
    """Settings of classification among a few classes.

    Attributes:
        classes: Their names.
        num_resamples: Draws to average over where clouds hold fewer points than the encoder takes.
    """

    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    num_resamples: PositiveInt = 10


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure the accuracy among the names of the classes, and its mean over these classes."""
    from concord3d.features.unseen_classes import UnseenClasses

    every = job.tested_clouds(classified=True)
    chosen = UnseenClasses(settings.classes).labels(every.class_names, every.dataset)
    rows = np.flatnonzero(np.isin(every.labels, chosen))
    test = every.subset(rows)
    labels, names = np.searchsorted(chosen, test.labels), tuple(every.class_names[label] for label in chosen)
    encoding = job.encoding(settings, PUBLISHED_ALIGNED_POINTS)
    num_draws = settings.num_resamples if encoding.is_resampled(every) else 1
    draws = []
    for draw in range(num_draws):
        # All clouds are encoded: other protocols ask for the same features.
        embeddings = encoding.features("test", draw=draw)[rows]
        classes = job.tower.classes(len(every.class_names), embeddings.shape[1])[chosen]
        draws.append(zero_shot_correct(embeddings, classes, labels, (1,))[1])
    correct = np.mean(draws, axis=0)
    above_chance = 100 * (correct - 1 / len(names))
    records = (
        mean_record("top1", correct),
        mean_record("top1_above_chance", above_chance, unit="points"),
        record_from_interval("class_mean_top1", class_mean_interval(correct, labels)),
    )
    left_out = UnseenClasses(job.run_config["data"].get("without_classes") or ())
    details = {
        **encoding.details(test),
        "num_classes": len(names),
        "num_classes_tested": len(np.unique(labels)),
        "num_resamples": num_draws if encoding.is_resampled(every) else 0,
        "unseen_in_training": [name for name in names if left_out.is_one(name)],
        "class_accuracy": class_accuracies(correct, labels, names),
    }
    items = {
        "top1__last": correct,
        "top1_above_chance__last": above_chance,
        "class_mean_top1__last": class_mean_outcomes(correct, labels),
    }
    return ProtocolResult(records, items, test.names, details, {"labels": labels})


PROTOCOL = Protocol(Settings, run, needs=("classes",))

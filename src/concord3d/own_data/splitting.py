"""A training and a test split of data that have none, by a seed and class by class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from concord3d.data.stores.objects import CloudSplit
from concord3d.errors import ConfigError, EvaluationError
from concord3d.own_data.errors import LonelyClasses
from concord3d.own_data.reading import OwnData


@dataclass(frozen=True)
class SeededSplit:
    """How data without splits are split.

    Attributes:
        test_share: Share of each class that is tested, at least one item and not all.
        seed: Seed of the draw.
    """

    test_share: float = 0.3
    seed: int = 0


def train_and_test(data: OwnData, split: SeededSplit) -> tuple[CloudSplit, CloudSplit, str]:
    """Return the splits that the data bring, else those that a seed draws, and a sentence about them.

    Args:
        data: The clouds.
        split: How they are split where they bring no splits.

    Raises:
        EvaluationError: Clouds without a class, or one split alone.
        LonelyClasses: A class has one member.
        ConfigError: The share is not between 0 and 1.
    """
    if "all" not in data.splits:
        lacking = {"train", "test"} - data.splits.keys()
        if lacking:
            raise EvaluationError(
                "A protocol that trains a classifier needs two splits",
                expected="train and test, or neither",
                found=", ".join(data.splits),
                next_step=f"add a folder {lacking.pop()}, or leave both out: a seed draws them then",
            )
        train, test = data.splits["train"], data.splits["test"]
        require_classes(train)
        require_classes(test)
        return train, test, f"split: {len(train)} in train and {len(test)} in test, as the data bring them"
    if not 0 < split.test_share < 1:
        raise ConfigError("A share of test items", expected="between 0 and 1", found=split.test_share)
    clouds = data.splits["all"]
    require_classes(clouds)
    counts = np.bincount(clouds.labels, minlength=len(clouds.class_names))
    lonely = [name for name, count in zip(clouds.class_names, counts, strict=True) if count == 1]
    if lonely:
        raise LonelyClasses(
            f"{len(lonely)} of {len(counts)} classes have one member",
            expected="two members of a class, one for each split",
            found=", ".join(lonely[:8]),
            next_step="add members, move the classes away, or use zero_shot or retrieval, which train nothing",
        )
    in_test = np.zeros(len(clouds), dtype=np.bool_)
    for label in np.unique(clouds.labels):
        rows = np.flatnonzero(clouds.labels == label)
        count = min(max(1, round(split.test_share * len(rows))), len(rows) - 1)
        in_test[np.random.default_rng([split.seed, int(label)]).permutation(rows)[:count]] = True
    train, test = (
        replace(clouds.subset(np.flatnonzero(chosen)), split=name)
        for name, chosen in (("train", ~in_test), ("test", in_test))
    )
    said = f"split: {len(train)} in train and {len(test)} in test, drawn class by class with seed {split.seed}"
    return train, test, said


def require_classes(clouds: CloudSplit) -> None:
    """Refuse clouds of which some have no class.

    Raises:
        EvaluationError: There are such.
    """
    without = np.flatnonzero(clouds.labels < 0)
    if len(without):
        raise EvaluationError(
            "Some of the data have no class",
            where=clouds.dataset,
            expected="a sub-folder for each class, or labels in the file",
            found=f"{len(without)} of {len(clouds)} without, {clouds.names[without[0]]} among them",
            next_step="sort the files into sub-folders named after their classes",
        )

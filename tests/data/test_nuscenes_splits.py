"""Official splits of nuScenes, and which of their sweeps have labels."""

from __future__ import annotations

import pytest

from concord3d.data.nuscenes_splits import (
    SCENES,
    SKIPS,
    VERIFYING_SCENES,
    labelled_sweeps,
    pretraining_sweeps,
    scene_of,
)
from concord3d.errors import ConfigError


def sweeps(scenes: tuple[str, ...], keyframes: int = 3) -> list[str]:
    return [f"{scene}/{number:03d}" for scene in scenes for number in range(keyframes)]


def test_the_official_numbers() -> None:
    train, val = (set(SCENES[split]) for split in ("train", "val"))
    assert (len(SCENES["train"]), len(train), len(SCENES["val"]), len(val)) == (700, 700, 150, 150)
    assert not train & val and set(VERIFYING_SCENES) < train and len(set(VERIFYING_SCENES)) == 100
    assert SCENES["train"][:3] == ("scene-0001", "scene-0002", "scene-0004") and SCENES["val"][0] == "scene-0003"


@pytest.mark.parametrize(("percent", "scenes"), [(1, 7), (5, 35), (10, 70), (25, 175), (100, 700)])
def test_fractions_are_whole_scenes_by_the_official_rule(percent: int, scenes: int) -> None:
    names = sweeps(SCENES["train"])
    chosen = [scene_of(names[index]) for index in labelled_sweeps(names, percent)]
    assert len(chosen) == 3 * scenes
    # The counter begins at 1: the k-th scene is the first that is kept.
    kept = [scene for counter, scene in enumerate(SCENES["train"], 1) if counter % SKIPS[percent] == 0]
    assert list(dict.fromkeys(chosen)) == kept


def test_the_order_is_that_of_the_table() -> None:
    names = sweeps(tuple(f"scene-{number:04d}" for number in (9, 3, 8, 1, 7)), 2)
    assert [names[index] for index in labelled_sweeps(names, 25)] == ["scene-0001/000", "scene-0001/001"]


def test_fractions_that_cannot_be_had_are_named() -> None:
    with pytest.raises(ConfigError, match=r"1 % of the labels leave no scene(.|\n)*at least 100 scenes"):
        labelled_sweeps(sweeps(SCENES["train"][:99]), 1)
    with pytest.raises(ConfigError, match="No such fraction"):
        labelled_sweeps(sweeps(SCENES["train"]), 50)


def test_slidr_keeps_a_hundred_scenes_from_pre_training() -> None:
    names = sweeps(SCENES["train"], 1)
    chosen = {scene_of(names[index]) for index in pretraining_sweeps(names)}
    assert len(chosen) == 600 and not chosen & set(VERIFYING_SCENES)

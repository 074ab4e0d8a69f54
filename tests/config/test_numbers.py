"""What of a run its numbers depend on."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from concord3d.config.numbers import numbers_of, speedless
from concord3d.config.resolve import load_study

# Settings that are names, matters of speed, or that count through the identity of an input.
NO_NUMBERS = ("paper", "experiment", "scale", "training.threads", "data.tower")
NEEDED = ("paper", "experiment", "seed")
RUNS = [("mm_point", "mm_point"), ("mm_point", "random_init"), ("mm_mixing", "stage1"), ("mm_mixing", "full")]


def resolved(repository: Path, paper: str, experiment: str) -> dict[str, Any]:
    return load_study(repository, paper, "smoke").run_config(experiment, 1)


def leaves(settings: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted keys of all values that are no mappings."""
    for key, value in settings.items():
        yield from leaves(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [f"{prefix}{key}"]


def changed(run: dict[str, Any], dotted: str) -> dict[str, Any]:
    """The run with one value replaced."""
    found = deepcopy(run)
    *sections, key = dotted.split(".")
    inner = found
    for section in sections:
        inner = inner[section]
    inner[key] = "another value"
    return found


@pytest.mark.parametrize(("paper", "experiment"), RUNS)
def test_every_setting_counts_but_names_and_speed(repository: Path, paper: str, experiment: str) -> None:
    run = resolved(repository, paper, experiment)
    before = deepcopy(run)
    of_no_account = {dotted for dotted in leaves(run) if numbers_of(changed(run, dotted)) == numbers_of(run)}
    names = {*NO_NUMBERS, *(f"needs.teacher.{key}" for key in NEEDED)}
    expected = {dotted for dotted in leaves(run) if dotted in names or dotted.startswith("tower.")}
    assert of_no_account == expected and {"paper", "experiment", "scale", "training.threads"} <= expected
    assert run == before, "the run itself is left as it is"


@pytest.mark.parametrize("key", ["seed", "method", "pretrain.dataset", "objective.temperature", "encoder.name"])
def test_what_a_training_is_made_of_counts(repository: Path, key: str) -> None:
    run = resolved(repository, "mm_point", "mm_point")
    assert key in leaves(run)
    assert numbers_of(changed(run, key)) != numbers_of(run)


def test_a_setting_that_is_added_counts(repository: Path) -> None:
    run = resolved(repository, "mm_point", "mm_point")
    for section in ("objective", "training", "encoder", "data"):
        assert numbers_of({**run, section: {**run[section], "more": 1}}) != numbers_of(run)
    assert numbers_of({**run, "more": 1}) != numbers_of(run)


def test_a_label_and_the_time_between_checkpoints_do_not_count(repository: Path) -> None:
    run = resolved(repository, "mm_point", "mm_point")
    seldom = {**run["training"], "checkpoint_every_s": 3600.0}
    assert numbers_of({**run, "training": seldom, "label": "Ours"}) == numbers_of(run)


def test_of_a_teacher_the_encoder_counts(repository: Path) -> None:
    run = resolved(repository, "mm_mixing", "full")
    assert numbers_of(run)["needs"] == {"teacher": {"encoder": run["needs"]["teacher"]["encoder"]}}
    assert numbers_of(changed(run, "needs.teacher.encoder.depth")) != numbers_of(run)


def test_a_run_of_little_has_numbers() -> None:
    assert numbers_of({"seed": 1, "training": {"threads": 3}}) == {"seed": 1, "training": {}}


def test_speedless_leaves_out_speed_alone() -> None:
    assert speedless({"threads": 2, "checkpoint_every_s": 9, "epochs": 3}) == {"epochs": 3}

"""A plan is refused whole: every wrong configuration is named with its place before the first job starts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workflow.graphs import MIXING_SCALE, POINT_SCALE, SCALE, edit, made_tree, smoke_plan

from concord3d.errors import ConfigError

POINT = Path("papers/mm_point/paper.yaml")
MIXING = Path("papers/mm_mixing/paper.yaml")
SET = "set:\n"
PROBE = "linear_probe: {datasets: [modelnet40]}"

# The file, an edit of it, and what the error says: what was found, and what stands beside it.
WRONG: dict[str, tuple[Path, str, str, tuple[str, ...]]] = {
    "method": (POINT, "method: mm_point", "method: mm_poin", ("mm_poin", "mm_point")),
    "method of an experiment": (MIXING, "method: random_init", "method: random_int", ("random_int", "random_init")),
    "encoder": (POINT_SCALE, "encoder.name: pointnet", "encoder.name: pointnett", ("pointnett", "pointnet")),
    "setting of an encoder": (MIXING_SCALE, "encoder.depth: 2", "encoder.dept: 2", ("dept", "depth")),
    "value of an encoder": (MIXING_SCALE, "encoder.depth: 2", "encoder.depth: -2", ("depth", "-2")),
    "heads": (MIXING_SCALE, "encoder.num_heads: 2", "encoder.num_heads: 5", ("64", "5")),
    "picture encoder": (
        POINT_SCALE, "image_encoder: resnet10_16", "image_encoder: resnet10_61", ("resnet10_61", "resnet10_16"),
    ),
    "optimizer": (MIXING, "optimizer: {value: adamw", "optimizer: {value: adamww", ("adamww", "adamw")),
    "schedule": (MIXING, "schedule: {value: warmup_cosine", "schedule: {value: warm_cosine", ("warm_cosine",)),
    "precision": (MIXING_SCALE, "precision: 32-true", "precision: 32-ture", ("32-ture", "32-true")),
    "view set": (POINT_SCALE, "data.view_set: ring24", "data.view_set: ring42", ("ring42", "ring24")),
    "view set that is too small": (POINT_SCALE, "data.image_size: 32", "data.image_size: 8", ("image_size", "8", "16")),
    "number of points": (POINT_SCALE, "data.num_points: 128", "data.num_points: -128", ("num_points", "-128")),
    "points in quotes": (POINT_SCALE, "data.num_points: 128", 'data.num_points: "128"', ("num_points", "'128'")),
    "data set of an experiment": (MIXING_SCALE, "data.dataset: ensembled", "data.dataset: ensemble", ("ensembled",)),
    "tower": (MIXING_SCALE, "data.tower: concord_tiny", "data.tower: concord_tinny", ("concord_tiny",)),
    "operator": (MIXING, "operator: {value: point_cut_mix_r", "operator: {value: point_cut_mixr", ("point_cut_mix_r",)),
    "beta": (MIXING_SCALE, SET, "set:\n  objective.beta: -3\n", ("beta", "-3")),
    "protocol": (POINT_SCALE, "linear_svm:", "linear_smv:", ("linear_smv", "linear_svm")),
    "setting of a protocol": (
        MIXING_SCALE, PROBE, "linear_probe: {datasets: [modelnet40], settings: {epohcs: 3}}", ("epohcs",),
    ),
    "value of a protocol": (
        MIXING_SCALE, "settings: {num_resamples: 2}", "settings: {num_resamples: -2}", ("num_resamples", "-2"),
    ),
    "data set of a protocol": (MIXING_SCALE, PROBE, "linear_probe: {datasets: [modelnet41]}", ("modelnet40",)),
    "setting of a tower": (SCALE, "num_snapshots: 1", "num_snapshot: 1", ("num_snapshot", "num_snapshots")),
    "objective of a tower": (SCALE, "min_zero_shot_top1: 0", "min_zero_shot_topp1: 0", ("min_zero_shot_top1",)),
    "view set of a tower": (SCALE, "[ring12, photo12]", "[ring12, foto12]", ("foto12", "photo12")),
    "data set of a scale": (SCALE, "  modelnet40: {source", "  modelnet04: {source", ("modelnet04", "modelnet40")),
    "split of the world": (SCALE, "splits: {train: 90, test: 48}", "splits: {train: 90, tst: 48}", ("tst", "test")),
    "category of the world": (SCALE, "[airplane, bottle,", "[airplan, bottle,", ("airplan", "airplane")),
    "option of the world": (
        SCALE, "splits: {train: 90, test: 48},", "splits: {train: 90, test: 48}, options: {beams: 32},", ("beams",),
    ),
    "scans of a data set that has none": (
        SCALE, "splits: {train: 90, test: 48},", "splits: {train: 90, test: 48}, scans: {views: 3},", ("no scans",),
    ),
    "experiment that is a path": (POINT, "  single_view:", "  ../x:", ("../x",)),
    "experiment that is empty": (POINT, "  single_view:", '  "":', ("plain",)),
    "experiment that is not there": (POINT_SCALE, "single_view,", "singel_view,", ("singel_view", "single_view")),
    "need of another experiment": (
        MIXING, "needs: {teacher: stage1}}", "needs: {teacher: stag1}}", ("stag1", "stage1"),
    ),
    "a class that the tower has seen": (
        MIXING_SCALE, SET, "set:\n  data.without_classes: [chair]\n", ("without_classes", "concord_tiny", "chair"),
    ),
    "classes left out by a method that draws views": (
        POINT_SCALE, SET, "set:\n  data.without_classes: [chair]\n", ("without_classes", "mm_point"),
    ),
    "no threads": (MIXING, "    threads: {value", "    threds: {value", ("threads",)),
    "a negative seed": (SCALE, "seeds: [1]", "seeds: [-1]", ("-1",)),
    "a seed twice": (SCALE, "seeds: [1]", "seeds: [1, 1]", ("seeds", "1")),
    "a seed that is too large": (SCALE, "seeds: [1]", "seeds: [4294967296]", ("4294967296",)),
}  # fmt: skip


@pytest.fixture
def tree(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sources and the configuration, whose edits are undone."""
    with made_tree(repository, tmp_path_factory.getbasetemp()) as root:
        yield root


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_configuration_is_refused_with_its_place(tree: Path, what: str) -> None:
    path, old, new, parts = WRONG[what]
    edit(tree / path, old, new)
    with pytest.raises(ConfigError) as refused:
        smoke_plan(tree)
    text = str(refused.value)
    assert all(part in text for part in parts)
    assert path.as_posix() in text and re.search(r"line \d+", text)

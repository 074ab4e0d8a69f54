"""Families of data sets are found by looking, and each data set has one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from concord3d.errors import ConfigError
from concord3d.world import datasets
from concord3d.world.build import build_dataset
from concord3d.world.datasets import family_module, find_family, world_datasets
from concord3d.world.datasets.interface import WorldRecipe
from concord3d.world.objects.generation import CATEGORIES, COMMON_CATEGORIES

NEW_FAMILY = """
from dataclasses import dataclass
from concord3d.world.datasets.interface import DatasetFamily, Layout

@dataclass(frozen=True)
class Street:
    split: str
    number: int
    count: int = 1

class Streets(DatasetFamily[Street, str]):
    layouts = {"streets": Layout(9, ("train", "val"), ("city",))}

    def items(self, recipe, split):
        return [Street(split, number) for number in range(recipe.splits[split])]

    def make(self, recipe, out, item):
        return f"{item.split} {item.number}\\n"

    def write(self, recipe, out, items, made):
        (out / "streets.txt").write_text("".join(made))

FAMILY = Streets()
"""


def test_every_data_set_has_one_family() -> None:
    assert len(world_datasets()) == len(set(world_datasets())) == 30
    assert family_module("modelnet10") == family_module("modelnet40") == "concord3d.world.datasets.modelnet"
    for dataset in world_datasets():
        family = find_family(dataset)
        assert type(family).__module__ == family_module(dataset) and dataset in family.layouts


def test_series_of_families_differ() -> None:
    """Two data sets of one series have the same shapes, which only one family and those that extend it may have."""
    families: dict[int, set[type]] = {}
    for name in world_datasets():
        families.setdefault(find_family(name).layouts[name].series, set()).add(type(find_family(name)))
    for kinds in families.values():
        assert any(all(issubclass(kind, base) for kind in kinds) for base in kinds), kinds
    assert type(find_family("nuscenes")) in families[8] and len(families[8]) == 2


@pytest.mark.parametrize("dataset", ["shapenet", "ensembled", "objaverse_lvis"])
def test_a_new_category_of_the_world_changes_no_set_without_a_list_of_classes(dataset: str) -> None:
    assert find_family(dataset).layouts[dataset].categories == COMMON_CATEGORIES != CATEGORIES


def test_an_unknown_data_set_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'shapenetpart'"):
        family_module("shapenet_part")


def test_another_kind_of_data_set_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "streets_for_test.py").write_text(NEW_FAMILY)
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(tmp_path)])
    datasets._families.cache_clear()
    try:
        recipe = WorldRecipe("streets", {"val": 2, "train": 1}, None, 1, 0)
        build_dataset(recipe, tmp_path / "out")
        assert (tmp_path / "out" / "streets.txt").read_text() == "train 0\nval 0\nval 1\n"
        with pytest.raises(ConfigError, match="has no split 'test'"):
            build_dataset(WorldRecipe("streets", {"test": 2}, None, 1, 0), tmp_path / "other")
    finally:
        datasets._families.cache_clear()
        sys.modules.pop("concord3d.world.datasets.streets_for_test", None)

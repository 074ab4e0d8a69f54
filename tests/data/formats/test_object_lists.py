"""Objects of a split: by lists where they are there, else a fifth of each class."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.formats.object_lists import objects_of_split
from concord3d.errors import ConfigError, DatasetMissing, WrongRelease

CLASSES = {f"{category}{number}": category for category in "ab" for number in range(10)}


@pytest.fixture(scope="module")
def spec(repository: Path) -> DatasetSpec:
    return load_catalog(repository / "datasets" / "datasets.yaml")["redwood"]


def write(folder: Path, train: list[str], test: list[str] | None) -> None:
    (folder / "train_set80.txt").write_text("\n".join(train) + "\n")
    if test is not None:
        (folder / "test_set80.txt").write_text("\n".join(test) + "\n")


def test_a_fifth_of_each_class_is_held_out(tmp_path: Path, spec: DatasetSpec) -> None:
    train, test = (objects_of_split(spec, tmp_path, split, CLASSES) for split in ("train", "test"))
    assert sorted(train + test) == sorted(CLASSES) and not set(train) & set(test)
    assert [sum(CLASSES[name] == category for name in test) for category in "ab"] == [2, 2]
    assert train == [name for name in CLASSES if name in train], "in the order of the data set"


def test_the_draw_does_not_depend_on_order_or_on_other_classes(tmp_path: Path, spec: DatasetSpec) -> None:
    test = objects_of_split(spec, tmp_path, "test", CLASSES)
    turned = objects_of_split(spec, tmp_path, "test", dict(reversed(CLASSES.items())))
    alone = objects_of_split(spec, tmp_path, "test", {name: own for name, own in CLASSES.items() if own == "b"})
    assert set(turned) == set(test) and set(alone) == {name for name in test if CLASSES[name] == "b"}


@given(size=st.integers(2, 40))
def test_a_class_of_two_or_more_objects_is_in_both_splits(tmp_path_factory, repository: Path, size: int) -> None:
    spec = load_catalog(repository / "datasets" / "datasets.yaml")["redwood"]
    classes = {str(number): "a" for number in range(size)}
    folder = tmp_path_factory.getbasetemp()
    test = objects_of_split(spec, folder, "test", classes)
    assert 1 <= len(test) < size and abs(len(test) - size / 5) <= 1


def test_lists_decide_where_they_are_there(tmp_path: Path, spec: DatasetSpec) -> None:
    write(tmp_path, ["b3", "a1", "b1"], ["a9", "", " b9 "])
    assert objects_of_split(spec, tmp_path, "train", CLASSES) == ["a1", "b1", "b3"]
    assert objects_of_split(spec, tmp_path, "test", CLASSES) == ["a9", "b9"]


def test_a_list_that_names_an_absent_object_is_refused_in_every_split(tmp_path: Path, spec: DatasetSpec) -> None:
    write(tmp_path, ["a1", "a17"], ["b1"])
    for split in ("train", "test"):
        with pytest.raises(DatasetMissing, match=r"train_set80\.txt(.|\n)*did you mean 'a\d'(.|\n)*found: a17"):
            objects_of_split(spec, tmp_path, split, CLASSES)


def test_an_object_in_two_lists_or_twice_in_one_is_refused(tmp_path: Path, spec: DatasetSpec) -> None:
    write(tmp_path, ["a1", "a2"], ["b1", "a2"])
    with pytest.raises(WrongRelease, match=r"found: a2 \(also in train_set80\.txt\)"):
        objects_of_split(spec, tmp_path, "train", CLASSES)
    write(tmp_path, ["a1", "a2", "a1"], ["b1"])
    with pytest.raises(WrongRelease, match=r"twice(.|\n)*found: a1"):
        objects_of_split(spec, tmp_path, "train", CLASSES)


def test_one_list_of_two_and_an_empty_list_are_refused(tmp_path: Path, spec: DatasetSpec) -> None:
    write(tmp_path, ["a1"], None)
    with pytest.raises(DatasetMissing, match=r"absent: test_set80\.txt"):
        objects_of_split(spec, tmp_path, "train", CLASSES)
    write(tmp_path, ["a1"], [])
    with pytest.raises(DatasetMissing, match="No objects of redwood/test"):
        objects_of_split(spec, tmp_path, "test", CLASSES)


def test_without_a_share_the_lists_are_needed(tmp_path: Path, spec: DatasetSpec) -> None:
    with pytest.raises(DatasetMissing, match=r"absent: train_set80\.txt, test_set80\.txt"):
        objects_of_split(spec.model_copy(update={"held_out": None}), tmp_path, "train", CLASSES)
    with pytest.raises(ConfigError, match="did you mean 'train'"):
        objects_of_split(spec, tmp_path, "trian", CLASSES)

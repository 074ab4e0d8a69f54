"""Classes that a training never sees: their shapes and the texts that name them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.data.stores.objects import CloudSplit, ShapeTexts
from concord3d.errors import ConfigError
from concord3d.features.unseen_classes import UnseenClasses

NAMES = ("airplane", "night stand", "cup")


def split(labels: list[int]) -> CloudSplit:
    points = np.zeros((len(labels), 4, 3), np.float32)
    names = tuple(str(index) for index in range(len(labels)))
    return CloudSplit("some", "train", "synthetic", points, np.array(labels, np.int64), NAMES, names)


def test_shapes_of_the_classes_are_left_out_whatever_way_their_names_are_written() -> None:
    assert UnseenClasses(["Night_Stand"]).kept(split([0, 1, 2, 1, 0])).tolist() == [0, 2, 4]
    assert UnseenClasses([]).kept(split([0, -1])).tolist() == [0, 1]
    assert not UnseenClasses([]) and UnseenClasses(["cup"])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a Night  Stand with two drawers", True),
        ("two night stands", True),
        ("a cup.", True),
        ("CUPS", True),
        ("a cupboard", False),
        ("hiccup", False),
        ("a stand for the night", False),
        ("", False),
    ],
)
def test_a_text_names_a_class_by_whole_words(text: str, named: bool) -> None:
    assert UnseenClasses(["night_stand", "cup"]).names(text) is named


@given(st.text(), st.text())
def test_whatever_stands_around_the_name_it_is_found(before: str, after: str) -> None:
    assert UnseenClasses(["cup"]).names(f"{before} cup {after}")


def test_texts_that_name_a_class_are_left_out_and_no_others() -> None:
    texts = ShapeTexts("cup", ("a desk with a cup", "a desk"), ("desk cup sale", "DESK"))
    assert UnseenClasses(["cup"]).without(texts) == ShapeTexts("", ("a desk",), ("DESK",))
    assert UnseenClasses([]).without(texts) == texts


def test_unknown_names_and_shapes_without_a_class_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'airplane'"):
        UnseenClasses(["airplan"]).kept(split([0]))
    with pytest.raises(ConfigError, match=r"may be of a class(?s:.*)1 of 2 shapes"):
        UnseenClasses(["cup"]).kept(split([0, -1]))

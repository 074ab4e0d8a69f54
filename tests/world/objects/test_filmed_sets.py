"""What classes of filmed objects are made of."""

from __future__ import annotations

import pytest

from concord3d.errors import ConfigError
from concord3d.world.objects import filmed_sets
from concord3d.world.objects.filmed_sets import ShapesOf, filmed_layout
from concord3d.world.objects.generation import Variation, generate


def test_classes_of_one_category_are_told_apart_by_their_variants() -> None:
    for index in range(6):
        backpack = ShapesOf("bag", ("backpack",)).object(index, 0)
        handbag = ShapesOf("bag", ("handbag", "tote")).object(index, 0)
        assert backpack.style["variant"] == "backpack" and handbag.style["variant"] in ("handbag", "tote")
        assert backpack.index != handbag.index


def test_a_whole_category_is_taken_as_it_comes() -> None:
    made, expected = ShapesOf("chair").object(5, 1), generate("chair", 5, 1, Variation(any_heading=True))
    assert made.mesh.vertices.tobytes() == expected.mesh.vertices.tobytes()


def test_a_variant_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filmed_sets, "_ATTEMPTS", 3)
    with pytest.raises(ConfigError, match=r"bag(.|\n)*expected: rucksack"):
        ShapesOf("bag", ("rucksack",)).object(0, 0)


def test_a_layout_names_what_the_world_lacks() -> None:
    layout = filmed_layout(99, {"a": ShapesOf("chair"), "b": ShapesOf("dragon"), "c": ShapesOf("bag")})
    assert (layout.series, layout.categories, layout.lacking) == (99, ("a", "c"), ("b",))

"""Captions: three different kinds, true to the style, deterministic."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.world.objects.captions import write_captions
from concord3d.world.objects.generation import CATEGORIES, generate

STYLE = {"variant": "four_leg", "seat_color": "navy", "num_rungs": 3, "has_arms": 1, "has_back": 0, "width": 0.5}


@pytest.mark.parametrize("category", CATEGORIES)
def test_three_kinds_differ_and_the_name_is_bare(category: str) -> None:
    for index in range(3):
        captions = generate(category, index, 2).captions
        assert captions.name == category.replace("_", " ")
        assert len({captions.name, captions.descriptive, captions.noisy}) == 3
        assert captions.name in captions.descriptive
        assert len(captions.descriptive.split()) >= 8
        assert captions.noisy


def test_the_description_tells_the_style() -> None:
    text = write_captions("night_stand", STYLE, ("seat", "leg"), (0.5, 1.5, 0.5), np.random.default_rng(0)).descriptive
    for phrase in ("night stand", "four leg", "navy", "3 rungs", "with arms", "seat, leg", "tall"):
        assert phrase in text
    assert "with back" not in text


def test_proportions_show_in_the_words() -> None:
    extents = {"tall": (0.2, 1.0, 0.2), "low": (1.0, 0.2, 0.9)}
    for word, extent in extents.items():
        assert word in write_captions("box", STYLE, ("body",), extent, np.random.default_rng(1)).descriptive


def test_colours_of_the_mesh_are_those_of_the_caption() -> None:
    made = generate("cone", 3, 0)
    assert str(made.style["body_color"]) in made.captions.descriptive


def test_noisy_texts_are_noisy_but_mostly_name_the_thing() -> None:
    texts = [generate("chair", index, 9).captions.noisy for index in range(80)]
    named = sum("chair" in text.lower() for text in texts)
    assert 40 < named < 80
    assert len(set(texts)) > 65
    assert any(len(text.split()) <= 1 for text in texts)
    assert np.mean([len(text.split()) for text in texts]) > 4


def test_same_generator_state_same_text() -> None:
    first, second = (write_captions("vase", STYLE, ("body",), (1, 2, 1), np.random.default_rng(4)) for _ in range(2))
    assert first == second

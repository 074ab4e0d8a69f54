"""Pictures and texts for a tower's training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.features.picture_sets import PLAIN, Pictures, pictured

from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError
from concord3d.features.pairs import Pairs, PicturedObjects, TextChoice, TextShares
from concord3d.features.prompts import TEMPLATES


def test_objects_without_text_are_left_out_and_the_others_keep_their_pictures() -> None:
    first = pictured("a", [ShapeTexts("x"), ShapeTexts(" "), ShapeTexts(captions=("y",))])
    second = pictured("b", [ShapeTexts(retrieved=("", "z"))], offset=50)
    pairs = Pairs([first, second], PLAIN)
    assert (pairs.num_objects, pairs.num_views, pairs.num_without_text) == (3, 5, 1)
    assert pairs.ranges == {"clean": (0, 3), "photo": (3, 5)}
    assert [choice.description for choice in pairs.texts] == ["x", "y", "z"]
    pictures = pairs.read(np.array([2, 0, 1]), np.array([[0, 4], [1, 2], [3, 0]]))
    assert pictures.shape == (3, 2, 8, 8, 3)
    assert pictures[..., 0, 0, 0].tolist() == [[50, 151], [1, 2], [120, 20]]
    assert pairs.labels.tolist() == [0, 0, 0]


def test_pictures_are_brought_to_the_size_and_channels_of_the_tower() -> None:
    pairs = Pairs([pictured("a", [ShapeTexts("x")] * 3, channels=1, size=20)], PLAIN)
    assert pairs.read(np.array([1]), np.array([[2]])).tolist() == np.full((1, 1, 8, 8, 3), 12).tolist()


def test_classes_of_several_data_sets_are_joined_by_name() -> None:
    first = pictured("a", [ShapeTexts("x")] * 2)
    other = pictured("b", [ShapeTexts("x")] * 3)
    other = PicturedObjects("b", other.views, other.texts, np.array([1, 0, -1]), ("table", "sofa"))
    pairs = Pairs([first, other], PLAIN)
    assert pairs.class_names == ("chair", "table", "sofa")
    assert pairs.labels.tolist() == [0, 1, 2, 1, -1]


def test_identity_follows_pictures_texts_and_labels() -> None:
    texts = [ShapeTexts("x", ("a \ud800",)), ShapeTexts("y")]
    base = Pairs([pictured("a", texts)], PLAIN).identity
    assert Pairs([pictured("a", texts)], PLAIN).identity == base
    changed = [
        pictured("b", texts),
        pictured("a", texts[::-1]),
        pictured("a", texts, offset=1),
        PicturedObjects("a", pictured("a", texts).views, tuple(texts), np.array([1, 1]), ("chair", "table")),
    ]
    assert all(Pairs([part], PLAIN).identity != base for part in changed)


def test_bad_sets_are_refused() -> None:
    good = pictured("a", [ShapeTexts("x")] * 2)
    other_views = PicturedObjects("b", {"clean": Pictures(2, 3)}, good.texts, good.labels, good.class_names)
    short = PicturedObjects("c", good.views, good.texts[:1], good.labels, good.class_names)
    cases = [
        ([], "at least one"),
        ([good, other_views], "different pictures"),
        ([short], "differ in number"),
        ([pictured("d", [ShapeTexts(), ShapeTexts(captions=("",))])], "No object has a text"),
    ]
    for sets, message in cases:
        with pytest.raises(ConfigError, match=message):
            Pairs(sets, PLAIN)


def test_kinds_of_text_are_drawn_by_their_shares_and_raw_texts_become_sentences() -> None:
    choice = TextChoice(ShapeTexts("night stand", ("c1", "c2", "c3", ""), ("r",)))
    generator = torch.Generator().manual_seed(0)
    shares = TextShares(raw=2, captions=3, retrieved=1, sentence=0.5)
    drawn = [choice.draw(shares, generator) for _ in range(3000)]
    kinds = {"c": 0, "r": 0, "raw": 0, "sentence": 0}
    for text in drawn:
        sentence = "night stand" in text and text != "night stand"
        kinds["sentence" if sentence else "raw" if text == "night stand" else text[0]] += 1
    # Three standard deviations of 3,000 draws.
    assert abs(kinds["c"] - 1500) < 83 and abs(kinds["r"] - 500) < 62
    assert abs(kinds["raw"] - 500) < 62 and abs(kinds["sentence"] - 500) < 62
    sentences = {template.format("night stand", a="a night stand") for template in TEMPLATES}
    assert {text for text in drawn if "night" in text} <= sentences | {"night stand"}
    only = TextChoice(ShapeTexts(retrieved=("r",)))
    assert {only.draw(shares, generator) for _ in range(20)} == {"r"}
    assert choice.description == "c1" and not TextChoice(ShapeTexts(captions=("",)))

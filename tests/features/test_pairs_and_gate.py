"""Pictures and texts for a tower's training, and what it must achieve afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError
from concord3d.features.gate import RETRIEVAL, ZERO_SHOT, measure_gate, require_measurable, top1_credit
from concord3d.features.pairs import Pairs, PicturedObjects, TextChoice, TextShares
from concord3d.features.preprocess import Preprocess
from concord3d.features.prompts import TEMPLATES

PLAIN = Preprocess(8, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), resize_mode="squash")


class Pictures:
    """Pictures in memory of one grey each: 10 times the object plus the view, plus an offset."""

    def __init__(self, num_objects: int, num_views: int, offset: int = 0, channels: int = 3, size: int = 8) -> None:
        self.num_objects, self.num_views = num_objects, num_views
        grey = offset + 10 * np.arange(num_objects)[:, None] + np.arange(num_views)
        self.pixels = np.broadcast_to(grey[..., None, None, None], (*grey.shape, size, size, channels)).astype(np.uint8)

    def read(self, object_index: NDArray[np.int64], view_index: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.pixels[object_index[:, None], view_index]


def pictured(name: str, texts: list[ShapeTexts], offset: int = 0, **options: Any) -> PicturedObjects:
    count = len(texts)
    views = {"clean": Pictures(count, 3, offset, **options), "photo": Pictures(count, 2, offset + 100, **options)}
    return PicturedObjects(name, views, tuple(texts), np.arange(count) % 2, ("chair", "table"))


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


def test_equal_embeddings_score_chance_and_right_ones_everything() -> None:
    target = np.arange(7)
    assert top1_credit(np.ones((7, 3)), np.ones((7, 3)) * 2, target).tolist() == [1 / 7] * 7
    assert top1_credit(np.eye(7), np.eye(7) * 3, target).tolist() == [1] * 7
    assert top1_credit(np.eye(7), np.eye(7)[::-1], target).sum() == 1
    assert top1_credit(np.zeros((2, 3)), np.ones((4, 3)), np.array([0, 3])).tolist() == [0.25, 0.25]


class GreyTower:
    """Sees the grey of a picture; reads the number at the end of a text, or the word chair."""

    dim, image_size, identity = 2, 8, {"architecture": "grey"}

    def __init__(self, blind: bool = False) -> None:
        self.blind = blind

    def _at(self, angle: NDArray[np.floating]) -> NDArray[np.float32]:
        angle = np.zeros_like(angle) if self.blind else angle
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)

    def encode_images(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._at((images[:, 0, 0, 0] % 100) // 10 / 10)

    def encode_texts(self, texts: Any) -> NDArray[np.float32]:
        return self._at(np.array([float(text.split()[-1]) / 10 if text[-1].isdigit() else 0.0 for text in texts]))


def gate_pairs() -> Pairs:
    return Pairs([pictured("a", [ShapeTexts(f"no {number}") for number in range(6)])], PLAIN)


def test_the_gate_measures_each_view_set_on_held_out_objects() -> None:
    held_out = np.array([1, 3, 4])
    gate = measure_gate(GreyTower(), gate_pairs(), held_out, {RETRIEVAL: 90.0, ZERO_SHOT: None})
    found = {(measure["metric"], measure["view_set"]): measure for measure in gate["measures"]}
    assert set(found) == {(metric, view) for metric in (RETRIEVAL, ZERO_SHOT) for view in ("all", "clean", "photo")}
    retrieval = found[RETRIEVAL, "all"]
    assert retrieval["value"] == 100 and retrieval["chance"] == pytest.approx(100 / 3, abs=1e-4)
    assert (retrieval["n_items"], retrieval["n_objects"], found[RETRIEVAL, "photo"]["n_items"]) == (15, 3, 6)
    assert retrieval["passed"] is True and found[RETRIEVAL, "photo"]["passed"] is None and gate["passed"] is True
    assert found[ZERO_SHOT, "all"]["value"] == 50 and found[ZERO_SHOT, "all"]["threshold"] is None


def test_a_blind_tower_scores_chance_and_does_not_pass() -> None:
    gate = measure_gate(GreyTower(blind=True), gate_pairs(), np.arange(6), {RETRIEVAL: 50.0, ZERO_SHOT: 40.0})
    first = {measure["metric"]: measure for measure in gate["measures"] if measure["view_set"] == "all"}
    for metric in (RETRIEVAL, ZERO_SHOT):
        assert first[metric]["value"] == pytest.approx(first[metric]["chance"], abs=1e-3)
    assert gate["passed"] is False and first[RETRIEVAL]["passed"] is False and first[ZERO_SHOT]["passed"] is True


def test_zero_shot_without_classes_is_missing_not_zero_and_no_threshold_may_ask_for_it() -> None:
    part = pictured("a", [ShapeTexts(f"no {number}") for number in range(6)])
    pairs = Pairs([PicturedObjects("a", part.views, part.texts, np.full(6, -1), ("chair", "table"))], PLAIN)
    gate = measure_gate(GreyTower(), pairs, np.arange(6), {RETRIEVAL: None, ZERO_SHOT: None})
    assert {measure["metric"] for measure in gate["measures"]} == {RETRIEVAL} and gate["passed"] is None
    with pytest.raises(ConfigError, match="cannot be measured"):
        require_measurable(pairs, np.arange(6), {ZERO_SHOT: 10.0})

"""What an object is in the space of sentences, and which classes a tower is not told of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.features.fake_encoders import ALIGNED, FakeSentences, register
from tests.features.pattern_objects import LABELS, NAMES, Patterns, objects_of

from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError
from concord3d.features.open_tower import encoder_preprocess
from concord3d.features.pairs import Pairs, PicturedObjects
from concord3d.features.prompts import class_prompts
from concord3d.features.text_targets import fitted_objects, text_targets, unseen_labels
from concord3d.features.unseen_classes import UnseenClasses


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def test_what_an_object_is_comes_from_its_class_and_its_captions() -> None:
    texts = [
        ShapeTexts("noise", ("a red ball", "round")),
        ShapeTexts("noise"),
        ShapeTexts("odd", ("x",)),
        ShapeTexts("y"),
    ]
    labels = np.array([0, 1, -1, -1])
    views = {"v": Patterns()}
    views["v"].num_objects = 4
    pairs = Pairs([PicturedObjects("o", views, tuple(texts), labels, NAMES)], encoder_preprocess(ALIGNED))
    encoder = FakeSentences("")

    def unit(vector: Any) -> NDArray[np.float64]:
        return np.asarray(vector / np.linalg.norm(vector))

    ball, box = (unit(encoder.encode_texts(class_prompts(name)).mean(axis=0)) for name in NAMES[:2])
    captions = unit(encoder.encode_texts(["a red ball", "round"]).sum(axis=0))
    expected = [unit(0.25 * ball + 0.75 * captions), box, *encoder.encode_texts(["x", "y"])]
    np.testing.assert_allclose(text_targets(encoder, pairs, np.arange(4), 0.25), expected, atol=1e-6)
    without_classes = [captions, *encoder.encode_texts(["noise", "x", "y"])]
    np.testing.assert_allclose(text_targets(encoder, pairs, np.arange(4), 0), without_classes, atol=1e-6)
    fresh = FakeSentences("")
    text_targets(fresh, pairs, np.array([0, 2]), 0.25)
    assert not any("box" in text or text in ("noise", "odd", "y") for text in fresh.read)


def test_unseen_classes_are_a_choice_of_the_seed_and_not_of_the_order() -> None:
    pairs = Pairs([objects_of()], encoder_preprocess(ALIGNED))
    order = np.random.default_rng(3).permutation(len(NAMES))
    shuffled = objects_of(labels=np.argsort(order)[LABELS], class_names=tuple(NAMES[label] for label in order))
    other = Pairs([shuffled], encoder_preprocess(ALIGNED))
    draws = {seed: {NAMES[label] for label in unseen_labels(pairs, 3, seed)} for seed in range(5)}
    assert {seed: {other.class_names[label] for label in unseen_labels(other, 3, seed)} for seed in draws} == draws
    assert len({frozenset(draw) for draw in draws.values()}) > 1 and len(unseen_labels(pairs, 0, 1)) == 0
    for count in (1, 5, 7):
        with pytest.raises(ConfigError, match=r"unseen_classes(?s:.*)0, or 2 to 4"):
            unseen_labels(pairs, count, 0)


def test_unseen_classes_may_be_given_by_name() -> None:
    pairs = Pairs([objects_of()], encoder_preprocess(ALIGNED))
    assert unseen_labels(pairs, ["Tube", "box"], seed=1).tolist() == [1, 5]
    with pytest.raises(ConfigError, match="did you mean 'tube'"):
        unseen_labels(pairs, ["tub", "box"], 0)
    with pytest.raises(ConfigError, match=r"unseen_classes(?s:.*)0, or 2 to 4"):
        unseen_labels(pairs, ["box"], 0)


@pytest.mark.parametrize(("class_share", "kept"), [(0.5, [0, 1, 2, 5]), (0.0, [0, 5])])
def test_nothing_is_learned_from_texts_that_name_an_unseen_class(class_share: float, kept: list[int]) -> None:
    """Where nothing else is written about an object that counts as having no class, it is left out."""
    texts = (
        ShapeTexts("ball", ("round", "beside a box")),
        ShapeTexts("ball", ("two boxes",)),
        ShapeTexts("a box of balls"),
        ShapeTexts("a box"),
        ShapeTexts("thing", ("a box", "a thing")),
        ShapeTexts("boxer", ("a boxer",)),
    )
    views = {"v": Patterns()}
    views["v"].num_objects = 6
    objects = PicturedObjects("o", views, texts, np.array([0, 0, 0, -1, -1, -1]), NAMES)
    pairs, unseen = Pairs([objects], encoder_preprocess(ALIGNED)), UnseenClasses(["box"])
    fitted = fitted_objects(pairs, np.arange(6), class_share, unseen)
    assert fitted.tolist() == kept
    encoder = FakeSentences("")
    targets = text_targets(encoder, pairs, fitted, class_share, unseen)
    assert len(targets) == len(kept) and not any(unseen.names(text) for text in encoder.read)
    everything = text_targets(FakeSentences(""), pairs, fitted, class_share)
    assert not np.allclose(everything[0], targets[0])

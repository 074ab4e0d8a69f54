"""What is drawn as the target of an object, of one data set and of several that are trained on together."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from concord3d.arrays import ShardedRows
from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import ConfigError
from concord3d.features.targets import FrozenTargets, text_rows

NUM_VIEWS, DIM = 3, 2
TEXTS = {
    "first": [
        ShapeTexts("mug", ("a mug", "a cup"), ("mug for sale",)),
        ShapeTexts(),
        ShapeTexts(captions=("a lamp",)),
    ],
    "second": [
        ShapeTexts("car", ("a red car",)),
        ShapeTexts(retrieved=("boat", "ship")),
        ShapeTexts("mug"),
        ShapeTexts(),
    ],
}


class Encoded:
    """A data set whose features say what they are of: pictures (offset + object, view), texts (offset + row, -1)."""

    def __init__(self, name: str, offset: int, num_shards: int = 2) -> None:
        self.texts = TEXTS[name]
        strings = [text for item in self.texts for text in ((item.raw,) if item.raw else ()) + item.captions]
        strings += [text for item in self.texts for text in item.retrieved]
        # In another order than the objects.
        self.row_of = {text: row for row, text in enumerate(sorted(strings, reverse=True))}
        self.text_at = {offset + row: text for text, row in self.row_of.items()}
        objects = offset + np.arange(len(self.texts), dtype=np.float32)
        views = np.arange(NUM_VIEWS, dtype=np.float32)
        images = np.stack(np.broadcast_arrays(objects[:, None], views[None]), axis=2)
        rows = offset + np.arange(len(self.row_of), dtype=np.float32)
        features = np.stack([rows, np.full(len(rows), -1, np.float32)], axis=1)
        self.targets = FrozenTargets(
            ShardedRows(np.array_split(images, num_shards)),
            ShardedRows(np.array_split(features, num_shards)),
            text_rows(self.texts, self.row_of),
        )


def texts_of(item: ShapeTexts) -> set[str]:
    return {text for text in (item.raw, *item.captions, *item.retrieved) if text}


def draws(targets: FrozenTargets, num_draws: int = 60) -> tuple[NDArray, NDArray, NDArray]:
    """Image and text features of every object, drawn many times: (num_draws, S, D) twice and (num_draws, S)."""
    generator = torch.Generator().manual_seed(0)
    drawn = [targets.read(np.arange(targets.num_objects), generator) for _ in range(num_draws)]
    images, texts, has = (np.stack(part) for part in zip(*drawn, strict=True))
    return images, texts, has


def test_an_object_gets_its_own_pictures_and_texts_and_over_time_all_of_them() -> None:
    encoded = Encoded("first", 0)
    images, texts, has = draws(encoded.targets)
    for index, item in enumerate(encoded.texts):
        assert set(images[:, index, 0]) == {index} and set(images[:, index, 1]) == set(range(NUM_VIEWS))
        assert set(has[:, index]) == {bool(texts_of(item))}
        if texts_of(item):
            assert {encoded.text_at[int(row)] for row in texts[:, index, 0]} == texts_of(item)
        else:
            assert not texts[:, index].any()


@pytest.mark.parametrize("num_shards", [1, 3])
def test_objects_of_joined_data_sets_keep_their_own_pictures_and_texts(num_shards: int) -> None:
    first, second = Encoded("first", 0, num_shards), Encoded("second", 1000, num_shards)
    joined = first.targets.joined(second.targets)
    assert (joined.num_objects, joined.dim) == (7, DIM)
    images, texts, has = draws(joined)
    text_at = {**first.text_at, **second.text_at}
    for index, (item, own) in enumerate([*((t, 0) for t in first.texts), *((t, 1000 - 3) for t in second.texts)]):
        assert set(images[:, index, 0]) == {own + index}
        assert set(has[:, index]) == {bool(texts_of(item))}
        if texts_of(item):
            assert {text_at[int(row)] for row in texts[:, index, 0]} == texts_of(item)
            # Also where both data sets have the same text.
            assert all((row >= 1000) == (index >= 3) for row in texts[:, index, 0])


def test_joining_three_data_sets_is_joining_twice_and_reads_the_others_as_before() -> None:
    parts = [Encoded("first", 0), Encoded("second", 1000), Encoded("first", 2000)]
    a, b, c = (part.targets for part in parts)
    left, right = a.joined(b).joined(c), a.joined(b.joined(c))
    assert left.num_objects == 10
    for ours, theirs in zip(draws(left), draws(right), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    _, texts, _ = draws(left)
    assert set(texts[:, 7, 0]) <= set(parts[2].text_at) and (texts[:, 9, 0] >= 2000).all()


def test_each_kind_of_text_is_drawn_equally_often() -> None:
    encoded = Encoded("first", 0)
    _, texts, _ = draws(encoded.targets, 1200)
    drawn = [encoded.text_at[int(row)] for row in texts[:, 0, 0]]
    # A third each, within four standard deviations; the two captions share theirs.
    for kind in ({"mug"}, {"a mug", "a cup"}, {"mug for sale"}):
        assert abs(sum(text in kind for text in drawn) - 400) < 66


def test_identity_follows_features_and_which_object_they_belong_to() -> None:
    base = Encoded("first", 0)
    other_rows = text_rows([base.texts[1], base.texts[0], base.texts[2]], base.row_of)
    moved = FrozenTargets(base.targets._images, base.targets._texts, other_rows)
    identities = [
        base.targets.identity,
        Encoded("first", 1).targets.identity,
        moved.identity,
        base.targets.joined(Encoded("second", 0).targets).identity,
    ]
    assert len(set(identities)) == 4 and Encoded("first", 0, 3).targets.identity == base.targets.identity


def test_what_does_not_belong_together_is_refused() -> None:
    base = Encoded("first", 0).targets
    with pytest.raises(ConfigError, match="do not belong together"):
        FrozenTargets(base._images, base._texts, base._rows[:2])
    fewer = FrozenTargets(ShardedRows([np.zeros((1, 2, DIM))]), ShardedRows([np.zeros((1, DIM))]), base._rows[:1])
    with pytest.raises(ConfigError, match="do not fit together"):
        base.joined(fewer)

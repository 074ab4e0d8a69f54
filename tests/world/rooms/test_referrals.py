"""Sentences about objects: what they say holds in the room."""

from __future__ import annotations

from collections import Counter

import numpy as np
from tests.world.rooms.made import spaces

from concord3d.world.rooms.kinds import KINDS
from concord3d.world.rooms.objects import WALL
from concord3d.world.rooms.referrals import MAX_PER_OBJECT, TEMPLATES, Referral, draw_referrals
from concord3d.world.rooms.spaces import Space


def drawn() -> list[tuple[Space, tuple[Referral, ...]]]:
    return [(space, draw_referrals(space, np.random.default_rng([i, 4]))) for i, space in enumerate(spaces())]


def test_relations_hold() -> None:
    for space, referrals in drawn():
        objects = {one.identity: one for one in space.annotated}
        door = space.layout.walls[space.layout.door.wall]
        # Who comes in looks along `inward`; the right hand is a quarter turn clockwise of it.
        right = np.array([door.inward[1], -door.inward[0]])
        for one in referrals:
            own = objects[one.identity]
            assert KINDS[own.kind].label in one.sentence and own.kind not in ("door", "window")
            if one.other == 0:
                assert one.relation in ("wall", "hung", "only", "window", "door")
                assert one.relation != "hung" or own.support == WALL
                same = [other for other in space.annotated if other.kind == own.kind]
                assert one.relation != "only" or len(same) == 1
                continue
            other = objects[one.other]
            offset = (own.middle - other.middle)[:2]
            assert KINDS[other.kind].label in one.sentence or one.relation in ("window", "door")
            if one.relation in ("left", "right"):
                assert (offset @ right > 0) == (one.relation == "right") and abs(offset @ right) > 0.5
            elif one.relation == "on":
                assert own.support == other.identity and own.box[0][2] > 0.1
            elif one.relation == "carries":
                assert other.support == own.identity
            elif one.relation == "above":
                assert own.box[0][2] >= other.box[1][2]
            elif one.relation == "far":
                distances = [np.linalg.norm((own.middle - x.middle)[:2]) for x in space.annotated
                             if x.kind not in ("door", "window") and x.support != own.identity != x.identity
                             and own.support != x.identity]  # fmt: skip
                assert np.linalg.norm(offset) == max(distances) > 2
            else:
                gap = np.clip(np.maximum(own.box[0] - other.box[1], other.box[0] - own.box[1]), 0, None)[:2]
                assert np.linalg.norm(gap) < (0.4 if one.relation == "next to" else 0.8)


def test_several_for_most_objects_none_for_some() -> None:
    per_object: Counter[int] = Counter()
    silent = 0
    for space, referrals in drawn():
        silent += not referrals
        counts = Counter(one.identity for one in referrals)
        if referrals:
            for one in space.annotated:
                per_object[counts[one.identity] if one.kind not in ("door", "window") else -1] += 1
    total = sum(count for number, count in per_object.items() if number >= 0)
    assert max(per_object) == MAX_PER_OBJECT and per_object[MAX_PER_OBJECT] > 0.2 * total
    assert 0 < per_object[0] < 0.25 * total
    assert silent < 0.3 * len(spaces())


def test_all_kinds_of_relations_occur() -> None:
    found = {one.relation for _, referrals in drawn() for one in referrals}
    assert found == set(TEMPLATES)
    sentences = {one.sentence for _, referrals in drawn() for one in referrals}
    assert len(sentences) > 200 and all(sentence.endswith(".") for sentence in sentences)

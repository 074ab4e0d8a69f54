"""Sentences that refer to objects by their relations to others, as template referrals do (CrossOver spec 1.2).

Left and right are those of somebody who comes in by the door.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from concord3d.world.rooms.kinds import KINDS
from concord3d.world.rooms.objects import FLOOR, WALL, PlacedObject
from concord3d.world.rooms.spaces import Space

Array = NDArray[np.float64]

MAX_PER_OBJECT = 4
# Kinds of which nothing is said, and kinds of which nothing is said but which others are near.
_SILENT = ("door", "window")
_NEAR_M, _PAIR_M, _SIDE_M, _FAR_M = 0.4, 2.5, 0.5, 2.0
_NOTHING_SAID, _NOTHING_SAID_IN_SCAN = 0.08, 0.06

TEMPLATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "on": ("The {a} that stands on the {b}.", "There is a {a} on top of the {b}.", "This {a} lies on a {b}."),
        "carries": ("The {a} with a {b} on it.", "A {b} stands on this {a}."),
        "above": ("The {a} that hangs above the {b}.", "Look above the {b}: there is the {a}."),
        "wall": ("The {a} against the wall.", "A {a} with its back to the wall.", "This {a} stands at a wall."),
        "hung": ("The {a} that hangs on the wall.", "A {a} on the wall of the room."),
        "next to": ("The {a} next to the {b}.", "It is the {a} close to a {b}.", "A {b} is right beside this {a}."),
        "left": ("The {a} to the left of the {b}, seen from the door.", "From the door, this {a} is left of the {b}."),
        "right": (
            "The {a} to the right of the {b}, seen from the door.",
            "From the door, this {a} is right of the {b}.",
        ),
        "far": ("The {a} that is far from the {b}.", "A {a} on the other side of the room from the {b}."),
        "window": ("The {a} by the window.", "This {a} is near a window."),
        "door": ("The {a} near the door.", "On entering, the {a} is close by."),
        "only": ("There is one {a} in the room.", "The only {a} here."),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Referral:
    """One sentence.

    Attributes:
        identity: The object that it refers to.
        kind: What that is.
        relation: Key of :data:`TEMPLATES`.
        other: The object that the relation refers to, 0 where there is none.
        sentence: The sentence.
    """

    identity: int
    kind: str
    relation: str
    other: int
    sentence: str


def draw_referrals(space: Space, rng: np.random.Generator) -> tuple[Referral, ...]:
    """Draw sentences about the objects of a space: several of most, none of some, and of some spaces none at all.

    Args:
        space: The space.
        rng: Source of randomness.
    """
    if rng.random() < _NOTHING_SAID_IN_SCAN:
        return ()
    said = []
    for one in space.annotated:
        if one.kind in _SILENT or rng.random() < _NOTHING_SAID:
            continue
        found = list(relations_of(one, space))
        for number in rng.permutation(len(found))[:MAX_PER_OBJECT]:
            relation, other = found[number]
            template = TEMPLATES[relation][int(rng.integers(len(TEMPLATES[relation])))]
            sentence = template.format(a=KINDS[one.kind].label, b=KINDS[other.kind].label if other else "")
            said.append(Referral(one.identity, one.kind, relation, other.identity if other else 0, sentence))
    return tuple(said)


def relations_of(one: PlacedObject, space: Space) -> Iterator[tuple[str, PlacedObject | None]]:
    """Yield what holds of an object: a relation of :data:`TEMPLATES` and the other object, if it has one.

    Args:
        one: The object.
        space: Its space.
    """
    others = [other for other in space.annotated if other is not one]
    yield from _by_touch(one, others)
    if sum(other.kind == one.kind for other in others) == 0:
        yield "only", None
    wall = space.layout.walls[space.layout.door.wall]
    rightward = -np.array([-wall.inward[1], wall.inward[0]])
    farthest: PlacedObject | None = None
    for other in others:
        offset = (one.middle - other.middle)[:2]
        distance = float(np.linalg.norm(offset))
        if other.kind in ("window", "door") and _gap(one, other) < 0.8:
            yield other.kind, other
        if other.kind in _SILENT or other.identity == one.support or other.support == one.identity:
            continue
        if _gap(one, other) < _NEAR_M:
            yield "next to", other
        side = float(offset @ rightward)
        if abs(side) > _SIDE_M and abs(side) > abs(float(offset @ wall.inward)) and distance < _PAIR_M:
            yield ("right" if side > 0 else "left"), other
        if farthest is None or distance > np.linalg.norm((one.middle - farthest.middle)[:2]):
            farthest = other
    if farthest is not None and np.linalg.norm((one.middle - farthest.middle)[:2]) > max(_FAR_M, _reach(one, farthest)):
        yield "far", farthest


def _by_touch(one: PlacedObject, others: list[PlacedObject]) -> Iterator[tuple[str, PlacedObject | None]]:
    if one.support == WALL:
        below = [other for other in others if one.wanted.rule == "above" and other.kind in one.wanted.of.split("|")]
        yield ("above", min(below, key=lambda other: _gap(one, other))) if below else ("hung", None)
    elif one.support == FLOOR and one.wanted.rule in ("wall", "corner"):
        yield "wall", None
    for other in others:
        if other.identity == one.support:
            yield "on", other
        elif other.support == one.identity:
            yield "carries", other


def _gap(one: PlacedObject, other: PlacedObject) -> float:
    """Return the distance of two boxes in the plan."""
    apart = np.maximum(one.box[0] - other.box[1], other.box[0] - one.box[1])[:2]
    return float(np.linalg.norm(np.clip(apart, 0, None)))


def _reach(one: PlacedObject, other: PlacedObject) -> float:
    """Return one and a half times the sum of half the diagonals, beyond which things are far from each other."""
    return 0.75 * float(np.linalg.norm(one.size) + np.linalg.norm(other.size))

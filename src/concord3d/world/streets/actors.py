"""Vehicles, people and things in a street: what there is, where it stands and how it moves.

Shape legend: K instants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.world.streets.models import StreetModel
from concord3d.world.streets.plan import Lane, StreetPlan
from concord3d.world.streets.surroundings import ModelOf

_TRIES = 25
_NEAR = 45.0
_MARGIN = 0.25
# Length and width of the vehicle that carries the sensors.
EGO_SIZE = (4.1, 1.8)


@dataclass(frozen=True)
class Actor:
    """Something with an instance.

    Attributes:
        instance: Its number in the scene, from 1.
        category: Name of the general category.
        model: Its shape.
        x: Place at the first instant.
        y: As ``x``.
        z: Height of the ground it stands on.
        yaw: Direction of its front, in radians from +x to +y.
        velocity: (vx, vy) in m/s.
    """

    instance: int
    category: str
    model: StreetModel
    x: float
    y: float
    z: float
    yaw: float
    velocity: tuple[float, float]

    def at(self, time: float) -> NDArray[np.float64]:
        """Return (3,) its place at a time in seconds."""
        return np.array([self.x + self.velocity[0] * time, self.y + self.velocity[1] * time, self.z])


@dataclass(frozen=True)
class ActorKind:
    """One kind of actor.

    Attributes:
        category: Name of the general category.
        model: Category of the world that its shapes are of.
        zone: ``lane``, ``towed`` (behind a truck), ``parking``, ``walk`` or ``works``.
        counts: Least and greatest number on 100 m of a street.
        scale: Factor on the size of the shape.
        height: Height in metres that the shape gets instead, between two limits.
    """

    category: str
    model: str
    zone: str
    counts: tuple[int, int]
    scale: float = 1.0
    height: tuple[float, float] | None = None


# In the order in which they are placed: what is large first.
KINDS = (
    ActorKind("vehicle.construction", "construction_vehicle", "works", (0, 2)),
    ActorKind("movable_object.barrier", "barrier", "works", (2, 6)),
    ActorKind("movable_object.trafficcone", "cone", "works", (2, 7), height=(0.5, 0.85)),
    ActorKind("human.pedestrian.construction_worker", "person", "works", (0, 2)),
    ActorKind("vehicle.bus.rigid", "bus", "lane", (0, 1)),
    ActorKind("vehicle.bus.rigid", "bus", "parking", (0, 1)),
    ActorKind("vehicle.truck", "truck", "lane", (0, 2)),
    ActorKind("vehicle.truck", "truck", "parking", (0, 1)),
    ActorKind("vehicle.trailer", "trailer", "parking", (0, 2)),
    ActorKind("vehicle.trailer", "trailer", "towed", (0, 2)),
    ActorKind("vehicle.car", "car", "lane", (2, 5)),
    ActorKind("vehicle.car", "car", "parking", (2, 6)),
    ActorKind("vehicle.motorcycle", "motorcycle", "parking", (0, 2)),
    ActorKind("vehicle.motorcycle", "motorcycle", "lane", (0, 1)),
    ActorKind("vehicle.bicycle", "bicycle", "walk", (0, 3)),
    ActorKind("movable_object.barrier", "barrier", "walk", (0, 2)),
    ActorKind("movable_object.trafficcone", "cone", "parking", (0, 2), height=(0.5, 0.85)),
    ActorKind("movable_object.pushable_pullable", "trash_container", "walk", (0, 2)),
    ActorKind("human.pedestrian.adult", "person", "walk", (3, 9)),
    ActorKind("human.pedestrian.child", "person", "walk", (0, 2), scale=0.62),
)


@dataclass(frozen=True)
class Spot:
    """A place with a direction and a velocity, as those of :class:`Actor`."""

    x: float
    y: float
    z: float
    yaw: float
    velocity: tuple[float, float] = (0.0, 0.0)


class _Footprints:
    """Rectangles along the axes that are taken at each instant."""

    def __init__(self, times: NDArray[np.float64]) -> None:
        self._times = times
        self._taken = np.empty((0, len(times), 4))

    def claim(self, size: NDArray[np.float64], spot: Spot, margin: float = _MARGIN) -> bool:
        """Take the place of a body of some length and width, unless a part of it is taken at some instant."""
        c, s = abs(np.cos(spot.yaw)), abs(np.sin(spot.yaw))
        half = np.array([size[0] * c + size[1] * s, size[0] * s + size[1] * c]) / 2 + margin
        place = np.array([spot.x, spot.y]) + self._times[:, None] * np.array(spot.velocity)
        wanted = np.concatenate([place - half, place + half], axis=1)
        apart = (wanted[:, :2] >= self._taken[..., 2:]) | (wanted[:, 2:] <= self._taken[..., :2])
        if not apart.any(axis=2).all():
            return False
        self._taken = np.concatenate([self._taken, wanted[None]])
        return True


def place_actors(
    plan: StreetPlan,
    ego: Spot,
    times: NDArray[np.float64],
    model_of: ModelOf,
    rng: np.random.Generator,
) -> list[Actor]:
    """Place actors so that none touches another, or the vehicle of the sensors, at any instant.

    Args:
        plan: The street.
        ego: Where the vehicle of the sensors is and how it moves.
        times: (K,) seconds.
        model_of: Draws a shape.
        rng: Source of randomness.

    Returns:
        The actors; one that finds no room after some tries is left out.
    """
    footprints = _Footprints(times)
    footprints.claim(np.array(EGO_SIZE), ego, 0.6)
    works = _works(plan, rng)
    share = max(1.0, (plan.end - plan.start - 40.0) / 100.0)
    actors: list[Actor] = []
    for kind in KINDS:
        count = int(rng.integers(int(kind.counts[0] * share), int(kind.counts[1] * share) + 1))
        for _ in range(count):
            model = _sized(model_of(kind.model), kind, rng)
            for _ in range(_TRIES):
                spot = _spot(plan, kind, works, actors, model, rng)
                if spot is not None and footprints.claim(model.size, spot):
                    category = kind.category
                    if model.variant == "articulated" and kind.model == "bus":
                        category = "vehicle.bus.bendy"
                    actors.append(
                        Actor(len(actors) + 1, category, model, spot.x, spot.y, spot.z, spot.yaw, spot.velocity)
                    )
                    break
    return actors


def _sized(model: StreetModel, kind: ActorKind, rng: np.random.Generator) -> StreetModel:
    if kind.height is not None:
        return model.scaled(float(rng.uniform(*kind.height)) / float(model.size[2]))
    return model if kind.scale == 1 else model.scaled(kind.scale)


def ego_spot(plan: StreetPlan, rng: np.random.Generator) -> Spot:
    """Draw where in its lane the vehicle of the sensors is, and how it moves."""
    lane = plan.lanes[0]
    yaw = float(rng.normal(0, 0.015))
    velocity = (lane.speed * float(np.cos(yaw)), lane.speed * float(np.sin(yaw)))
    return Spot(0.0, lane.middle + float(rng.normal(0, 0.1)), 0.0, yaw, velocity)


def _works(plan: StreetPlan, rng: np.random.Generator) -> tuple[float, int]:
    """Draw the middle and the side of a place of works: at the kerb, but not in the way of the sensors."""
    side = 1 if len(plan.lanes) == 2 and not plan.parking else int(rng.choice([-1, 1]))
    return float(rng.uniform(8, 28) * rng.choice([-1, 1])), side


def _spot(
    plan: StreetPlan,
    kind: ActorKind,
    works: tuple[float, int],
    placed: Sequence[Actor],
    model: StreetModel,
    rng: np.random.Generator,
) -> Spot | None:
    """Draw a place for one actor, or None where the street has no such zone."""
    x = float(rng.uniform(-_NEAR, plan.end - plan.start - 140.0 + _NEAR))
    turn = float(rng.normal(0, 0.03))
    if kind.zone == "lane":
        lane: Lane = plan.lanes[int(rng.integers(len(plan.lanes)))]
        y = lane.middle + float(rng.normal(0, 0.15))
        return Spot(x, y, 0.0, lane.heading + turn, (lane.speed * float(np.cos(lane.heading)), 0.0))
    if kind.zone == "towed":
        return _behind_a_truck(placed, model, rng)
    side = int(rng.integers(2))
    sign = (1, -1)[side]
    if kind.zone == "parking":
        # Without a parking lane, small things stand at the kerb, large ones in yards beyond the sidewalk.
        inside = bool(plan.parking) or model.size[0] < 3
        outer = plan.walk_band(side)[1] + model.size[1] / 2 + 0.5
        y = sign * (plan.half_road - max(plan.parking, model.size[1] + 0.2) / 2 if inside else outer)
        heading = 0.0 if sign < 0 else np.pi
        if not inside and (plan.front[side] != "flat.other" or plan.surroundings not in ("industrial", "park")):
            return None
        return Spot(x, y, 0.0 if inside else plan.kerb, heading + turn)
    if kind.zone == "walk":
        near, far = plan.walk_band(side)
        # Lamps and trees stand at the kerb.
        near += 1.0 if not plan.verge[side] and far - near > 2.4 else 0.0
        half = min(model.size[0], model.size[1]) / 2
        if far - near < 2 * half:
            return None
        y = sign * float(rng.uniform(near + half, far - half))
        z = plan.kerb
        if kind.model == "person":
            if rng.random() < 0.55 and model.variant != "sitting":
                pace, heading = float(rng.uniform(0.7, 1.6)), float(rng.choice([0.0, np.pi]))
                return Spot(x, y, z, heading + turn, (pace * float(np.cos(heading)), 0.0))
            return Spot(x, y, z, float(rng.uniform(0, 2 * np.pi)))
        across = np.pi / 2 if kind.model == "barrier" else 0.0
        return Spot(x, y, z, float(rng.choice([0.0, np.pi])) + across + turn)
    return _works_spot(plan, kind, works, len(placed), rng)


def _behind_a_truck(placed: Sequence[Actor], model: StreetModel, rng: np.random.Generator) -> Spot | None:
    trucks = [actor for actor in placed if actor.category == "vehicle.truck"]
    if not trucks:
        return None
    truck = trucks[int(rng.integers(len(trucks)))]
    back = (truck.model.size[0] + model.size[0]) / 2 + 2 * _MARGIN + 0.1
    x, y = truck.x - back * float(np.cos(truck.yaw)), truck.y - back * float(np.sin(truck.yaw))
    return Spot(x, y, truck.z, truck.yaw, truck.velocity)


def _works_spot(
    plan: StreetPlan, kind: ActorKind, works: tuple[float, int], number: int, rng: np.random.Generator
) -> Spot:
    """Vehicles and workers stand at the kerb, barriers and cones round them."""
    middle, sign = works
    edge = sign * plan.half_road
    if kind.model == "barrier":
        place = middle + (number % 5 - 2) * 2.6 + float(rng.normal(0, 0.3))
        return Spot(place, edge - sign * float(rng.uniform(2.7, 3.1)), 0.0, np.pi / 2 + float(rng.normal(0, 0.08)))
    if kind.model == "cone":
        place = middle + float(rng.choice([-1, 1])) * float(rng.uniform(5, 13))
        return Spot(place, edge - sign * float(rng.uniform(0.4, 2.8)), 0.0, float(rng.uniform(0, 2 * np.pi)))
    if kind.model == "person":
        return Spot(middle + float(rng.uniform(-8, 8)), edge - sign * float(rng.uniform(0.3, 2.2)), 0.0,
                     float(rng.uniform(0, 2 * np.pi)))  # fmt: skip
    heading = float(rng.choice([0.0, np.pi]))
    return Spot(middle + float(rng.normal(0, 1)), edge - sign * 1.2, 0.0, heading + float(rng.normal(0, 0.1)))

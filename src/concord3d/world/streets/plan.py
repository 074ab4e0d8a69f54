"""The plan of a street: its widths, lanes and surroundings, before anything stands on it.

The street's frame: x along the road, y to the left, z up, in metres; the road's middle line is y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

REACH = 70.0
_SURROUNDINGS = {"downtown": 0.35, "residential": 0.3, "park": 0.15, "industrial": 0.2}


@dataclass(frozen=True)
class Lane:
    """A lane of the road.

    Attributes:
        middle: y of its middle line.
        heading: 0 where traffic drives towards +x, pi where it drives towards -x.
        speed: Of everything that drives in it, in m/s.
    """

    middle: float
    heading: float
    speed: float


@dataclass(frozen=True)
class StreetPlan:
    """Numbers that decide what a street looks like.

    Attributes:
        surroundings: ``downtown``, ``residential``, ``park`` or ``industrial``.
        start: Least x of the world.
        end: Greatest x of the world.
        lanes: Lanes; the vehicle of the sensors drives in the first.
        half_road: Half the width of the road between the kerbs.
        parking: Width of the parking lane on either side, 0 where there is none.
        median: Half the width of the island between the directions, 0 where there is none.
        median_category: What the island is.
        kerb: Height of the kerb.
        verge: Width of the strip of grass between kerb and sidewalk, left and right.
        sidewalk: Width of the sidewalk, left and right.
        front: Category of the ground behind the sidewalk, left and right.
        crossing: x of the middle and width of a road that crosses, or None.
        sun: (3,) direction to the sun, of length 1.
        light: Brightness, 1 on a clear day.
        rain: Whether it rains.
    """

    surroundings: str
    start: float
    end: float
    lanes: tuple[Lane, ...]
    half_road: float
    parking: float
    median: float
    median_category: str
    kerb: float
    verge: tuple[float, float]
    sidewalk: tuple[float, float]
    front: tuple[str, str]
    crossing: tuple[float, float] | None
    sun: tuple[float, float, float]
    light: float
    rain: bool

    @property
    def stretches(self) -> list[tuple[float, float]]:
        """Intervals of x that are not part of a crossing."""
        if self.crossing is None:
            return [(self.start, self.end)]
        middle, width = self.crossing
        cuts = [(self.start, middle - width / 2), (middle + width / 2, self.end)]
        return [(low, high) for low, high in cuts if high - low > 1.0]

    def walk_band(self, side: int) -> tuple[float, float]:
        """Return least and greatest distance from the middle line of the sidewalk on side 0 (left) or 1 (right)."""
        low = self.half_road + self.verge[side]
        return low, low + self.sidewalk[side]

    def description(self) -> str:
        """Return a few words, as the scene table has them."""
        words = [self.surroundings, "street", *(["junction"] if self.crossing else [])]
        return ", ".join([" ".join(words), *(["rain"] if self.rain else []), *(["night"] if self.light < 0.5 else [])])


def draw_plan(rng: np.random.Generator, duration: float) -> StreetPlan:
    """Draw a plan.

    Args:
        rng: Source of randomness.
        duration: Seconds that the vehicle of the sensors drives; the world reaches :data:`REACH` beyond its way.
    """
    surroundings = str(rng.choice(list(_SURROUNDINGS), p=list(_SURROUNDINGS.values())))
    per_direction, width = int(rng.integers(1, 3)), rng.uniform(3.1, 3.7)
    median = rng.uniform(0.6, 1.6) if rng.random() < 0.45 else 0.0
    parking = rng.uniform(2.0, 2.4) if rng.random() < 0.65 else 0.0
    lanes = []
    for heading, side in ((0.0, -1), (np.pi, 1)):
        for number in range(per_direction):
            stands = rng.random() < 0.25
            speed = 0.0 if stands else float(rng.uniform(3.0, 11.0))
            lanes.append(Lane(side * (median + (number + 0.5) * width), heading, speed))
    azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(20, 70))
    sun = (np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height))
    green = {"downtown": 0.15, "residential": 0.75, "park": 0.95, "industrial": 0.4}[surroundings]
    end = REACH + lanes[0].speed * duration
    rain = bool(rng.random() < 0.15)
    return StreetPlan(
        surroundings,
        -REACH,
        end,
        tuple(lanes),
        median + per_direction * width + parking,
        parking,
        median,
        "flat.other" if rng.random() < 0.6 else "flat.terrain",
        rng.uniform(0.1, 0.18),
        (_verge(rng), _verge(rng)),
        tuple(rng.uniform(1.8, 4.2, 2).tolist()),
        (_ground(rng, green), _ground(rng, green)),
        (float(rng.uniform(15, max(16.0, end - 25))), rng.uniform(6.5, 10)) if rng.random() < 0.35 else None,
        (float(sun[0]), float(sun[1]), float(sun[2])),
        (rng.uniform(0.25, 0.45) if rng.random() < 0.12 else rng.uniform(0.8, 1.1)) * (0.8 if rain else 1.0),
        rain,
    )


def _verge(rng: np.random.Generator) -> float:
    """Return the width of the strip between kerb and sidewalk on one side, 0 where there is none."""
    return float(rng.uniform(0.8, 2.2)) if rng.random() < 0.35 else 0.0


def _ground(rng: np.random.Generator, green: float) -> str:
    """Return the category of the ground before the houses of one side."""
    return "flat.terrain" if rng.random() < green else "flat.other"

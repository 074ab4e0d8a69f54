"""What a category generator works with: recorded random choices and a list of coloured, labelled parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.grammar import Shape

Color = tuple[int, int, int]
StyleValue = float | int | str


@dataclass(frozen=True)
class Style:
    """Random choices that remember themselves: every choice becomes a style parameter.

    Attributes:
        rng: Source of randomness.
        values: Name to value of every choice so far.
        paint: Name of a colour of ``palette.BASIC`` that takes the place of every colour drawn, or None.
    """

    rng: np.random.Generator
    values: dict[str, StyleValue] = field(default_factory=dict)
    paint: str | None = None

    def real(self, name: str, low: float, high: float) -> float:
        """Draw a number in [low, high)."""
        value = round(float(self.rng.uniform(low, high)), 4)
        self.values[name] = value
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        """Draw an integer in [low, high], both included."""
        value = int(self.rng.integers(low, high + 1))
        self.values[name] = value
        return value

    def choice(self, name: str, options: Sequence[str] | Mapping[str, float]) -> str:
        """Draw one of ``options``; a mapping gives their weights."""
        names = list(options)
        weights = np.array(list(options.values()) if isinstance(options, Mapping) else [1.0] * len(names))
        value = names[int(self.rng.choice(len(names), p=weights / weights.sum()))]
        self.values[name] = value
        return value

    def flag(self, name: str, probability: float) -> bool:
        """Draw yes (recorded as 1) or no (0)."""
        value = bool(self.rng.random() < probability)
        self.values[name] = int(value)
        return value

    def color(self, name: str, *families: Mapping[str, Color]) -> Color:
        """Draw a named colour from the families, and shade it a little; the name is recorded."""
        family = families[int(self.rng.integers(len(families)))]
        label = self.choice(name, tuple(family))
        base = family[label]
        if self.paint is not None:
            self.values[name], base = self.paint, palette.BASIC[self.paint]
        shade = self.rng.normal(0, 6, 3) + self.rng.normal(0, 8)
        red, green, blue = (np.array(base) + shade).clip(0, 255).astype(int).tolist()
        return red, green, blue

    def jitter(self, scale: float) -> float:
        """Draw an unrecorded number in [-scale, scale), for irregularities that are no style."""
        return float(self.rng.uniform(-scale, scale))


@dataclass(frozen=True)
class Assembly:
    """Shapes with part names and colours, in the order in which they were added."""

    pieces: list[tuple[str, Color, Shape]] = field(default_factory=list)

    def add(self, part: str, color: Color, *shapes: Shape) -> None:
        """Append shapes that belong to one part."""
        self.pieces.extend((part, color, shape) for shape in shapes)


def tinted(color: Color, factor: float) -> Color:
    """Return a darker (factor < 1) or lighter (> 1) colour."""
    red, green, blue = (min(255, int(channel * factor)) for channel in color)
    return red, green, blue

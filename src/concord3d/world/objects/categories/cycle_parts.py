"""Parts that bicycles and motorcycles share: wheels whose axle lies along x, mudguards, saddles and bent bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from concord3d.world.objects.categories.style import Assembly, Color
from concord3d.world.objects.grammar import (
    Shape,
    bar,
    cylinder,
    join,
    mirror,
    polygon,
    rim_ring,
    smooth,
    torus,
    tube,
)


def tyre(radius: float, thickness: float, breadth: float = 1.0, segments: int = 24) -> Shape:
    """Return a tyre about the origin of outer radius ``radius``; its section is ``breadth`` times as wide as high."""
    ring = torus(radius - thickness, thickness, segments=segments, sides=6)
    return ring.scaled(1, breadth, 1).turned("z", 90)


def rim(radius: float, depth: float, width: float, segments: int = 24) -> Shape:
    """Return the band of metal below a tyre, from ``radius - depth`` to ``radius``."""
    outline = polygon(segments)
    return rim_ring(outline * radius, outline * (radius - depth), -width / 2, width / 2).turned("z", 90)


def wire_spokes(radius: float, hub_width: float, count: int, thick: float) -> Shape:
    """Return a hub and thin spokes that leave its two ends in turn."""
    angles = 2 * np.pi * np.arange(count) / count
    wires = [
        bar((side * hub_width / 2, 0, 0), (0, radius * np.cos(angle), radius * np.sin(angle)), thick, sides=3)
        for side, angle in zip(np.resize([1, -1], count), angles, strict=True)
    ]
    return join([_hub(hub_width, hub_width * 0.25), *wires])


def cast_spokes(radius: float, hub_width: float, count: int, thick: float) -> Shape:
    """Return a hub and a few broad spokes."""
    angles = 2 * np.pi * np.arange(count) / count
    arms = [
        bar((0, 0, 0), (0, radius * np.cos(angle), radius * np.sin(angle)), thick, thick * 0.7, sides=5)
        for angle in angles
    ]
    return join([_hub(hub_width, thick * 1.5), *arms])


def disc(radius: float, width: float, sides: int = 22) -> Shape:
    """Return a full disc across x."""
    return cylinder(radius, width, sides).moved(y=-width / 2).turned("z", 90)


def _hub(width: float, radius: float) -> Shape:
    return cylinder(radius, width, 10).moved(y=-width / 2).turned("z", 90)


def mudguard(radius: float, width: float, start: float, sweep: float) -> Shape:
    """Return an arch over a wheel about the origin, from ``start`` degrees (0 is up, 90 in front) on over ``sweep``."""
    arch = torus(radius, width * 0.16, sweep, segments=10, sides=5)
    return arch.scaled(1, 3.1, 1).turned("z", 90).turned("x", start)


def bent(points: ArrayLike, radius: float, count: int = 8, sides: int = 6) -> Shape:
    """Return a tube along the smooth curve through (K, 3) points."""
    return tube(smooth(points, count), radius, sides)


def add_handlebar(
    made: Assembly, path: ArrayLike, at: tuple[float, float], radius: float, colors: tuple[Color, Color]
) -> None:
    """Add a bar that is bent alike on both sides, and its grips.

    Args:
        made: What it is added to.
        path: (K, 3) points of the +x half from the middle outwards, relative to the stem.
        at: Height and place along z of the stem.
        radius: Of the bar.
        colors: Of the bar and of the grips.
    """
    curve = smooth(path, 2 * len(np.asarray(path)) + 1)
    y, z = at
    made.add("handlebar", colors[0], mirror(tube(curve, radius, 6).moved(0, y, z)))
    made.add("handlebar", colors[1], mirror(bar(curve[-3], curve[-1], radius * 1.5, sides=8).moved(0, y, z)))

"""Plants: leaves, flowers, bushes and trees, in pots or on the ground."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style
from concord3d.world.objects.grammar import (
    Shape,
    bar,
    cone,
    cylinder,
    ellipsoid,
    frustum,
    join,
    lathe,
    sheet,
    smooth,
    tube,
)

_LEAF_ROWS = 5


def leaf(length: float, width: float, rise: float, droop: float) -> Shape:
    """Return a folded leaf that starts at the origin towards +z, climbs by ``rise`` and then droops."""
    t = np.linspace(0, 1, _LEAF_ROWS)
    half = width / 2 * np.sin(np.pi * (0.08 + 0.9 * t)) ** 0.8
    y = rise * t - droop * t**2
    edge = np.stack([half, y - half * 0.35, length * t], axis=1)
    spine = np.stack([0 * t, y, length * t], axis=1)
    return sheet(np.stack([edge * np.array([-1, 1, 1]), spine, edge], axis=0))


def scattered(style: Style, shape: Shape, places: np.ndarray, azimuth: np.ndarray, scale: np.ndarray) -> Shape:
    """Return one copy of ``shape`` at each of (M, 3) places, turned about y and scaled."""
    cosine, sine = np.cos(azimuth), np.sin(azimuth)
    zero, one = np.zeros_like(azimuth), np.ones_like(azimuth)
    turn = np.stack([cosine, zero, sine, zero, one, zero, -sine, zero, cosine], axis=1).reshape(-1, 3, 3)
    vertices = np.einsum("mij,vj->mvi", turn, shape.vertices) * scale[:, None, None] + places[:, None]
    count = len(shape.vertices)
    faces = shape.faces[None] + (np.arange(len(places)) * count)[:, None, None]
    return Shape(vertices.reshape(-1, 3), faces.reshape(-1, 3).astype(np.int32))


def foliage(style: Style, made: Assembly, kind: str, y: float, spread: float, height: float) -> None:
    """Grow something from the point (0, y, 0).

    Args:
        style: Source of choices.
        made: Receives parts ``leaf``, ``stem`` and ``flower``.
        kind: ``flowers | bush | fern | cactus | blades | conifer | tree | palm``.
        y: Height of the soil.
        spread: Radius of the soil.
        height: Height of the plant.
    """
    green = style.color("leaf_color", palette.LEAF)
    rng = style.rng
    if kind in ("fern", "blades"):
        count = style.whole("num_leaves", 9, 26)
        azimuth = np.arange(count) * 2.4 + rng.uniform(0, 0.5, count)
        upright = 1.0 if kind == "blades" else 0.75
        blade = leaf(
            height * (0.35 if kind == "blades" else 0.95),
            height * style.real("leaf_width", 0.07, 0.22),
            height * upright,
            height * (0.1 if kind == "blades" else style.real("droop", 0.4, 1.0)),
        )
        places = np.stack([0.3 * spread * np.sin(azimuth), np.full(count, y), 0.3 * spread * np.cos(azimuth)], axis=1)
        made.add("leaf", green, scattered(style, blade, places, azimuth, rng.uniform(0.6, 1.1, count)))
    elif kind == "cactus":
        ribs = ellipsoid(spread * 0.55, height / 2, spread * 0.55, 9, 14, 2.6).moved(y=y + height / 2)
        made.add("stem", green, ribs)
        for side in (-1, 1)[: style.whole("num_arms", 0, 2)]:
            reach, low = spread * 0.95, y + height * float(rng.uniform(0.3, 0.5))
            stem = tube(
                smooth([(0, low, 0), (side * reach, low, 0), (side * reach, low + height * 0.35, 0)], 9),
                spread * 0.22,
                8,
            )
            made.add("stem", green, stem)
    elif kind == "conifer":
        layers = style.whole("num_layers", 3, 5)
        made.add("stem", palette.SOIL, cylinder(spread * 0.1, height * 0.3, 8).moved(y=y))
        for i in range(layers):
            t = i / layers
            leaf_shape = cone(spread * 1.1 * (1 - 0.75 * t), height * 0.42, 14).moved(y=y + height * (0.14 + 0.72 * t))
            made.add("leaf", green, leaf_shape)
    else:
        _leafy(style, made, kind, y, spread, height, green)


def _leafy(
    style: Style, made: Assembly, kind: str, y: float, spread: float, height: float, green: tuple[int, int, int]
) -> None:
    rng = style.rng
    if kind == "flowers":
        count = style.whole("num_flowers", 3, 9)
        petals = style.color("flower_color", palette.FLOWER)
        for angle in np.arange(count) * 2.4:
            out = spread * float(rng.uniform(0.3, 1.3))
            tip = np.array([out * np.sin(angle), y + height * float(rng.uniform(0.6, 1.0)), out * np.cos(angle)])
            stem = tube(
                smooth(np.array([(0, y, 0), (tip[0] * 0.4, y + 0.6 * (tip[1] - y), tip[2] * 0.4), tip]), 5),
                height * 0.012,
                5,
            )
            made.add("stem", green, stem)
            made.add("flower", petals, ellipsoid(height * 0.09, height * 0.07, height * 0.09, 5, 8).moved(*tip))
        _cloud(style, made, green, (y + height * 0.3, spread * 0.6, height * 0.25), 14, height * 0.28)
        return
    trunk = {"bush": 0.15, "tree": 0.5, "palm": 0.75}[kind] * height
    if kind != "bush":
        lean = spread * 0.4
        path = smooth([(0, y, 0), (style.jitter(lean), y + trunk / 2, style.jitter(lean)), (0, y + trunk, 0)], 7)
        made.add("stem", palette.WOOD["walnut"], tube(path, np.linspace(height * 0.035, height * 0.02, 7), 7))
    if kind == "palm":
        count = style.whole("num_leaves", 7, 16)
        azimuth = np.arange(count) * 2.4
        blade = leaf(
            height * style.real("leaf_length", 0.4, 0.65),
            height * 0.13,
            height * 0.3,
            height * style.real("droop", 0.3, 0.6),
        )
        leaf_shape = scattered(
            style, blade, np.tile([0, y + trunk, 0], (count, 1)), azimuth, rng.uniform(0.7, 1.1, count)
        )
        made.add("leaf", green, leaf_shape)
        return
    crown = height - trunk
    radius = spread * style.real("crown_width", 0.8, 1.7)
    fork = y + max(trunk, height * 0.05)
    for angle in np.arange(style.whole("num_branches", 3, 8)) * 2.4:
        end = (
            0.7 * radius * np.sin(angle),
            fork + crown * float(rng.uniform(0.35, 0.85)),
            0.7 * radius * np.cos(angle),
        )
        made.add(
            "stem", palette.WOOD["walnut"], bar((0, fork - height * 0.04, 0), end, height * 0.014, height * 0.006, 5)
        )
    _cloud(
        style,
        made,
        green,
        (y + trunk + crown / 2, radius, crown / 2),
        style.whole("num_leaves", 50, 110),
        height * style.real("leaf_size", 0.14, 0.3),
    )


def _cloud(
    style: Style, made: Assembly, color: tuple[int, int, int], ball: tuple[float, float, float], count: int, size: float
) -> None:
    """Fill an upright ellipsoid (centre height, radius, half height) with leaves that point outwards."""
    direction = style.rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    reach = style.rng.uniform(0.3, 1.0, (count, 1)) ** 0.6
    places = direction * reach * np.array([ball[1], ball[2], ball[1]]) + np.array([0, ball[0], 0])
    azimuth = np.arctan2(direction[:, 0], direction[:, 2])
    leaf_shape = scattered(
        style, leaf(size, size * 0.5, size * 0.4, size * 0.5), places, azimuth, style.rng.uniform(0.6, 1.2, count)
    )
    made.add("leaf", color, leaf_shape)


def plant(style: Style) -> Assembly:
    """Plant: fern, bush, tree, palm, blades, cactus or flowers, mostly in a pot."""
    made = Assembly()
    variant = style.choice(
        "variant",
        {"fern": 2, "bush": 2.5, "tree": 1.5, "palm": 1.5, "blades": 1.2, "cactus": 0.4, "flowers": 1, "conifer": 0.4},
    )
    height = style.real("height", 0.5, 1.5)
    spread = height * style.real("spread", 0.22, 0.5)
    color = style.color("pot_color", palette.CERAMIC)
    potted = style.flag("has_pot", 0.75)
    pot_height = height * style.real("pot_height", 0.15, 0.45)
    pot_width = min(spread, height * style.real("pot_width", 0.12, 0.22))
    soil = 0.0
    if potted:
        soil = _pot(style, made, pot_width, pot_height, color)
    foliage(style, made, variant, soil, spread, height)
    if style.flag("has_stake", 0.08):
        made.add(
            "stem", palette.WOOD["pine"], bar((0.01, soil, 0), (0.03, soil + height * 0.9, 0), height * 0.01, sides=5)
        )
    if style.flag("has_stones", 0.12):
        stones = join(
            ellipsoid(0.05, 0.03, 0.04, 5, 7).moved(style.jitter(spread), 0.02, style.jitter(spread)) for _ in range(5)
        )
        made.add("stone", palette.STONE["slate"], stones)
    if not potted and style.flag("has_ground", 0.4):
        made.add("soil", palette.SOIL, frustum(spread * 1.1, spread, height * 0.04, 16))
    return made


def _pot(style: Style, made: Assembly, width: float, height: float, color: Color) -> float:
    """Add a pot with soil; return the height of the soil."""
    form = style.choice("pot", ("cone", "cylinder", "bowl", "box"))
    bottom = {"cone": 0.7, "cylinder": 1.0, "bowl": 0.6, "box": 0.9}[form]
    sides = 4 if form == "box" else 20
    if form == "bowl":
        height *= 0.6
        pot = lathe(
            [
                (0, 0),
                (width * bottom, 0),
                (width * 1.1, height * 0.5),
                (width, height),
                (width * 0.9, height),
                (0, height * 0.85),
            ],
            sides,
        )
    else:
        pot = lathe(
            [
                (0, 0),
                (width * bottom, 0),
                (width, height),
                (width * 0.88, height),
                (width * 0.85, height * 0.88),
                (0, height * 0.88),
            ],
            sides,
        )
    made.add("pot", color, pot)
    made.add("soil", palette.SOIL, cylinder(width * 0.8, height * 0.03, max(4, sides)).moved(y=height * 0.86))
    return height * 0.88

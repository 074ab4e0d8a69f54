"""What of a street stands still: ground, kerbs, markings, houses, poles, signs, hedges and trees."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from concord3d.world.objects import palette
from concord3d.world.objects.grammar import cylinder, ellipsoid
from concord3d.world.streets.meshes import MeshBuilder
from concord3d.world.streets.models import StreetModel
from concord3d.world.streets.plan import StreetPlan

# Draws an object of a category of the world.
ModelOf = Callable[[str], StreetModel]

_FAR = 60.0
_BEYOND = 60.0
_DEEP = -0.3
_STOREY = 3.1
_SIGNS = (1, -1)
_ASPHALT, _PAVING, _GRASS, _PLAZA = (82, 82, 86), (158, 152, 144), (92, 116, 58), (150, 120, 100)
_GROUND = {"flat.terrain": _GRASS, "flat.other": _PLAZA, "flat.sidewalk": _PAVING}
_MARKING = (225, 225, 220)
_WALLS = (*palette.STONE.values(), (214, 190, 150), (190, 110, 84), (170, 176, 180), (120, 96, 84), (226, 220, 204))
_GLASS = np.array([46, 58, 72])
# Tallest storeys, share of the front that is built on, distance of the fronts from the sidewalk.
_HOUSES = {
    "downtown": (9, 0.92, (0.0, 1.5)),
    "residential": (3, 0.7, (3.0, 7.0)),
    "park": (3, 0.2, (6.0, 12.0)),
    "industrial": (3, 0.65, (4.0, 9.0)),
}
# Parts of signs that are poles, and what parts of trees are.
_POSTS = ("post", "foot")
_TRUNK = {"trunk": "trunk"}
_TREES = {"downtown": 0.5, "residential": 0.8, "park": 1.0, "industrial": 0.4}


def add_surroundings(made: MeshBuilder, plan: StreetPlan, model_of: ModelOf, rng: np.random.Generator) -> None:
    """Add everything of a street that stands still."""
    _ground(made, plan, rng)
    _markings(made, plan)
    for side in (0, 1):
        _houses(made, plan, side, rng)
        _furniture(made, plan, side, model_of, rng)
        _greenery(made, plan, side, model_of, rng)


def _tone(color: tuple[int, int, int], rng: np.random.Generator, spread: float = 10.0) -> NDArray[np.float64]:
    return (np.array(color) + rng.normal(0, spread) + rng.normal(0, spread / 3, 3)).clip(10, 245)


def _ground(made: MeshBuilder, plan: StreetPlan, rng: np.random.Generator) -> None:
    """Add strips as boxes, so that kerbs have risers; they reach beyond the houses, for what drives there."""
    start, end = plan.start - _BEYOND, plan.end + _BEYOND
    asphalt, paving = _tone(_ASPHALT, rng), _tone(_PAVING, rng)
    half = plan.half_road
    made.add_boxes((start, -half, _DEEP), (end, half, 0.0), asphalt, "flat.driveable_surface")
    if plan.crossing is not None:
        middle, width = plan.crossing
        for low, high in ((-_FAR, -half), (half, _FAR)):
            made.add_boxes(
                (middle - width / 2, low, _DEEP), (middle + width / 2, high, 0.0), asphalt, "flat.driveable_surface"
            )
    cuts = [start, *[edge for stretch in plan.stretches for edge in stretch][1:-1], end]
    for low, high in zip(cuts[::2], cuts[1::2], strict=True):
        if plan.median:
            tone = _tone(_GROUND[plan.median_category], rng)
            made.add_boxes((low, -plan.median, _DEEP), (high, plan.median, plan.kerb), tone, plan.median_category)
        for side, sign in enumerate(_SIGNS):
            near, far = plan.walk_band(side)
            front = plan.front[side]
            strips = [
                (half, near, plan.kerb * 0.9, "flat.terrain", _tone(_GRASS, rng)),
                (near, far, plan.kerb, "flat.sidewalk", paving),
                (far, _FAR, plan.kerb * (0.7 if front == "flat.terrain" else 1.0), front, _tone(_GROUND[front], rng)),
            ]
            for inner, outer, top, category, tone in strips:
                if outer - inner > 0.05:
                    y = sorted((sign * inner, sign * outer))
                    made.add_boxes((low, y[0], _DEEP), (high, y[1], top), tone, category)


def _markings(made: MeshBuilder, plan: StreetPlan) -> None:
    borders = {round((a.middle + b.middle) / 2, 3) for a, b in zip(plan.lanes, plan.lanes[1:], strict=False)
               if a.heading == b.heading}  # fmt: skip
    lines = [(y, 3.0, 6.0) for y in sorted(borders)]
    lines += [(0.0, 2.0, 2.5)] if not plan.median else []
    lines += [(sign * (plan.half_road - plan.parking - 0.05), 8.0, 8.2) for sign in _SIGNS] if plan.parking else []
    corners = []
    for y, size, step in lines:
        for low, high in plan.stretches:
            for x in np.arange(low, high - size, step):
                corners.append(_flat(x, x + size, y - 0.07, y + 0.07))
    if plan.crossing is not None:
        edge = plan.crossing[0] - plan.crossing[1] / 2 - 1.0
        for y in np.arange(-plan.half_road + 0.4, plan.half_road - 0.4, 1.1):
            corners.append(_flat(edge - 3.0, edge, y, y + 0.55))
    if corners:
        made.add_rectangles(np.array(corners), _MARKING, "flat.driveable_surface", "lane_marking")


def _flat(low: float, high: float, right: float, left: float) -> list[tuple[float, float, float]]:
    return [(low, right, 0.012), (high, right, 0.012), (high, left, 0.012), (low, left, 0.012)]


def _houses(made: MeshBuilder, plan: StreetPlan, side: int, rng: np.random.Generator) -> None:
    storeys, share, setback = _HOUSES[plan.surroundings]
    sign = _SIGNS[side]
    for start, end in plan.stretches:
        x = start
        while x < end - 6:
            length = min(float(rng.uniform(9, 22)), end - x)
            if rng.random() < share:
                count = int(rng.integers(1 if plan.surroundings != "downtown" else 3, storeys + 1))
                near = plan.walk_band(side)[1] + float(rng.uniform(*setback))
                depth = float(rng.uniform(8, 14))
                tone = _tone(_WALLS[int(rng.integers(len(_WALLS)))], rng)
                gap = 0.05 if plan.surroundings == "downtown" else float(rng.uniform(0.5, 2.5))
                _house(made, (x + gap, x + length - gap), (near, near + depth), sign, count, tone, rng)
            x += length


def _house(
    made: MeshBuilder,
    span: tuple[float, float],
    depth: tuple[float, float],
    sign: int,
    storeys: int,
    tone: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    height = storeys * _STOREY + 0.8
    y = sorted((sign * depth[0], sign * depth[1]))
    made.add_boxes((span[0], y[0], 0.0), (span[1], y[1], height), tone, "static.manmade", "building")
    eaves = 0.4
    if storeys <= 3 and rng.random() < 0.7:
        # A ridge along the street.
        ridge, top = (y[0] + y[1]) / 2, height + float(rng.uniform(1.8, 3.2))
        a, b = span[0] - eaves, span[1] + eaves
        roof = [[(a, y[i] + (eaves if i else -eaves), height - 0.1), (b, y[i] + (eaves if i else -eaves), height - 0.1),
                 (b, ridge, top), (a, ridge, top)] for i in (0, 1)]  # fmt: skip
        made.add_rectangles(np.array(roof), tone * 0.55 + np.array([30, 8, 0]), "static.manmade", "building")
    front = sign * (depth[0] - 0.03)
    broad = float(rng.uniform(0.9, 1.5))
    step = broad + float(rng.uniform(0.8, 1.8))
    places = np.arange(span[0] + 0.8, span[1] - broad - 0.5, step)
    door = int(rng.integers(max(1, len(places))))
    windows, shades = [], []
    for storey in range(storeys):
        for number, x in enumerate(places):
            low = storey * _STOREY + (1.0 if storey or number != door else 0.15)
            high = storey * _STOREY + 2.4
            windows.append([(x, front, low), (x + broad, front, low), (x + broad, front, high), (x, front, high)])
            shades.append(_GLASS + (20 if storey or number != door else -15))
    if windows:
        made.add_rectangles(np.array(windows), np.array(shades), "static.manmade", "building")


def _furniture(made: MeshBuilder, plan: StreetPlan, side: int, model_of: ModelOf, rng: np.random.Generator) -> None:
    """Add lamps and signs at the kerb, and here and there a wall before the houses."""
    sign, base = _SIGNS[side], plan.kerb
    y = sign * (plan.half_road + 0.45)
    height, tone = float(rng.uniform(5.5, 8)), _tone((112, 116, 118), rng)
    post = cylinder(0.09, height, 6)
    vertices = post.vertices[:, [2, 0, 1]]
    for x in _places(plan, float(rng.uniform(22, 34)), rng):
        made.add(vertices + np.array([x, y, base]), post.faces, tone, "static.manmade", detail="pole")
        tip = y - sign * 1.8
        low, high = sorted((y, tip))
        made.add_boxes((x - 0.06, low, base + height - 0.12), (x + 0.06, high, base + height), tone, "static.manmade",
                       "pole")  # fmt: skip
        made.add_boxes((x - 0.12, tip - 0.3, base + height - 0.2), (x + 0.12, tip + 0.3, base + height - 0.1),
                       (205, 205, 196), "static.manmade", "pole")  # fmt: skip
    for x in _places(plan, float(rng.uniform(25, 60)), rng):
        model = model_of("traffic_sign")
        turned = model.vertices * np.array([-1, -1, 1]) if sign < 0 else model.vertices
        details = ["pole" if part in _POSTS else "traffic_sign" for part in model.parts]
        made.add(turned + np.array([x, y, base]), model.faces, model.colors, "static.manmade", detail=details)
    if rng.random() < 0.3:
        edge = sign * (plan.walk_band(side)[1] + 0.2)
        for low, high in plan.stretches:
            made.add_boxes((low, edge - 0.1, 0.0), (high, edge + 0.1, float(rng.uniform(0.6, 1.6))),
                           _tone((150, 130, 110), rng), "static.manmade", "fence")  # fmt: skip


def _greenery(made: MeshBuilder, plan: StreetPlan, side: int, model_of: ModelOf, rng: np.random.Generator) -> None:
    sign, kind = _SIGNS[side], _TREES[plan.surroundings]
    rows = [(plan.half_road + max(plan.verge[side] / 2, 0.7), float(rng.uniform(8, 15)), 0.9)]
    if plan.front[side] == "flat.terrain":
        rows.append((plan.walk_band(side)[1] + float(rng.uniform(1.5, 3)), float(rng.uniform(5, 12)), 1.15))
    for distance, step, size in rows:
        for x in _places(plan, step, rng):
            if rng.random() < kind:
                model = model_of("tree")
                turn = float(rng.uniform(0, 2 * np.pi))
                c, s = np.cos(turn), np.sin(turn)
                factor = size * float(rng.uniform(0.75, 1.15))
                vertices = model.vertices @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) * factor
                place, details = np.array([x, sign * distance, 0.0]), [_TRUNK.get(part, "") for part in model.parts]
                made.add(vertices + place, model.faces, model.colors, "static.vegetation", detail=details)
    if plan.front[side] == "flat.terrain" and rng.random() < 0.6:
        bush = ellipsoid(1.0, 0.8, 0.7, 5, 7, 3.0)
        vertices = bush.vertices[:, [2, 0, 1]]
        y = sign * (plan.walk_band(side)[1] + 0.8)
        tone = _tone((58, 92, 44), rng)
        for x in _places(plan, float(rng.uniform(1.6, 5.0)), rng):
            scale = rng.uniform(0.8, 1.5, 3)
            made.add(vertices * scale + np.array([x, y, 0.7]), bush.faces, tone, "static.vegetation")


def _places(plan: StreetPlan, step: float, rng: np.random.Generator) -> list[float]:
    """Return places along the street at about equal distances, outside of the crossing."""
    first = plan.start + float(rng.uniform(0, step))
    places = np.arange(first, plan.end, step) + 0.0
    places = places + rng.uniform(-0.15, 0.15, len(places)) * step
    return [float(x) for x in places if any(low + 1 < x < high - 1 for low, high in plan.stretches)]

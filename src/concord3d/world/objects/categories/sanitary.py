"""Bathtubs, sinks and toilets."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.seating import four_legs
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Shape,
    bar,
    box,
    cylinder,
    frustum,
    join,
    linear_array,
    mirror,
    polygon,
    rim_ring,
    smooth,
    stack_rings,
    tube,
)


def basin(outline: np.ndarray, height: float, floor: float, foot: float, rim: float, inner: float) -> Shape:
    """Return an open basin on y = 0.

    Args:
        outline: (K, 2) rim outline in x and z.
        height: Height of the rim.
        floor: Height of the inner floor.
        foot: Size of the outer bottom relative to the rim.
        rim: Size of the inner edge relative to the rim.
        inner: Size of the inner floor relative to the rim.
    """
    rings = [
        outline * foot,
        outline * (0.4 * foot + 0.6),
        outline,
        outline * rim,
        outline * (rim * 0.7 + inner * 0.3),
        outline * inner,
    ]
    heights = [0, height * 0.5, height, height, floor + 0.35 * (height - floor), floor]
    return stack_rings(rings, heights)


def faucet(rise: float, reach: float, thick: float) -> Shape:
    """Return a tap that stands at the origin and reaches towards +z."""
    path = smooth(
        [(0, 0, 0), (0, rise * 0.7, 0), (0, rise, reach * 0.3), (0, rise * 0.95, reach * 0.8), (0, rise * 0.75, reach)],
        11,
    )
    grips = mirror(
        join(
            [cylinder(thick * 1.2, rise * 0.25, 8), bar((0, rise * 0.25, 0), (rise * 0.2, rise * 0.3, 0), thick * 0.7)]
        ).moved(rise * 0.45)
    )
    return join([tube(path, thick, 7), grips])


def bathtub(style: Style) -> Assembly:
    """Bathtub: claw-foot, free-standing oval, built-in block, corner or slipper tub."""
    made = Assembly()
    variant = style.choice("variant", {"clawfoot": 2.5, "oval": 2, "block": 2.5, "slipper": 1, "corner": 0.6})
    color, metal = style.color("tub_color", palette.CERAMIC, palette.STONE), style.color("fitting_color", palette.METAL)
    width, length = style.real("width", 0.65, 0.95), style.real("length", 1.4, 1.9)
    height = style.real("height", 0.4, 0.62)
    rim, inner = style.real("rim", 0.82, 0.94), style.real("floor_size", 0.5, 0.75)
    power = style.real("squareness", 2.3, 7) if variant in ("block", "oval") else 2.6
    lift = style.real("leg_height", 0.08, 0.2) if variant == "clawfoot" else 0.0
    if variant == "block":
        hole = polygon(32, width / 2 * rim, length / 2 * rim, power)
        outer = polygon(32, width / 2, length / 2, 30)
        tub = stack_rings([outer, outer, hole, hole * 0.9, hole * inner], [0, height, height, height * 0.5, 0.08])
        made.add("tub", color, tub)
    elif variant == "corner":
        width = length * 0.85
        hole = polygon(32, width / 2 * rim, length / 2 * rim, 2.5)
        outer = polygon(32, width / 2, length / 2, 3.5)
        tub = stack_rings([outer, outer, hole, hole * 0.9, hole * inner], [0, height, height, height * 0.5, 0.1])
        made.add("tub", color, tub)
    else:
        outline = polygon(32, width / 2, length / 2, power)
        body = basin(outline, height, 0.07, style.real("foot_size", 0.55, 0.9), rim, inner)
        if variant in ("slipper", "clawfoot"):
            slope = style.real("back_rise", 0.0, 0.35) if variant == "clawfoot" else style.real("back_rise", 0.3, 0.6)
            share = (-body.vertices[:, 2] / length + 0.5).clip(0, 1) ** 2
            body = Shape(
                body.vertices * np.stack([np.ones_like(share), 1 + slope * share, np.ones_like(share)], axis=1),
                body.faces,
            )
        made.add("tub", color, body.moved(y=lift))
    if lift:
        foot = tube(
            smooth([(0, lift * 1.5, 0), (0.03, lift * 0.8, 0.02), (0.0, 0.02, 0.03), (0.05, 0.0, 0.05)], 7),
            [0.03, 0.03, 0.025, 0.02, 0.02, 0.025, 0.02],
            6,
        )
        made.add("leg", metal, mirror(mirror(foot.moved(width * 0.27, 0, length * 0.27), "z")))
    if style.flag("has_roll_rim", 0.3) and variant in ("oval", "clawfoot"):
        ring = polygon(32, width / 2 * (1 + rim) / 2, length / 2 * (1 + rim) / 2, power)
        path = np.column_stack([ring[:, 0], np.full(32, lift + height), ring[:, 1]])
        made.add("tub", color, tube(np.concatenate([path, path[:1]]), 0.022, 6))
    if style.flag("has_faucet", 0.5):
        tap = faucet(0.2, 0.16, 0.014).moved(y=lift + height, z=-length / 2 * 0.94)
        made.add("faucet", metal, tap if style.flag("faucet_at_end", 0.7) else tap.turned("y", 90).moved(z=0))
    if style.flag("has_shower", 0.12):
        riser = [(0, height, -length * 0.48), (0, 1.9, -length * 0.48), (0, 1.95, -length * 0.3)]
        made.add("faucet", metal, tube(riser, 0.013, 6), frustum(0.1, 0.03, 0.05, 14).moved(y=1.9, z=-length * 0.3))
    return made


def sink(style: Style) -> Assembly:
    """Sink: pedestal, drop-in, double kitchen sink, vessel on a counter, wall-hung, or console on legs."""
    made = Assembly()
    variant = style.choice(
        "variant",
        {"drop_in": 3, "double": 1.5, "pedestal": 1.2, "vessel": 1.2, "console": 1, "vanity": 2, "counter": 1.5},
    )
    color = style.color("basin_color", palette.CERAMIC, {"steel": palette.METAL["steel"]})
    metal, wood = style.color("faucet_color", palette.METAL), style.color("counter_color", palette.WOOD, palette.STONE)
    width, depth = style.real("width", 0.45, 0.8), style.real("depth", 0.36, 0.52)
    bowl = style.real("bowl_depth", 0.12, 0.24)
    power = style.real("squareness", 2.0, 12)
    rim, inner = style.real("rim", 0.78, 0.92), style.real("floor_size", 0.35, 0.75)
    outline = polygon(28, width / 2, depth / 2, power)
    if variant == "vanity":
        depth *= style.real("vanity_depth", 1.0, 1.35)
        outline = polygon(28, width / 2, depth / 2, power)
    level = {"pedestal": 0.85, "console": 0.85, "vanity": 0.8, "vessel": 0.06}.get(variant, bowl) - (
        0 if variant == "vessel" else bowl
    )
    body = basin(outline, bowl, 0.03, max(inner, rim - 0.25), rim, inner)
    if variant == "double":
        body = mirror(body.moved(width * 0.5))
        width *= 2
        if style.flag("has_drainboard", 0.5):
            board = linear_array(box(0.02, 0.012, depth * 0.8).moved(width * 0.56, bowl), 7, x=0.05)
            made.add("counter", color, box(width * 0.42, 0.015, depth).moved(width * 0.71, bowl - 0.015), board)
    made.add("basin", color, body.moved(y=level))
    top = level + bowl
    if variant == "drop_in" and style.flag("has_rim", 0.6):
        edge = polygon(28, width / 2 * 1.06, depth / 2 * 1.08, 14)
        hole = polygon(28, width / 2 * 0.97, depth / 2 * 0.97, power)
        made.add("counter", color, rim_ring(edge, hole, top - 0.015, top))
    _under_sink(style, made, variant, (width, depth, level), (color, wood, metal))
    if style.flag("has_faucet", 0.65):
        tap = faucet(style.real("faucet_height", 0.1, 0.32), style.real("faucet_reach", 0.1, 0.22), 0.012)
        made.add("faucet", metal, tap.moved(y=top, z=-depth / 2 * 0.92))
    if style.flag("has_splash_back", 0.2):
        counter = box(width, style.real("splash_height", 0.08, 0.25), 0.025).moved(y=top - 0.01, z=-depth / 2)
        made.add("counter", color, counter)
    return made


def _under_sink(
    style: Style, made: Assembly, variant: str, size: tuple[float, float, float], colors: tuple[Color, Color, Color]
) -> None:
    width, depth, level = size
    color, wood, metal = colors
    if variant == "pedestal":
        pedestal = stack_rings(
            [polygon(18, r * width, r * width * 0.9) for r in (0.24, 0.14, 0.12, 0.26)],
            [0, level * 0.12, level * 0.6, level + 0.03],
        )
        made.add("pedestal", color, pedestal)
    elif variant == "console":
        made.add("leg", metal, four_legs(width * 0.95, depth * 0.9, level + 0.08, 0.016, 0.0, True))
        made.add("leg", metal, tube([(0, level, 0), (0, level - 0.15, 0), (0, level - 0.15, -depth / 2)], 0.02, 7))
    elif variant == "counter":
        _counter(style, made, (width, depth), wood)
    elif variant == "vanity":
        made.add("counter", wood, box(width * 1.08, level + 0.02, depth * 1.05))
        door = mirror(box(width * 0.46, level * 0.8, 0.02).moved(width * 0.25, level * 0.08, depth * 0.525))
        made.add("door", tinted(wood, 0.85), door)
    elif variant == "vessel":
        long = width * style.real("counter_length", 1.3, 2.2)
        made.add("counter", wood, box(long, 0.06, depth * 1.25))
        if style.flag("has_legs", 0.4):
            made.add("leg", wood, four_legs(long, depth * 1.2, 0.75, 0.025).moved(y=-0.75))


def _counter(style: Style, made: Assembly, size: tuple[float, float], color: Color) -> None:
    """Surround a basin, sunk to its rim, with a wide slab; sometimes on boards or legs."""
    width, depth = size
    top = max(shape.vertices[:, 1].max() for _, _, shape in made.pieces)
    long, deep = width * style.real("counter_length", 1.4, 3.0), depth * style.real("counter_depth", 1.15, 1.5)
    shift = style.real("basin_place", -0.3, 0.3) * (long - width)
    hole, slab = polygon(28, width / 2, depth / 2, 12), polygon(28, long / 2, deep / 2, 40)
    slab = slab + np.array([shift, 0.0])
    thick = style.real("counter_thickness", 0.02, 0.08)
    made.add("counter", color, rim_ring(slab, hole * 0.97, top - thick, top))
    if style.flag("has_supports", 0.5):
        low = style.real("support_height", 0.3, 0.8)
        support = four_legs(long * 0.98, deep * 0.98, low, style.real("leg_thickness", 0.02, 0.05))
        made.add("leg", color, support.moved(shift, top - low))


def toilet(style: Style) -> Assembly:
    """Toilet: with a tank, one-piece, wall-hung, or squat; lid open or shut."""
    made = Assembly()
    variant = style.choice("variant", {"tank": 5, "one_piece": 1.5, "wall_hung": 0.8, "high_tank": 0.3})
    color = style.color(
        "bowl_color",
        {
            "white porcelain": (244, 244, 240),
            "ivory": (234, 224, 200),
            "grey": (190, 192, 192),
            "pink": (226, 190, 190),
        },
    )
    seat_color = style.color(
        "seat_color", {"white": (236, 236, 234), "black": (40, 40, 42), "oak": palette.WOOD["oak"]}
    )
    metal = style.color("fitting_color", palette.METAL)
    width, length = style.real("width", 0.34, 0.42), style.real("length", 0.44, 0.56)
    height = style.real("height", 0.36, 0.44)
    egg = polygon(28, width / 2, length / 2, 2.2)
    egg = egg * np.stack([1 - 0.16 * (egg[:, 1] / length * 2), np.ones(28)], axis=1)
    foot, waist = style.real("foot_size", 0.45, 0.75), style.real("waist", 0.4, 0.65)
    back = np.array([0, -length * 0.16])
    rings = [egg * foot + back, egg * waist + back, egg * 0.9, egg, egg * 0.74, egg * 0.3 + back * 0.3]
    levels = [0, height * 0.4, height * 0.8, height, height, height * 0.55]
    if variant == "wall_hung":
        rings[0] = egg * 0.5 + back
        rings[1] = egg * 0.8 + back * 0.4
        levels[0] = height * 0.35
        levels[1] = height * 0.55
    made.add("bowl", color, stack_rings(rings, levels))
    if variant != "wall_hung":
        bowl = box(width * 0.6, height * style.real("rear_height", 0.6, 1.0), length * 0.5).moved(z=-length * 0.42)
        made.add("bowl", color, bowl)
    made.add("seat", seat_color, rim_ring(egg, egg * 0.66, height, height + 0.025))
    lid = stack_rings([egg, egg * 1.01, egg * 0.95], [0, 0.015, 0.03])
    if style.flag("has_open_lid", 0.4):
        lid = lid.moved(z=length / 2).turned("x", -style.real("lid_deg", 85, 105)).moved(y=height + 0.03, z=-length / 2)
    else:
        lid = lid.moved(y=height + 0.025)
    if style.flag("has_lid", 0.85):
        made.add("lid", seat_color, lid)
    _tank(style, made, variant, (width, length, height), (color, metal))
    return made


def _tank(
    style: Style, made: Assembly, variant: str, size: tuple[float, float, float], colors: tuple[Color, Color]
) -> None:
    (width, length, height), (color, metal) = size, colors
    tank_width, tank_depth = width * style.real("tank_width", 0.95, 1.3), style.real("tank_depth", 0.16, 0.22)
    rear = -length / 2 - tank_depth / 2 + 0.02
    low, tall = height * (1.0 if variant == "tank" else 0.3), style.real("tank_height", 0.28, 0.42)
    if variant == "one_piece":
        tall = height * 0.7 + tall * 0.55
    if variant == "high_tank":
        low = 1.5
        made.add("tank", metal, bar((0, height, rear), (0, low, rear), 0.02))
    if variant != "wall_hung":
        made.add(
            "tank",
            color,
            box(tank_width, tall, tank_depth, 0.02).moved(y=low, z=rear),
            box(tank_width * 1.06, 0.03, tank_depth * 1.1, 0.01).moved(y=low + tall, z=rear),
        )
        made.add(
            "handle", metal, box(0.06, 0.015, 0.02).moved(-tank_width * 0.35, low + tall * 0.8, rear + tank_depth / 2)
        )
    elif style.flag("has_wall_plate", 0.5):
        made.add("tank", color, box(width * 1.4, 1.0, 0.1).moved(z=-length / 2 - 0.03))

"""Skateboards, umbrellas and teddy bears."""

from __future__ import annotations

import numpy as np

from concord3d.world.objects import palette
from concord3d.world.objects.categories.style import Assembly, Color, Style, tinted
from concord3d.world.objects.grammar import (
    Array,
    Shape,
    bar,
    box,
    cushion,
    cylinder,
    ellipsoid,
    frustum,
    fuselage,
    join,
    loft,
    mirror,
    radial_array,
    smooth,
    stack_rings,
    tube,
)

_FUR = {
    "brown": (134, 88, 52),
    "honey": (206, 156, 88),
    "cream": (232, 214, 180),
    "grey": (150, 148, 146),
    "dark brown": (82, 54, 38),
    "white": (240, 238, 232),
    "pink": (232, 160, 186),
}


def skateboard(style: Style) -> Assembly:
    """Skateboard: street deck with two kicks, cruiser with one, or flat longboard, rolling along z."""
    made = Assembly()
    variant = style.choice("variant", {"street": 3, "cruiser": 1.5, "longboard": 1.5})
    grip = style.color("grip_color", {"black": palette.DARK, "dark grey": (74, 74, 78)}, palette.PLASTIC)
    deck, wheel = style.color("deck_color", palette.WOOD, palette.PAINT), style.color("wheel_color", palette.PLASTIC)
    metal = style.color("axle_color", palette.METAL)
    long = {"street": 0.8, "cruiser": 0.6, "longboard": 1.05}[variant] * style.real("length", 0.93, 1.07)
    half = {"street": 0.1, "cruiser": 0.078, "longboard": 0.115}[variant] * style.real("width", 0.9, 1.1)
    radius = {"street": 0.028, "cruiser": 0.032, "longboard": 0.037}[variant] * style.real("wheel_size", 0.9, 1.2)
    tail = style.real("tail_rise", 0.03, 0.07) * (variant != "longboard")
    nose = style.real("nose_rise", 0.03, 0.07) * (variant == "street") + 0.012 * (variant == "cruiser")
    level = radius * 2 + style.real("clearance", 0.025, 0.04)
    point = style.real("pointedness", 1.6, 3.0) * (0.6 if variant == "longboard" else 1.0)
    for color, low, high, share in ((deck, 0.0, 0.012, 1.0), (grip, 0.011, 0.016, 0.985)):
        made.add("deck", color, _deck((long, half * share), (tail, nose), point, (low, high)).moved(y=level))
    trucks = long * style.real("truck_place", 0.27, 0.31)
    track = half * style.real("track", 0.75, 1.0)
    for z in (trucks, -trucks):
        made.add("truck", metal, bar((-track, radius, z), (track, radius, z), 0.009))
        made.add("truck", metal, frustum(0.016, 0.03, level - radius, 8).moved(y=radius, z=z))
        made.add("truck", tinted(metal, 0.7), box(0.055, 0.008, 0.085).moved(y=level - 0.008, z=z))
        roll = cylinder(radius, 0.036, 14).moved(y=-0.018).turned("z", 90)
        hub = cylinder(radius * 0.45, 0.04, 8).moved(y=-0.02).turned("z", 90)
        made.add("wheel", wheel, mirror(roll.moved(track, radius, z)))
        made.add("wheel", tinted(metal, 1.1), mirror(hub.moved(track, radius, z)))
    if style.flag("has_stripe", 0.4):
        stripe = box(half * 0.5, 0.003, long * 0.5).moved(y=level + 0.0155)
        made.add("deck", style.color("stripe_color", palette.FLOWER), stripe)
    if style.flag("has_rails", 0.2):
        made.add(
            "rail",
            wheel,
            mirror(bar((half * 0.7, level, -long * 0.2), (half * 0.7, level, long * 0.2), 0.006, sides=6)),
        )
    return made


def _deck(size: tuple[float, float], kicks: tuple[float, float], point: float, height: tuple[float, float]) -> Shape:
    """Return a board along z whose ends are round and rise by ``kicks`` (tail, nose)."""
    (long, half), (low, high) = size, height
    t = np.concatenate([[-1, -0.985, -0.95], np.linspace(-0.88, 0.88, 13), [0.95, 0.985, 1]])
    width = half * (1 - np.abs(t) ** (2 * point * 2)) ** 0.5 * 0.94 + half * 0.06
    rise = np.where(t < 0, kicks[0], kicks[1]) * np.clip((np.abs(t) - 0.62) / 0.38, 0, None) ** 1.4
    return fuselage(np.column_stack([t * long / 2, rise + low, rise + high, width]), 6, 12)


def umbrella(style: Style) -> Assembly:
    """Umbrella: open with its shaft upright or resting on the ground, folded, or a parasol on a stand."""
    made = Assembly()
    variant = style.choice("variant", {"open": 2.5, "resting": 1.5, "folded": 1.3, "parasol": 1.2})
    cloth, second = (
        style.color("cloth_color", palette.FABRIC, palette.FLOWER),
        style.color("gore_color", palette.FABRIC),
    )
    shaft = style.color("shaft_color", palette.METAL, palette.WOOD)
    grip = style.color("handle_color", palette.WOOD, {"black": palette.DARK})
    ribs = style.whole("num_ribs", 6, 10)
    radius, height = style.real("radius", 0.42, 0.6), style.real("height", 0.8, 0.95)
    if variant == "parasol":
        radius, height = radius * 2.2, height * 2.5
    thick = 0.008 if variant != "parasol" else 0.022
    if variant == "folded":
        _folded(style, made, (cloth, tinted(cloth, 0.8)), height, ribs)
    else:
        depth = radius * style.real("canopy_depth", 0.3, 0.6)
        striped = style.flag("has_two_colors", 0.35)
        for number in range(ribs):
            gore = _gore(radius, depth, ribs).turned("y", 360 * number / ribs).moved(y=height - depth)
            made.add("canopy", second if striped and number % 2 else cloth, gore)
        low, knee = np.array([0, height - depth * 1.25, 0]), np.array([radius * 0.55, height - depth * 0.36, 0])
        made.add("rib", palette.METAL["steel"], radial_array(bar(low, knee, thick * 0.5, sides=3), ribs))
    made.add("shaft", shaft, bar((0, 0.05, 0), (0, height + 0.05, 0), thick))
    made.add("shaft", shaft, cylinder(thick * 0.8, 0.06, 6).moved(y=height + 0.02))
    if variant == "parasol":
        foot = style.real("foot_radius", 0.22, 0.32)
        made.add("foot", palette.STONE["granite"], frustum(foot, foot * 0.7, 0.1, 20))
    elif style.choice("handle", {"crook": 3, "straight": 1}) == "crook":
        turn = np.linspace(0, np.pi, 8)
        path = np.concatenate(
            [[[0, 0.14, 0]], np.column_stack([0.045 - 0.045 * np.cos(turn), 0.045 - 0.045 * np.sin(turn), 0 * turn])]
        )
        made.add("handle", grip, tube(path, thick * 1.7, 7))
    else:
        made.add("handle", grip, cylinder(thick * 2.0, 0.14, 10))
    if variant != "resting":
        return made
    lean = style.real("lean_deg", 100, 120)
    turned = [(part, color, shape.turned("z", lean)) for part, color, shape in made.pieces]
    return Assembly(turned)


def _gore(radius: float, depth: float, ribs: int) -> Shape:
    """Return one sector of a canopy as a thin closed shell; its edge hangs between the ribs."""
    angles = np.linspace(0, 2 * np.pi / ribs, 5)
    slack = 0.09 * radius * np.sin(np.pi * np.linspace(0, 1, 5))
    rows = []
    for t in np.linspace(0.02, 1, 7):
        reach = radius * np.sin(t * np.pi / 2 * 0.97) - slack * t * 0.6
        y = depth * np.cos(t * np.pi / 2) + slack * t**2
        rows.append(np.column_stack([reach * np.cos(angles), y, -reach * np.sin(angles)]))
    return _shell(np.array(rows), 0.006 * radius)


def _shell(grid: Array, thickness: float) -> Shape:
    """Return the closed shell below a (rows, columns, 3) surface."""
    return loft(np.concatenate([grid, (grid - np.array([0, thickness, 0]))[:, ::-1]], axis=1))


def _folded(style: Style, made: Assembly, colors: tuple[Color, Color], height: float, ribs: int) -> None:
    angle = np.linspace(0, 2 * np.pi, 4 * ribs, endpoint=False)
    wave = 1 + style.real("fold", 0.15, 0.4) * np.cos(ribs * angle)
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) * wave[:, None]
    fat = style.real("fatness", 0.035, 0.06)
    rows = [(0.5, 0.26), (1.0, 0.3), (0.9, 0.5), (0.6, 0.8), (0.15, 1.0)]
    made.add("canopy", colors[0], stack_rings([ring * fat * r for r, _ in rows], [height * y for _, y in rows]))
    made.add("strap", colors[1], cylinder(fat * 1.15, 0.02, 14).moved(y=height * 0.42))


def teddy_bear(style: Style) -> Assembly:
    """Teddy bear: sitting, standing or with open arms; bow, jumper or nothing on; looking towards +z."""
    made = Assembly()
    variant = style.choice("variant", {"sitting": 3, "standing": 1.5, "hugging": 1})
    fur = style.color("fur_color", _FUR)
    pale = style.color(
        "muzzle_color", {"cream": (236, 220, 190), "white": (242, 240, 236), "matching": tinted(fur, 1.12)}
    )
    round_, size = style.real("belly", 0.85, 1.15), style.real("head_size", 0.85, 1.15)
    sitting = variant == "sitting"
    hip = 0.11 if sitting else 0.24
    belly = hip + 0.1
    head = belly + 0.13 + 0.09 * size
    dressed = style.flag("has_jumper", 0.25)
    shirt = style.color("shirt_color", palette.FLOWER, palette.FABRIC) if dressed else fur
    made.add("body", shirt, ellipsoid(0.11 * round_, 0.135, 0.1 * round_, 9, 14).moved(y=belly))
    if not dressed and style.flag("has_pale_belly", 0.4):
        made.add("body", pale, ellipsoid(0.075 * round_, 0.09, 0.04, 7, 12).moved(y=belly - 0.01, z=0.068 * round_))
    made.add("head", fur, ellipsoid(0.1 * size, 0.092 * size, 0.09 * size, 9, 14).moved(y=head))
    made.add(
        "head", pale, ellipsoid(0.048 * size, 0.038 * size, 0.045 * size, 7, 12).moved(y=head - 0.025, z=0.085 * size)
    )
    made.add("head", palette.DARK, ellipsoid(0.016, 0.012, 0.012, 6, 8).moved(y=head - 0.012, z=0.13 * size))
    eye = ellipsoid(0.011, 0.012, 0.008, 6, 8).moved(0.036 * size, head + 0.022, 0.08 * size)
    made.add("head", palette.DARK, mirror(eye))
    ear, out = style.real("ear_size", 0.032, 0.05), 0.074 * size
    made.add("ear", fur, mirror(ellipsoid(ear, ear, ear * 0.5, 7, 12).moved(out, head + 0.08 * size)))
    made.add(
        "ear",
        pale,
        mirror(ellipsoid(ear * 0.6, ear * 0.6, ear * 0.3, 6, 10).moved(out, head + 0.08 * size, ear * 0.35)),
    )
    _bear_limbs(style, made, variant, (hip, belly), (fur, shirt, pale), round_)
    if style.flag("has_bow", 0.45):
        color = style.color("bow_color", palette.FLOWER, {"blue": (52, 90, 180)})
        y, z = belly + 0.12, 0.085
        made.add("bow", color, mirror(ellipsoid(0.035, 0.025, 0.014, 6, 10).moved(0.036, y, z)))
        made.add("bow", tinted(color, 0.85), ellipsoid(0.014, 0.016, 0.016, 6, 8).moved(y=y, z=z + 0.004))
    return made


def _bear_limbs(
    style: Style,
    made: Assembly,
    variant: str,
    heights: tuple[float, float],
    colors: tuple[Color, Color, Color],
    round_: float,
) -> None:
    (hip, belly), (fur, sleeve, pale) = heights, colors
    thick, long = style.real("limb_thickness", 0.036, 0.05), style.real("arm_length", 0.14, 0.19)
    raise_deg = {"sitting": style.real("arm_deg", -30, 20), "standing": style.real("arm_deg", -60, -20)}.get(
        variant, 40.0
    )
    shoulder = np.array([0.08 * round_, belly + 0.07, 0.01])
    lift = np.radians(raise_deg + style.jitter(6))
    ahead = 0.75 if variant == "hugging" else 0.45
    along = np.array([np.cos(lift), np.sin(lift), ahead])
    hand = shoulder + long * along / np.linalg.norm(along)
    made.add("arm", sleeve, mirror(_limb(shoulder, hand, thick)))
    made.add("arm", fur, mirror(ellipsoid(thick * 1.05, thick * 1.05, thick * 1.05, 7, 10).moved(*hand)))
    if variant == "sitting":
        spread = np.radians(style.real("leg_spread_deg", 15, 40))
        start = np.array([0.05, hip - 0.04, 0.02])
        foot = start + np.array([np.sin(spread), 0.0, np.cos(spread)]) * 0.17
        sole = cushion(0.075, 0.03, 0.1, 2.4, 12).turned("x", 90).moved(y=0.02, z=0.015)
        made.add("leg", fur, mirror(_limb(start, foot, thick * 1.25)))
        made.add(
            "leg",
            pale,
            mirror(sole.turned("y", float(np.degrees(spread))).moved(*(foot + np.array([0.01, -0.005, 0.02])))),
        )
        return
    start, foot = np.array([0.05, hip, 0]), np.array([0.07, 0.05, 0.0])
    made.add("leg", fur, mirror(_limb(start, foot, thick * 1.3)))
    made.add("leg", fur, mirror(cushion(0.085, 0.06, 0.14, 2.5, 12).moved(0.07, 0, 0.025)))


def _limb(start: Array, end: Array, radius: float) -> Shape:
    path = smooth([start, (start + end) / 2, end], 5)
    return join([tube(path, radius, 9), *(ellipsoid(radius, radius, radius, 6, 9).moved(*p) for p in (start, end))])
